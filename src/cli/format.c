// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <stdio.h>
#include <string.h>

#include "base/template/template.h"

/* Docker's: columns are at least 10 wide, 3 of them white. */
#define COLUMN_MIN 10
#define COLUMN_GAP 3

struct list {
    struct template *template; /* NULL: JSON lines */
    struct strbuf table;       /* the rows of a table, cells apart by tabs */
    bool is_table;
};

/* Templates on a command line are often in single quotes: \t and \n are meant, as in Docker. */
static char *unescape(const char *text)
{
    struct strbuf b = {0};
    for (const char *s = text; *s; s++) {
        bool tab = s[0] == '\\' && s[1] == 't', line = s[0] == '\\' && s[1] == 'n';
        strbuf_addc(&b, tab ? '\t' : line ? '\n' : *s);
        s += tab || line;
    }
    return strbuf_take(&b);
}

static int add_headings(struct list *l, const struct list_column *columns, struct error **err)
{
    CLEANUP(json) json_t *heads = json_object();
    CLEANUP(json) json_t *methods = json_pack("{s:{}}", "Label");
    for (const struct list_column *c = columns; c->key; c++) {
        json_object_set_new(heads, c->key, json_string(c->heading));
    }
    struct template_data data = {.value = heads, .methods = methods, .headers = true};
    int r = template_execute(l->template, &data, &l->table, err);
    strbuf_addc(&l->table, '\n');
    return r;
}

int list_begin(const char *format, const char *default_template, const struct list_column *columns,
               struct list **ret, struct error **err)
{
    if (!format || !*format) {
        format = "table";
    }
    struct list *l = xcalloc(1, sizeof(*l));
    l->is_table = str_equal(format, "table") || str_starts(format, "table ");
    const char *text = str_equal(format, "table") ? default_template
                       : l->is_table              ? format + strlen("table ")
                                                  : format;
    int r = 0;
    if (!str_equal(format, "json")) {
        CLEANUP(free) char *plain = unescape(text);
        r = template_parse(plain, &l->template, err);
    }
    if (r >= 0 && l->is_table) {
        r = add_headings(l, columns, err);
    }
    if (r < 0) {
        list_cancel(l);
        return r;
    }
    *ret = l;
    return 0;
}

static int print_json(const json_t *object, bool indent, struct error **err)
{
    CLEANUP(free)
    char *text = json_dumps(object, (indent ? JSON_INDENT(4) : JSON_COMPACT) | JSON_ENCODE_ANY);
    if (!text) {
        return error_set(err, ERROR_CORRUPT, 0, "an object is not valid UTF-8");
    }
    printf("%s\n", text);
    return 0;
}

int list_row(struct list *l, json_t *row_take, const json_t *methods, struct error **err)
{
    CLEANUP(json) json_t *row = row_take;
    CLEANUP(strbuf) struct strbuf line = {0};
    if (!l->template) {
        return print_json(row, false, err);
    }
    struct template_data data = {.value = row, .methods = methods};
    int r = template_execute(l->template, &data, &line, err);
    if (r < 0) {
        return r;
    }
    if (l->is_table) {
        if (line.len) {
            str_replace_control(line.data); /* a label may hold anything */
        }
        strbuf_add(&l->table, line.data, line.len);
        strbuf_addc(&l->table, '\n');
    } else {
        printf("%s\n", str_or(line.data, ""));
    }
    return 0;
}

static size_t characters(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return n;
}

#define COLUMNS_MAX 64

/* The width of each column, its gap included; the last cell of a line is as wide as it is. */
static void measure(const char *text, size_t widths[COLUMNS_MAX])
{
    for (size_t column = 0; *text;) {
        size_t len = strcspn(text, "\t\n");
        size_t wanted = characters(text, len) + COLUMN_GAP;
        wanted = wanted < COLUMN_MIN ? COLUMN_MIN : wanted;
        if (text[len] == '\t' && column < COLUMNS_MAX && wanted > widths[column]) {
            widths[column] = wanted;
        }
        column = text[len] == '\n' ? 0 : column + 1;
        text += len + (text[len] != '\0');
    }
}

static void print_table(const char *text)
{
    size_t widths[COLUMNS_MAX] = {0};
    measure(text, widths);
    for (size_t column = 0; *text;) {
        size_t len = strcspn(text, "\t\n");
        fwrite(text, 1, len, stdout); /* main looks at the stream's error */
        if (text[len] == '\t' && column < COLUMNS_MAX) {
            printf("%*s", (int)(widths[column] - characters(text, len)), "");
        } else if (text[len]) {
            putchar(text[len]);
        }
        column = text[len] == '\n' ? 0 : column + 1;
        text += len + (text[len] != '\0');
    }
}

void list_end(struct list *l)
{
    if (l->is_table) {
        print_table(l->table.data);
    }
    list_cancel(l);
}

void list_cancel(struct list *l)
{
    template_free(l->template);
    strbuf_done(&l->table);
    free(l);
}

int print_object(const char *format, const json_t *object, bool indent, struct error **err)
{
    if (!format || !*format || str_equal(format, "json")) {
        return print_json(object, indent, err);
    }
    CLEANUP(template) struct template *t = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    struct template_data data = {.value = object};
    int r = template_parse(format, &t, err);
    r = r < 0 ? r : template_execute(t, &data, &out, err);
    if (r >= 0) {
        printf("%s\n", str_or(out.data, ""));
    }
    return r;
}
