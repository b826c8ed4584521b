// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

/* The words of one command line while it is parsed: options and their values go to `taken`,
 * arguments to `rest`; both are written back to argv at the end. */
struct parser {
    const struct command *command;
    int argc, at;
    char **argv;
    char **taken, **rest;
    int taken_count, rest_count;
    void *values;
    bool help;
    struct error **err;
};

/* "cloison run", or the program's name alone for the global options. */
static char *command_words(const struct command *c)
{
    return *c->name ? str_format("%s %s", error_program(), c->name) : xstrdup(error_program());
}

static int see_help(struct parser *p, int result)
{
    CLEANUP(free) char *words = command_words(p->command);
    return error_hint(p->err, result, "see '%s --help'", words);
}

static const struct option *find_long(const struct option *options, const char *name, size_t len)
{
    for (const struct option *o = options; o && o->name; o++) {
        if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0') {
            return o;
        }
    }
    return NULL;
}

static const struct option *find_short(const struct option *options, char letter)
{
    for (const struct option *o = options; o && o->name; o++) {
        if (o->short_name == letter) {
            return o;
        }
    }
    return NULL;
}

/* The known option nearest to a mistyped one: a prefix counts as near, else a third of the letters
 * may be wrong. */
static const char *nearest_option(const struct option *options, const char *name)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 1;
    for (const struct option *o = options; o && o->name; o++) {
        if (o->hidden) {
            continue;
        }
        size_t d = strlen(name) >= 3 && str_starts(o->name, name) ? 1 : str_distance(name, o->name);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = o->name;
            best_distance = d;
        }
    }
    return best;
}

static int unknown_long(struct parser *p, const char *name, size_t len)
{
    CLEANUP(free) char *word = xstrndup(name, len);
    const char *near = nearest_option(p->command->options, word);
    int r = error_set(p->err, ERROR_USAGE, 0, "unknown option '--%s'", word);
    if (near) {
        CLEANUP(free) char *words = command_words(p->command);
        return error_hint(p->err, r, "did you mean '--%s'? see '%s --help'", near, words);
    }
    return see_help(p, r);
}

static int parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True", NULL};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False", NULL};
    if (!str_in(text, yes) && !str_in(text, no)) {
        return -EINVAL;
    }
    *ret = str_in(text, yes);
    return 0;
}

static int parse_bytes(const char *text, int64_t *ret)
{
    if (str_equal(text, "-1")) {
        *ret = -1;
        return 0;
    }
    return str_to_bytes(text, ret);
}

/* How each type reads a text into its value, and what it says it wants. */
static int read_number(enum option_type type, const char *text, int64_t *ret)
{
    switch (type) {
    case OPTION_INTEGER:
        return str_to_i64(text, 10, ret);
    case OPTION_BYTES:
        return parse_bytes(text, ret);
    case OPTION_DURATION:
        return option_parse_duration_ms(text, ret);
    case OPTION_DECIMAL:
        return option_parse_thousandths(text, ret);
    case OPTION_FLAG:
    case OPTION_STRING:
    case OPTION_LIST:
        break;
    }
    return -EINVAL;
}

static const char *const wanted[] = {
    [OPTION_FLAG] = "true or false",
    [OPTION_STRING] = "a text",
    [OPTION_LIST] = "a text",
    [OPTION_INTEGER] = "an integer",
    [OPTION_BYTES] = "a size such as 512, 64m or 1.5g",
    [OPTION_DURATION] = "a duration such as 10, 500ms or 1m30s",
    [OPTION_DECIMAL] = "a number with at most three decimals, such as 1.5",
};

static int store(struct parser *p, const struct option *o, const char *text)
{
    void *value = (char *)p->values + o->offset;
    int r = 0;
    if (o->type == OPTION_STRING) {
        *(const char **)value = text;
    } else if (o->type == OPTION_LIST) {
        strv_add(value, text);
    } else if (o->type == OPTION_FLAG) {
        r = parse_bool(text, value);
    } else {
        struct option_integer *number = value;
        r = read_number(o->type, text, &number->value);
        number->set = r == 0;
    }
    if (r == -ERANGE) {
        return error_set(p->err, ERROR_USAGE, ERANGE, "option '--%s': '%s' is out of range",
                         o->name, text);
    }
    if (r < 0) {
        r = error_set(p->err, ERROR_USAGE, 0, "option '--%s' needs %s, not '%s'", o->name,
                      wanted[o->type], text);
        return see_help(p, r);
    }
    return 0;
}

/* The value behind an option: `inline_text` when it was written together, else the next word. */
static int store_with_value(struct parser *p, const struct option *o, const char *inline_text)
{
    if (inline_text) {
        return store(p, o, inline_text);
    }
    if (o->type == OPTION_FLAG) {
        return store(p, o, "true");
    }
    if (p->at + 1 >= p->argc) {
        return see_help(p,
                        error_set(p->err, ERROR_USAGE, 0, "option '--%s' needs a value", o->name));
    }
    p->taken[p->taken_count++] = p->argv[++p->at];
    return store(p, o, p->argv[p->at]);
}

/* --name, --name=value, --name value */
static int parse_long(struct parser *p, const char *name)
{
    size_t len = strcspn(name, "=");
    const struct option *o = find_long(p->command->options, name, len);
    if (!o && len == 4 && str_starts(name, "help")) {
        p->help = true;
        return 0;
    }
    if (!o) {
        return unknown_long(p, name, len);
    }
    return store_with_value(p, o, name[len] ? name + len + 1 : NULL);
}

/* -it, -eK=V, -e K=V, -e=K=V, -it=false */
static int parse_short(struct parser *p, const char *letters)
{
    for (const char *s = letters; *s; s++) {
        const struct option *o = find_short(p->command->options, *s);
        if (!o && *s == 'h') {
            p->help = true;
            return 0;
        }
        if (!o) {
            const char *of = letters[1] ? " in '-" : "";
            return see_help(p, error_set(p->err, ERROR_USAGE, 0, "unknown option '-%c'%s%s%s", *s,
                                         of, letters[1] ? letters : "", letters[1] ? "'" : ""));
        }
        bool ends = o->type != OPTION_FLAG || s[1] == '=';
        const char *inline_text = s[1] == '='                      ? s + 2
                                  : o->type != OPTION_FLAG && s[1] ? s + 1
                                                                   : NULL;
        int r = store_with_value(p, o, inline_text);
        if (r < 0 || ends) {
            return r;
        }
    }
    return 0;
}

static int parse_words(struct parser *p)
{
    for (p->at = 0; p->at < p->argc && !p->help; p->at++) {
        char *word = p->argv[p->at];
        if (word[0] != '-' || word[1] == '\0') {
            p->rest[p->rest_count++] = word;
            if (p->command->options_end_at_argument) {
                p->at++;
                break;
            }
            continue;
        }
        p->taken[p->taken_count++] = word;
        if (str_equal(word, "--")) {
            p->at++;
            break;
        }
        int r = word[1] == '-' ? parse_long(p, word + 2) : parse_short(p, word + 1);
        if (r < 0) {
            return r;
        }
    }
    while (p->at < p->argc) {
        p->rest[p->rest_count++] = p->argv[p->at++];
    }
    return 0;
}

static int check_arguments(struct parser *p)
{
    const struct command *c = p->command;
    CLEANUP(free) char *words = command_words(c);
    int r = 0;
    if (p->rest_count < c->min_arguments) {
        r = error_set(p->err, ERROR_USAGE, 0, "'%s' needs at least %d argument%s", words,
                      c->min_arguments, c->min_arguments == 1 ? "" : "s");
    } else if (c->max_arguments == 0 && p->rest_count > 0) {
        r = error_set(p->err, ERROR_USAGE, 0, "'%s' takes no arguments, not '%s'", words,
                      p->rest[0]);
    } else if (c->max_arguments > 0 && p->rest_count > c->max_arguments) {
        r = error_set(p->err, ERROR_USAGE, 0, "'%s' takes at most %d argument%s", words,
                      c->max_arguments, c->max_arguments == 1 ? "" : "s");
    }
    return r < 0 ? error_hint(p->err, r, "usage: %s %s; see '%s --help'", words,
                              str_or(c->arguments, ""), words)
                 : 0;
}

int options_parse(const struct command *command, int argc, char **argv, void *values,
                  int *ret_first, struct error **err)
{
    CLEANUP(free) char **words = xcalloc((size_t)argc * 2 + 1, sizeof(*words));
    struct parser p = {.command = command,
                       .argc = argc,
                       .argv = argv,
                       .taken = words,
                       .rest = words + argc,
                       .values = values,
                       .err = err};
    int r = parse_words(&p);
    if (r < 0) {
        return r;
    }
    if (p.help) {
        return 1;
    }
    assert(p.taken_count + p.rest_count == argc);
    for (int i = 0; i < p.taken_count; i++) {
        argv[i] = p.taken[i];
    }
    for (int i = 0; i < p.rest_count; i++) {
        argv[p.taken_count + i] = p.rest[i];
    }
    *ret_first = p.taken_count;
    return check_arguments(&p);
}

void options_done(const struct option *options, void *values)
{
    for (const struct option *o = options; o && o->name; o++) {
        if (o->type == OPTION_LIST) {
            strv_done((struct strv *)((char *)values + o->offset));
        }
    }
}

int command_execute(const struct command *command, const struct command_context *context, int argc,
                    char **argv, struct error **err)
{
    void *values = xcalloc(1, command->values_size);
    if (command->defaults) {
        command->defaults(values);
    }
    int first = 0;
    int r = options_parse(command, argc, argv, values, &first, err);
    if (r == 1) {
        options_print_help(command, error_program(), stdout);
        r = 0;
    } else if (r == 0) {
        r = command->run(context, values, argc - first, argv + first, err);
    }
    options_done(command->options, values);
    free(values);
    return r;
}

/* One "<number>[.<digits>]<unit>" of a duration; moves *text behind it. */
static int duration_part(const char **text, double *ret_ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}};
    if (!isdigit((unsigned char)**text) && **text != '.') {
        return -EINVAL;
    }
    char *end;
    double value = strtod(*text, &end);
    size_t len = strspn(end, "numsh");
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strlen(units[i].name) == len && strncmp(end, units[i].name, len) == 0) {
            *ret_ms = value * units[i].ms;
            *text = end + len;
            return 0;
        }
    }
    return -EINVAL;
}

int option_parse_duration_ms(const char *text, int64_t *ret)
{
    int64_t seconds;
    if (str_to_i64(text, 10, &seconds) == 0 && seconds >= 0) {
        if (seconds > INT64_MAX / 1000) {
            return -ERANGE;
        }
        *ret = seconds * 1000;
        return 0;
    }
    if (!*text || strspn(text, "0123456789.numsh") != strlen(text)) {
        return -EINVAL;
    }
    double total = 0;
    while (*text) {
        double part = 0;
        if (duration_part(&text, &part) < 0) {
            return -EINVAL;
        }
        total += part;
    }
    if (total > 9e15) {
        return -ERANGE;
    }
    *ret = (int64_t)total;
    return 0;
}

int option_parse_thousandths(const char *text, int64_t *ret)
{
    size_t whole = strspn(text, "0123456789");
    const char *point = text + whole;
    size_t decimals = *point == '.' ? strspn(point + 1, "0123456789") : 0;
    const char *end = *point == '.' ? point + 1 + decimals : point;
    if (*end || whole + decimals == 0) {
        return -EINVAL;
    }
    if (whole > 12) {
        return -ERANGE;
    }
    int64_t value = 0;
    for (size_t i = 0; i < whole; i++) {
        value = value * 10 + (text[i] - '0');
    }
    for (size_t i = 0; i < 3; i++) {
        value = value * 10 + (i < decimals ? point[1 + i] - '0' : 0);
    }
    for (size_t i = 3; i < decimals; i++) {
        if (point[1 + i] != '0') {
            return -EINVAL; /* rounding would apply another limit than was asked for */
        }
    }
    *ret = value;
    return 0;
}
