// SPDX-License-Identifier: Apache-2.0
#include "build/file/glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

bool glob_is_plain(const char *pattern)
{
    return !strpbrk(pattern, "*?[\\");
}

/* A pattern as a row of parts, and the set of parts at which the text so far may stand: matched
 * without going back, so that no pattern takes exponential time. */
enum part_kind { PART_CHAR, PART_ANY_CHAR, PART_CLASS, PART_STAR, PART_DOUBLE, PART_FOLDERS };
struct part {
    enum part_kind kind;
    unsigned char c;
    bool negated;
    unsigned char set[32];
};
struct parts {
    struct part *items;
    size_t count;
};

static struct part *add_part(struct parts *p, enum part_kind kind)
{
    struct part *part = &p->items[p->count++];
    *part = (struct part){.kind = kind};
    return part;
}

static int class_char(const char **s)
{
    if (**s == '\\') {
        (*s)++;
    } else if (**s == '-' || **s == ']') {
        return -EINVAL;
    }
    return **s ? (unsigned char)*(*s)++ : -EINVAL;
}

static int parse_class(struct parts *p, const char **s)
{
    struct part *part = add_part(p, PART_CLASS);
    part->negated = **s == '^' || **s == '!';
    *s += part->negated;
    bool any = false;
    while (**s && (!any || **s != ']')) {
        int low = class_char(s);
        int high = low;
        if (low >= 0 && **s == '-') {
            (*s)++;
            high = class_char(s);
        }
        if (low < 0 || high < 0) {
            return -EINVAL;
        }
        for (int c = low; c <= high; c++) {
            part->set[c / 8] |= (unsigned char)(1 << (c % 8));
        }
        any = true;
    }
    if (**s != ']') {
        return -EINVAL;
    }
    (*s)++;
    return 0;
}

static int parse(const char *s, bool doublestar, struct parts *p)
{
    const char *begin = s;
    while (*s) {
        if (doublestar && s[0] == '*' && s[1] == '*') {
            bool at_start = s == begin || s[-1] == '/';
            s += strspn(s, "*");
            bool folders = at_start && *s == '/';
            s += folders;
            add_part(p, folders ? PART_FOLDERS : PART_DOUBLE);
        } else if (*s == '*') {
            add_part(p, PART_STAR);
            s += doublestar ? 1 : strspn(s, "*");
        } else if (*s == '?') {
            add_part(p, PART_ANY_CHAR);
            s++;
        } else if (*s == '[') {
            s++;
            if (parse_class(p, &s) < 0) {
                return -EINVAL;
            }
        } else {
            if (*s == '\\' && !*++s) {
                return -EINVAL;
            }
            add_part(p, PART_CHAR)->c = (unsigned char)*s++;
        }
    }
    return 0;
}

static bool part_takes(const struct part *p, unsigned char c)
{
    switch (p->kind) {
    case PART_CHAR:
        return p->c == c;
    case PART_ANY_CHAR:
        return c != '/';
    case PART_CLASS:
        return c != '/' && ((p->set[c / 8] >> (c % 8)) & 1) != p->negated;
    case PART_STAR:
        return c != '/';
    case PART_DOUBLE:
    case PART_FOLDERS:
        return true;
    }
    return false;
}

/* Marks part `i` as one to stand at, and what follows what may take nothing. */
static void stand_at(const struct parts *p, char *at, size_t i)
{
    at[i] = 1;
    while (i < p->count && p->items[i].kind >= PART_STAR) {
        at[++i] = 1;
    }
}

/* Of the parts stood at, where one stands behind `c`. */
static void take_char(const struct parts *p, const char *at, unsigned char c, char *next)
{
    memset(next, 0, p->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        const struct part *part = &p->items[i];
        /* That folders may begin here only at a begin of a component is held by what put us here:
         * inside, `at` is 2. */
        if (!at[i] || !part_takes(part, c)) {
            continue;
        }
        if (part->kind == PART_FOLDERS) {
            next[i] = next[i] == 1 ? 1 : 2;
            if (c == '/') {
                stand_at(p, next, i);
            }
        } else if (part->kind >= PART_STAR) {
            stand_at(p, next, i);
        } else {
            stand_at(p, next, i + 1);
        }
    }
}

int glob_match(const char *pattern, const char *text, bool doublestar)
{
    size_t len = strlen(pattern);
    struct parts p = {.items = xcalloc(len + 1, sizeof(struct part))};
    CLEANUP(free) struct part *owned = p.items;
    if (parse(pattern, doublestar, &p) < 0) {
        return -EINVAL;
    }
    CLEANUP(free) char *at = xcalloc(p.count + 2, 1);
    CLEANUP(free) char *next = xcalloc(p.count + 2, 1);
    stand_at(&p, at, 0);
    for (const char *s = text; *s; s++) {
        take_char(&p, at, (unsigned char)*s, next);
        char *swap = at;
        at = next;
        next = swap;
    }
    (void)owned;
    return at[p.count] == 1;
}

static void parse_shell(const char *s, struct parts *p)
{
    for (; *s; s++) {
        if (*s == '*') {
            add_part(p, PART_DOUBLE);
        } else if (*s == '?') {
            struct part *any = add_part(p, PART_CLASS);
            any->negated = true; /* of nothing: any; '/' is treated below */
        } else {
            s += *s == '\\' && s[1];
            add_part(p, PART_CHAR)->c = (unsigned char)*s;
        }
    }
}

long glob_prefix(const char *pattern, const char *text, size_t text_len, bool longest)
{
    CLEANUP(free) struct part *items = xcalloc(strlen(pattern) + 1, sizeof(struct part));
    struct parts p = {.items = items};
    parse_shell(pattern, &p);
    CLEANUP(free) char *at = xcalloc(p.count + 2, 1);
    CLEANUP(free) char *next = xcalloc(p.count + 2, 1);
    stand_at(&p, at, 0);
    long found = at[p.count] ? 0 : -1;
    for (size_t i = 0; i < text_len && (longest || found < 0); i++) {
        /* '/' is a character as any other to the shell's variables */
        unsigned char c = (unsigned char)text[i];
        memset(next, 0, p.count + 1);
        for (size_t k = 0; k < p.count; k++) {
            const struct part *part = &p.items[k];
            bool takes = part->kind == PART_CHAR ? part->c == c : true;
            if (at[k] && takes) {
                stand_at(&p, next, part->kind == PART_DOUBLE ? k : k + 1);
            }
        }
        char *swap = at;
        at = next;
        next = swap;
        found = at[p.count] ? (long)i + 1 : found;
    }
    return found;
}
