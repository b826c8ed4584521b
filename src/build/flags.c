// SPDX-License-Identifier: Apache-2.0
#include "build/flags.h"

#include <string.h>

static size_t name_length(const char *flag)
{
    return strcspn(flag, "=");
}

static bool is_known(const char *flag, const char *known)
{
    size_t n = strlen(known);
    bool wants_value = n && known[n - 1] == '=';
    n -= wants_value;
    return name_length(flag) == n && strncmp(flag, known, n) == 0 && (!wants_value || flag[n]);
}

static int unknown(const char *file, const struct instruction *i, const char *flag,
                   const char *const *known, struct error **err)
{
    CLEANUP(free) char *word = xstrndup(flag, name_length(flag));
    CLEANUP(strv) struct strv names = {0};
    for (size_t n = 0; known[n]; n++) {
        strv_add_take(&names, xstrndup(known[n], strcspn(known[n], "=")));
        if (str_equal(names.items[n], word)) {
            return dockerfile_error(file, i->line, err, "%s: '--%s' needs a value",
                                    instruction_name(i->kind), word);
        }
    }
    const char *near = names.count ? nearest_word(word, (const char *const *)names.items) : NULL;
    return near ? dockerfile_error(file, i->line, err,
                                   "%s has no flag '--%.40s' (did you mean '--%s'?)",
                                   instruction_name(i->kind), word, near)
                : dockerfile_error(file, i->line, err, "%s has no flag '--%.40s'",
                                   instruction_name(i->kind), word);
}

int flags_check(const char *file, const struct instruction *i, const char *const *known,
                struct error **err)
{
    for (size_t f = 0; f < i->flags.count; f++) {
        const char *flag = i->flags.items[f] + 2;
        bool found = false;
        for (size_t n = 0; known[n] && !found; n++) {
            found = is_known(flag, known[n]);
        }
        if (!found) {
            return unknown(file, i, flag, known, err);
        }
    }
    return 0;
}

const char *flag_value(const struct instruction *i, const char *name)
{
    for (size_t f = i->flags.count; f > 0; f--) {
        const char *flag = i->flags.items[f - 1] + 2;
        size_t n = name_length(flag);
        if (n == strlen(name) && strncmp(flag, name, n) == 0) {
            return flag[n] ? flag + n + 1 : flag + n;
        }
    }
    return NULL;
}

int flag_bool(const char *file, const struct instruction *i, const char *name, bool *ret,
              struct error **err)
{
    static const char *const yes[] = {"", "true", "1", "True", "TRUE", "t", "T", NULL};
    static const char *const no[] = {"false", "0", "False", "FALSE", "f", "F", NULL};
    const char *value = flag_value(i, name);
    if (value && !str_in(value, yes) && !str_in(value, no)) {
        return dockerfile_error(file, i->line, err, "'--%s' is true or false, not '%s'", name,
                                value);
    }
    *ret = value && str_in(value, yes);
    return 0;
}

void flag_list(const struct instruction *i, const char *name, struct strv *ret)
{
    CLEANUP(free) char *prefix = str_format("--%s=", name);
    for (size_t f = 0; f < i->flags.count; f++) {
        if (str_starts(i->flags.items[f], prefix)) {
            strv_add(ret, i->flags.items[f] + strlen(prefix));
        }
    }
}

void fields_split(const char *text, struct strv *ret)
{
    CLEANUP(strbuf) struct strbuf field = {0};
    bool quoted = false;
    for (const char *s = text; *s; s++) {
        if (*s == '"') {
            if (quoted && s[1] == '"') {
                strbuf_addc(&field, *s++);
            } else {
                quoted = !quoted;
            }
        } else if (*s == ',' && !quoted) {
            strv_add_take(ret, strbuf_take(&field));
        } else {
            strbuf_addc(&field, *s);
        }
    }
    if (field.len || !ret->count) {
        strv_add_take(ret, strbuf_take(&field));
    }
}
