// SPDX-License-Identifier: Apache-2.0
#include "base/yaml/interpolate.h"

#include <ctype.h>
#include <string.h>

#define NESTING_MAX 16 /* of ${A:-${B:-…}}: nobody writes more by hand */

static bool is_name_start(char c)
{
    return c == '_' || isalpha((unsigned char)c);
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    if (is_name_start(s[0])) {
        while (s[n] == '_' || isalnum((unsigned char)s[n])) {
            n++;
        }
    }
    return n;
}

/* Where the brace that was opened before `s` is closed; NULL when it is not. */
static const char *closing_brace(const char *s)
{
    for (int depth = 1; *s; s++) {
        if (s[0] == '$' && s[1] == '$') {
            s++;
        } else if (s[0] == '$' && s[1] == '{') {
            depth++;
            s++;
        } else if (*s == '}' && --depth == 0) {
            return s;
        }
    }
    return NULL;
}

static int wrong_form(const char *text, struct error **err)
{
    int r = error_set(err, ERROR_INVALID_INPUT, 0, "invalid interpolation format in '%s'", text);
    return error_hint(err, r, "write ${NAME} or ${NAME:-default}, and $$ for a dollar");
}

static int expand(const struct variables *v, const char *text, size_t len, int depth,
                  struct strbuf *out, struct error **err);

static const char *look_up(const struct variables *v, const char *name)
{
    return v->lookup ? v->lookup(v->context, name) : NULL;
}

static void note_unset(const struct variables *v, const char *name)
{
    if (v->unset && !strv_contains(v->unset, name)) {
        strv_add(v->unset, name);
    }
}

static int required(const char *name, const char *message, struct error **err)
{
    return *message
               ? error_set(err, ERROR_INVALID_INPUT, 0, "required variable '%s': %s", name, message)
               : error_set(err, ERROR_INVALID_INPUT, 0, "required variable '%s' is missing a value",
                           name);
}

/* What stands between ${ and }: [s, end). */
static int expand_braced(const struct variables *v, const char *s, const char *end, int depth,
                         struct strbuf *out, struct error **err)
{
    size_t n = name_length(s);
    CLEANUP(free) char *name = xstrndup(s, n);
    const char *value = look_up(v, name);
    const char *rest = s + n;
    if (rest == end) {
        if (!value) {
            note_unset(v, name);
        }
        strbuf_adds(out, str_or(value, ""));
        return 0;
    }
    bool colon = *rest == ':';
    char operator= rest[colon];
    const char *word = rest + colon + 1;
    bool present = value && (!colon || *value);
    if (operator== '+') {
        return present ? expand(v, word, (size_t)(end - word), depth + 1, out, err) : 0;
    }
    if (present) {
        strbuf_adds(out, value);
        return 0;
    }
    if (operator== '-') {
        return expand(v, word, (size_t)(end - word), depth + 1, out, err);
    }
    CLEANUP(strbuf) struct strbuf message = {0};
    int r = expand(v, word, (size_t)(end - word), depth + 1, &message, err);
    return r < 0 ? r : required(name, str_or(message.data, ""), err);
}

static bool braced_is_well_formed(const char *s, const char *end)
{
    size_t n = end ? name_length(s) : 0;
    if (n == 0 || s + n == end) {
        return n > 0;
    }
    const char *rest = s + n;
    rest += *rest == ':' && rest + 1 < end;
    return strchr("-?+", *rest) != NULL;
}

static int expand(const struct variables *v, const char *text, size_t len, int depth,
                  struct strbuf *out, struct error **err)
{
    CLEANUP(free) char *part = xstrndup(text, len);
    if (depth > NESTING_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "variables are nested more than %d deep in '%s'", NESTING_MAX, part);
    }
    for (const char *s = part; *s;) {
        size_t n = strcspn(s, "$");
        strbuf_add(out, s, n);
        s += n;
        if (!*s) {
            break;
        }
        n = name_length(s + 1);
        if (s[1] == '$') {
            strbuf_addc(out, '$');
            s += 2;
        } else if (n > 0) {
            CLEANUP(free) char *name = xstrndup(s + 1, n);
            const char *value = look_up(v, name);
            if (!value) {
                note_unset(v, name);
            }
            strbuf_adds(out, str_or(value, ""));
            s += 1 + n;
        } else if (s[1] == '{') {
            const char *end = closing_brace(s + 2);
            if (!braced_is_well_formed(s + 2, end)) {
                return wrong_form(part, err);
            }
            int r = expand_braced(v, s + 2, end, depth, out, err);
            if (r < 0) {
                return r;
            }
            s = end + 1;
        } else {
            return wrong_form(part, err);
        }
    }
    return 0;
}

int interpolate(const struct variables *v, const char *text, struct strbuf *out, struct error **err)
{
    return expand(v, text, strlen(text), 0, out, err);
}
