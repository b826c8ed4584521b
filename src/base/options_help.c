// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <string.h>

#define COLUMNS 80
#define LEFT_MAX 30 /* an option longer than this has its help on the next line */

const char *option_default_metavar(enum option_type type)
{
    static const char *const names[] = {
        [OPTION_FLAG] = NULL,         [OPTION_STRING] = "TEXT", [OPTION_LIST] = "TEXT",
        [OPTION_INTEGER] = "NUMBER",  [OPTION_BYTES] = "SIZE",  [OPTION_DURATION] = "DURATION",
        [OPTION_DECIMAL] = "DECIMAL",
    };
    return names[type];
}

/* "  -e, --env KEY=VALUE" */
static char *left_text(const struct option *o)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    if (o->short_name) {
        strbuf_addf(&b, "  -%c, ", o->short_name);
    } else {
        strbuf_adds(&b, "      ");
    }
    strbuf_addf(&b, "--%s", o->name);
    const char *metavar = o->metavar ? o->metavar : option_default_metavar(o->type);
    if (o->type != OPTION_FLAG && metavar) {
        strbuf_addf(&b, " %s", metavar);
    }
    return strbuf_take(&b);
}

/* What a text takes on a terminal: characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

/* Prints text broken at spaces, the lines behind the first indented by `indent`. */
static void print_wrapped(FILE *stream, const char *text, size_t indent)
{
    size_t width = COLUMNS - indent;
    while (strlen(text) > width) {
        size_t cut = width;
        while (cut > 0 && text[cut] != ' ') {
            cut--;
        }
        if (cut == 0) {
            cut = strcspn(text, " ");
        }
        fprintf(stream, "%.*s\n", (int)cut, text);
        text += cut + strspn(text + cut, " ");
        if (!*text) {
            return;
        }
        fprintf(stream, "%*s", (int)indent, "");
    }
    fprintf(stream, "%s\n", text);
}

static void print_option(FILE *stream, const struct option *o, size_t column)
{
    CLEANUP(free) char *left = left_text(o);
    size_t width = width_of(left);
    if (width + 2 > column) {
        fprintf(stream, "%s\n%*s", left, (int)column, "");
    } else {
        fprintf(stream, "%s%*s", left, (int)(column - width), "");
    }
    print_wrapped(stream, o->help, column);
}

static int by_name(const void *a, const void *b)
{
    const struct option *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void print_options(const struct option *options, FILE *stream)
{
    static const struct option help = {0, "help", OPTION_FLAG, 0, NULL, "Print this help"};
    size_t count = 0, column = 0;
    for (const struct option *o = options; o && o->name; o++) {
        count++;
    }
    CLEANUP(free) const struct option **rows = xcalloc(count + 1, sizeof(const struct option *));
    count = 0;
    rows[count++] = &help;
    for (const struct option *o = options; o && o->name; o++) {
        if (!o->hidden) {
            rows[count++] = o;
        }
    }
    qsort(rows, count, sizeof(*rows), by_name);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(free) char *left = left_text(rows[i]);
        size_t wanted = width_of(left) + 2;
        column = wanted > column && wanted <= LEFT_MAX + 2 ? wanted : column;
    }
    fprintf(stream, "\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        print_option(stream, rows[i], column);
    }
}

void options_print_help(const struct command *command, const char *program, FILE *stream)
{
    CLEANUP(free)
    char *usage = str_format("%s%s%s %s", program, *command->name ? " " : "", command->name,
                             str_or(command->arguments, "[OPTIONS]"));
    fprintf(stream, "Usage: ");
    print_wrapped(stream, usage, strlen("Usage: "));
    fprintf(stream, "\n");
    print_wrapped(stream, command->summary, 0);
    print_options(command->options, stream);
}
