// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        static const char message[] = "cloison: out of memory\n";
        (void)!write(STDERR_FILENO, message, sizeof(message) - 1); /* nothing else can be done */
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return checked(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return s ? checked(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return checked(strndup(s, n));
}

char *str_vformat(const char *format, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, format, ap) < 0) {
        s = NULL;
    }
    return checked(s);
}

char *str_format(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = str_vformat(format, ap);
    va_end(ap);
    return s;
}

bool str_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_in(const char *s, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(s, *list) == 0) {
            return true;
        }
    }
    return false;
}

void str_replace_control(char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            *s = '?';
        }
    }
}

/* strtoll() skips leading space and takes a sign; a number here starts with what it says. */
int str_to_i64(const char *s, int base, int64_t *ret)
{
    if (!isdigit((unsigned char)s[0]) && !(s[0] == '-' && isdigit((unsigned char)s[1]))) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, base);
    if (errno) {
        return -errno;
    }
    if (*end) {
        return -EINVAL;
    }
    *ret = v;
    return 0;
}

int str_to_u64(const char *s, int base, uint64_t *ret)
{
    if (!isxdigit((unsigned char)s[0])) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, base);
    if (errno) {
        return -errno;
    }
    if (end == s || *end) {
        return -EINVAL;
    }
    *ret = v;
    return 0;
}

static int unit_shift(const char *unit)
{
    static const char letters[] = "bkmgtp";
    if (!*unit) {
        return 0;
    }
    const char *at = strchr(letters, tolower((unsigned char)*unit));
    if (!at) {
        return -EINVAL;
    }
    const char *rest = unit + 1;
    if (at != letters && strcasecmp(rest, "ib") != 0 && strcasecmp(rest, "b") != 0 && *rest) {
        return -EINVAL;
    }
    if (at == letters && *rest) {
        return -EINVAL;
    }
    return (int)(at - letters) * 10;
}

int str_to_bytes(const char *s, int64_t *ret)
{
    if (!isdigit((unsigned char)*s)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    double v = strtod(s, &end);
    if (errno) {
        return -ERANGE;
    }
    while (*end == ' ') {
        end++;
    }
    int shift = unit_shift(end);
    if (shift < 0) {
        return shift;
    }
    v *= (double)((int64_t)1 << shift);
    if (v >= 9.2e18) {
        return -ERANGE;
    }
    *ret = (int64_t)v;
    return 0;
}

size_t str_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    CLEANUP(free) size_t *row = xcalloc(m + 1, sizeof(*row));
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t n)
{
    size_t max = b->max ? b->max : STRBUF_MAX;
    if (n > max - b->len) {
        b->overflow = true;
        n = max - b->len;
    }
    if (b->len + n + 1 > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < b->len + n + 1) {
            capacity *= 2;
        }
        b->data = xrealloc(b->data, capacity);
        b->capacity = capacity;
    }
    if (n) {
        memcpy(b->data + b->len, bytes, n);
    }
    b->len += n;
    b->data[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *s = str_vformat(format, ap);
    va_end(ap);
    strbuf_adds(b, s);
}

char *strbuf_take(struct strbuf *b)
{
    char *s = b->data ? b->data : xstrdup("");
    *b = (struct strbuf){.max = b->max};
    return s;
}

void strbuf_done(struct strbuf *b)
{
    free(b->data);
    *b = (struct strbuf){0};
}

void strv_add_take(struct strv *v, char *s)
{
    v->items = xrealloc(v->items, (v->count + 2) * sizeof(*v->items));
    v->items[v->count++] = s;
    v->items[v->count] = NULL;
}

void strv_add(struct strv *v, const char *s)
{
    strv_add_take(v, xstrdup(s));
}

void strv_addf(struct strv *v, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    strv_add_take(v, str_vformat(format, ap));
    va_end(ap);
}

void strv_add_all(struct strv *v, char *const *items)
{
    for (; items && *items; items++) {
        strv_add(v, *items);
    }
}

bool strv_contains(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i], s) == 0) {
            return true;
        }
    }
    return false;
}

void strv_split(struct strv *v, const char *s, char separator)
{
    for (;;) {
        const char *end = strchr(s, separator);
        if (!end) {
            strv_add(v, s);
            return;
        }
        strv_add_take(v, xstrndup(s, (size_t)(end - s)));
        s = end + 1;
    }
}

char *strv_join(const struct strv *v, const char *separator)
{
    struct strbuf b = {0};
    for (size_t i = 0; i < v->count; i++) {
        if (i) {
            strbuf_adds(&b, separator);
        }
        strbuf_adds(&b, v->items[i]);
    }
    return strbuf_take(&b);
}

void strv_done(struct strv *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->items[i]);
    }
    free(v->items);
    *v = (struct strv){0};
}

/* Blocks are chained; an object never spans two. */
#define ARENA_BLOCK_BYTES 8192
struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    max_align_t data[];
};
struct arena {
    struct arena_block *blocks;
};

struct arena *arena_new(void)
{
    return xcalloc(1, sizeof(struct arena));
}

void *arena_alloc(struct arena *a, size_t size)
{
    assert(size < STRBUF_MAX);
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < size) {
        size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        b = xcalloc(1, sizeof(*b) + room);
        b->size = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = (char *)b->data + b->used;
    b->used += size;
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_dup(a, s, strlen(s) + 1) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = arena_alloc(a, len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *arena_vformat(struct arena *a, const char *format, va_list ap)
{
    CLEANUP(free) char *s = str_vformat(format, ap);
    return arena_strdup(a, s);
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = arena_vformat(a, format, ap);
    va_end(ap);
    return s;
}

void *arena_dup(struct arena *a, const void *bytes, size_t size)
{
    void *copy = arena_alloc(a, size);
    if (size) { /* nothing may be at NULL */
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* Capacities are the powers of two from 4: the count alone tells when the array is full. */
void *arena_grow(struct arena *a, void *items, size_t *count, size_t item_size)
{
    size_t n = *count;
    bool full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);
    if (full) {
        void *bigger = arena_alloc(a, (n ? n * 2 : 4) * item_size);
        if (n) {
            memcpy(bigger, items, n * item_size);
        }
        items = bigger;
    }
    (*count)++;
    return items;
}

void arena_free(struct arena *a)
{
    if (!a) {
        return;
    }
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}
