// SPDX-License-Identifier: Apache-2.0
/* Strings and memory: allocation that cannot fail, formatting, a growing buffer, string vectors.
 *
 * Out of memory ends the process with a message (a container engine cannot go on without).
 * No other side effects; any thread; never in the child after clone3. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);

char *str_format(const char *format, ...) PRINTF_LIKE(1, 2);
char *str_vformat(const char *format, va_list ap);

bool str_equal(const char *a, const char *b); /* NULL equals NULL alone */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_in(const char *s, const char *const *list); /* NULL-terminated list */

/* Replaces control characters but the tab by '?', so that a name from a registry or an image cannot
 * drive the terminal. */
void str_replace_control(char *s);

/* Whole-string numbers: 0 and *ret set, or -EINVAL/-ERANGE and *ret untouched. */
int str_to_i64(const char *s, int base, int64_t *ret) NODISCARD;
int str_to_u64(const char *s, int base, uint64_t *ret) NODISCARD;

/* Docker's sizes: "512", "64k", "1.5g", "10mb", "1KiB": bytes, powers of 1024. -EINVAL when not
 * one. */
int str_to_bytes(const char *s, int64_t *ret) NODISCARD;

/* The edit distance of two words, for "did you mean". */
size_t str_distance(const char *a, const char *b);

/* A growing byte buffer, always NUL-terminated. Zeroed is empty; `max` 0 means STRBUF_MAX. Going
 * past max sets `overflow` and drops the rest: check once, at the end. */
#define STRBUF_MAX ((size_t)1 << 30)
struct strbuf {
    char *data; /* NULL while empty */
    size_t len;
    size_t capacity;
    size_t max;
    bool overflow;
};
void strbuf_add(struct strbuf *b, const void *bytes, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *format, ...) PRINTF_LIKE(2, 3);
char *strbuf_take(struct strbuf *b); /* never NULL; the caller frees */
void strbuf_done(struct strbuf *b);
static inline void strbuf_cleanup(struct strbuf *b)
{
    strbuf_done(b);
}

/* A NULL-terminated vector of owned strings. Zeroed is empty (items NULL). */
struct strv {
    char **items;
    size_t count;
};
void strv_add(struct strv *v, const char *s); /* copies */
void strv_add_take(struct strv *v, char *s);  /* keeps s */
void strv_addf(struct strv *v, const char *format, ...) PRINTF_LIKE(2, 3);
void strv_add_all(struct strv *v,
                  char *const *items); /* copies a NULL-terminated list; NULL fine */
bool strv_contains(const struct strv *v, const char *s);
void strv_split(struct strv *v, const char *s,
                char separator); /* appends the parts, empty ones too */
char *strv_join(const struct strv *v, const char *separator);
void strv_done(struct strv *v);
static inline void strv_cleanup(struct strv *v)
{
    strv_done(v);
}

/* An arena: many small objects that die together (a spec, a plan). Memory is zeroed. */
struct arena;
struct arena *arena_new(void);
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_format(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vformat(struct arena *a, const char *format, va_list ap);
void *arena_dup(struct arena *a, const void *bytes, size_t size);
void arena_free(struct arena *a);
DEFINE_CLEANUP(arena, struct arena *, arena_free)

/* Appends room for one more element to an array that lives in an arena and returns its address:
 *     struct spec_mount *m = arena_push(a, spec->mounts, spec->mount_count); */
void *arena_grow(struct arena *a, void *items, size_t *count, size_t item_size);
#define arena_push(a, items, count)                                                                \
    ({                                                                                             \
        (items) = arena_grow((a), (items), &(count), sizeof(*(items)));                            \
        &(items)[(count)-1];                                                                       \
    })
