// SPDX-License-Identifier: Apache-2.0
#include "build/file/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/file/heredoc.h"
#include "build/file/line.h"

/* The text, read line by line. */
struct reader {
    const char *name;
    struct dockerfile *file;
    size_t next; /* the line that is read next, from 0 */
};

int dockerfile_error(const char *name, int line, struct error **err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    str_replace_control(text);
    return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s:%d: %s", name, line, text);
}

/* Of two that are as near, the one that begins as the word does: what is mistyped is mostly not the
 * first letter. */
const char *nearest_word(const char *word, const char *const *list)
{
    const char *best = NULL;
    size_t least = 2 * (strlen(word) / 3 + 1) + 2;
    for (size_t i = 0; list[i] && strlen(word) < 64; i++) {
        size_t d = 2 * str_distance(word, list[i]) + (word[0] != list[i][0]);
        if (d < least) {
            best = list[i];
            least = d;
        }
    }
    return best;
}

static void split_lines(struct dockerfile *d, const char *text)
{
    if (str_starts(text, "\xef\xbb\xbf")) {
        text += 3;
    }
    while (*text) {
        size_t n = strcspn(text, "\n");
        size_t end = n && text[n - 1] == '\r' ? n - 1 : n;
        strv_add_take(&d->lines, xstrndup(text, end));
        text += n + (text[n] == '\n');
    }
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t\v\f\r");
}

static bool is_comment(const char *line)
{
    return *skip_blanks(line) == '#';
}

/* "# key = value" → 1; 0: none. */
static int read_directive(const char *line, char **ret_key, char **ret_value)
{
    const char *s = skip_blanks(line);
    if (*s != '#') {
        return 0;
    }
    s = skip_blanks(s + 1);
    size_t n = 0;
    while (isalnum((unsigned char)s[n])) {
        n++;
    }
    const char *value = skip_blanks(s + n);
    if (!n || !isalpha((unsigned char)s[0]) || *value != '=') {
        return 0;
    }
    value = skip_blanks(value + 1);
    size_t len = strlen(value);
    while (len && isspace((unsigned char)value[len - 1])) {
        len--;
    }
    if (!len) {
        return 0;
    }
    *ret_key = xstrndup(s, n);
    *ret_value = xstrndup(value, len);
    for (char *c = *ret_key; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return 1;
}

static int set_directive(struct dockerfile *d, const char *key, const char *value, int line,
                         bool *escape_seen, struct error **err)
{
    bool again = (str_equal(key, "escape") && *escape_seen) ||
                 (str_equal(key, "syntax") && d->syntax) || (str_equal(key, "check") && d->check);
    if (again) {
        return dockerfile_error(d->name, line, err, "only one '%s' parser directive can be used",
                                key);
    }
    if (str_equal(key, "syntax")) {
        d->syntax = xstrdup(value);
    } else if (str_equal(key, "check")) {
        d->check = xstrdup(value);
    } else if (str_equal(value, "\\") || str_equal(value, "`")) {
        d->escape = value[0];
        *escape_seen = true;
    } else {
        return dockerfile_error(d->name, line, err, "escape is '\\' or '`', not '%s'", value);
    }
    return 0;
}

/* Those at the top; the first line that is none ends them. */
static int read_directives(struct dockerfile *d, struct error **err)
{
    static const char *const known[] = {"syntax", "escape", "check", NULL};
    bool escape_seen = false;
    int r = 0;
    for (size_t i = 0; i < d->lines.count && r == 0; i++) {
        CLEANUP(free) char *key = NULL;
        CLEANUP(free) char *value = NULL;
        if (i == 0 && str_starts(d->lines.items[0], "#!")) {
            continue;
        }
        if (!read_directive(d->lines.items[i], &key, &value) || !str_in(key, known)) {
            break;
        }
        r = set_directive(d, key, value, (int)i + 1, &escape_seen, err);
    }
    return r;
}

/* Cuts a continuation mark off; whether there was one. An escaped mark is none. */
static bool cut_continuation(char *line, char escape)
{
    size_t n = strlen(line);
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
        n--;
    }
    if (!n || line[n - 1] != escape || (n > 1 && line[n - 2] == escape)) {
        return false;
    }
    line[n - 1] = '\0';
    return true;
}

/* The lines of one instruction, joined. NULL: there was none left. */
static char *read_joined(struct reader *r, int *ret_line)
{
    struct dockerfile *d = r->file;
    CLEANUP(strbuf) struct strbuf text = {0};
    while (r->next < d->lines.count &&
           (is_comment(d->lines.items[r->next]) || !*skip_blanks(d->lines.items[r->next]))) {
        r->next++;
    }
    if (r->next == d->lines.count) {
        return NULL;
    }
    *ret_line = (int)r->next + 1;
    bool more = true, first = true;
    while (more && r->next < d->lines.count) {
        const char *line = d->lines.items[r->next++];
        if (!first && is_comment(line)) {
            continue;
        }
        if (!first && !*skip_blanks(line)) {
            d->has_empty_continuation = true;
            d->empty_continuation_line =
                d->empty_continuation_line ? d->empty_continuation_line : (int)r->next;
            continue;
        }
        CLEANUP(free) char *copy = xstrdup(first ? skip_blanks(line) : line);
        more = cut_continuation(copy, d->escape);
        strbuf_adds(&text, copy);
        first = false;
    }
    return strbuf_take(&text);
}

/* The lines up to the one that is the name alone. */
static int read_heredoc(struct reader *r, const struct heredoc_mark *mark, int line,
                        struct heredoc *ret, struct error **err)
{
    struct dockerfile *d = r->file;
    CLEANUP(strbuf) struct strbuf content = {0};
    CLEANUP(strbuf) struct strbuf raw = {0};
    for (; r->next < d->lines.count; r->next++) {
        const char *text = d->lines.items[r->next];
        const char *stripped = mark->chomp ? text + strspn(text, "\t") : text;
        if (str_equal(stripped, mark->name)) {
            r->next++;
            *ret = (struct heredoc){.name = xstrdup(mark->name),
                                    .content = strbuf_take(&content),
                                    .raw = strbuf_take(&raw),
                                    .expand = mark->expand};
            return 0;
        }
        strbuf_addf(&content, "%s\n", stripped);
        strbuf_addf(&raw, "%s\n", text);
    }
    return dockerfile_error(d->name, line, err, "the here-document '%s' is not ended", mark->name);
}

static int read_heredocs(struct reader *r, struct instruction *i, struct error **err)
{
    struct heredoc_mark *marks = NULL;
    size_t count = 0;
    int result = 0;
    if (!heredoc_is_taken_by(i)) {
        return 0;
    }
    heredoc_marks_find(i->rest, r->file->escape, &marks, &count);
    i->heredocs = xcalloc(count, sizeof(*i->heredocs));
    for (size_t n = 0; n < count && result == 0; n++) {
        result = read_heredoc(r, &marks[n], i->line, &i->heredocs[n], err);
        i->heredoc_count += result == 0;
    }
    heredoc_marks_free(marks, count);
    return result;
}

static int read_instruction(struct reader *r, struct error **err)
{
    struct dockerfile *d = r->file;
    int line = 0;
    CLEANUP(free) char *text = read_joined(r, &line);
    if (!text) {
        return 0;
    }
    d->items = xrealloc(d->items, (d->count + 1) * sizeof(*d->items));
    struct instruction *i = &d->items[d->count];
    *i = (struct instruction){0};
    int result = instruction_parse(d->name, text, d->escape, line, i, err);
    if (result < 0) {
        return result;
    }
    d->count++;
    result = read_heredocs(r, i, err);
    i->last_line = (int)r->next;
    return result;
}

static int check_begin(const struct dockerfile *d, struct error **err)
{
    if (!d->count) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: it has no instructions", d->name);
    }
    for (size_t i = 0; i < d->count; i++) {
        if (d->items[i].kind == I_FROM) {
            return 0;
        }
        if (d->items[i].kind != I_ARG) {
            return dockerfile_error(d->name, d->items[i].line, err,
                                    "'%s' stands before the first FROM (only ARG may)",
                                    d->items[i].keyword);
        }
    }
    return error_set(err, ERROR_INVALID_INPUT, 0, "%s: there is no FROM in it", d->name);
}

int dockerfile_parse(const char *name, const char *text, size_t len, struct dockerfile *ret,
                     struct error **err)
{
    *ret = (struct dockerfile){.name = xstrdup(name), .escape = '\\'};
    if (strnlen(text, len) < len) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: it is no text: there is a zero in it",
                         name);
    }
    CLEANUP(free) char *copy = xstrndup(text, len);
    split_lines(ret, copy);
    int r = read_directives(ret, err);
    struct reader reader = {.name = name, .file = ret};
    while (r == 0 && reader.next < ret->lines.count) {
        r = read_instruction(&reader, err);
    }
    return r < 0 ? r : check_begin(ret, err);
}

void instruction_done(struct instruction *i)
{
    free(i->keyword);
    free(i->rest);
    strv_done(&i->flags);
    strv_done(&i->json);
    for (size_t n = 0; n < i->heredoc_count; n++) {
        free(i->heredocs[n].name);
        free(i->heredocs[n].content);
        free(i->heredocs[n].raw);
    }
    free(i->heredocs);
    *i = (struct instruction){0};
}

void dockerfile_done(struct dockerfile *d)
{
    for (size_t i = 0; i < d->count; i++) {
        instruction_done(&d->items[i]);
    }
    free(d->items);
    free(d->name);
    free(d->syntax);
    free(d->check);
    strv_done(&d->lines);
    *d = (struct dockerfile){0};
}
