// SPDX-License-Identifier: Apache-2.0
#include "build/stat_cache.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"

#define MAGIC "cloison-stat-1\n"
#define CACHE_BYTES_MAX ((size_t)1 << 30)
#define SETTLED_NS 20000000 /* times have a tick of the kernel's clock, 10 ms at most */

struct entry {
    int64_t size, mtime_ns, ctime_ns;
    uint64_t inode, device;
    unsigned char digest[CONTENT_DIGEST_BYTES];
    uint32_t path_bytes; /* the path and its NUL follow, filled up to 8 */
    uint32_t path_hash;
};

struct stat_cache {
    char *path;
    char *data; /* of the file: MAGIC, then entries */
    size_t len, file_len;
    size_t hint; /* where the entry behind the last one found is: walks come in the same order */
    struct strbuf fresh;        /* entries to be added */
    const struct entry **table; /* made when the order was of no help */
    size_t table_size, count, stale;
};

static uint32_t hash_of(const char *path, size_t *ret_len)
{
    uint32_t h = 2166136261u;
    const char *s = path;
    for (; *s; s++) {
        h = (h ^ (unsigned char)*s) * 16777619u;
    }
    *ret_len = (size_t)(s - path);
    return h;
}

static size_t entry_bytes(uint32_t path_bytes)
{
    return sizeof(struct entry) + ((path_bytes + 7u) & ~7u);
}

static const char *entry_path(const struct entry *e)
{
    return (const char *)(e + 1);
}

static void insert(struct stat_cache *c, const struct entry *e)
{
    size_t i = e->path_hash & (c->table_size - 1);
    while (c->table[i]) {
        if (c->table[i]->path_hash == e->path_hash &&
            str_equal(entry_path(c->table[i]), entry_path(e))) {
            c->stale++;
            break; /* the later one counts */
        }
        i = (i + 1) & (c->table_size - 1);
    }
    c->table[i] = e;
}

/* The entry at an offset; NULL at the end, or where the file was cut short or damaged: it counts
 * as far as it can be read. */
static const struct entry *entry_at(const struct stat_cache *c, size_t at)
{
    if (at + sizeof(struct entry) > c->len) {
        return NULL;
    }
    const struct entry *e = (const struct entry *)(c->data + at);
    bool whole = e->path_bytes && entry_bytes(e->path_bytes) <= c->len - at &&
                 entry_path(e)[e->path_bytes - 1] == '\0';
    return whole ? e : NULL;
}

static void index_entries(struct stat_cache *c)
{
    size_t at = 16, count = 0;
    for (size_t p = at; p + sizeof(struct entry) <= c->len; count++) {
        p += entry_bytes(((const struct entry *)(c->data + p))->path_bytes);
    }
    for (c->table_size = 64; c->table_size < count * 2;) {
        c->table_size *= 2;
    }
    c->table = xcalloc(c->table_size, sizeof(*c->table));
    for (const struct entry *e; (e = entry_at(c, at)); at += entry_bytes(e->path_bytes)) {
        insert(c, e);
        c->count++;
    }
    c->len = at;
}

struct stat_cache *stat_cache_open(const char *data_dir, int folder)
{
    struct stat_cache *c = xcalloc(1, sizeof(*c));
    struct stat st = {0};
    (void)fstat(folder, &st);
    c->path = str_format("%s/build/context/%llx-%llx", data_dir, (unsigned long long)st.st_dev,
                         (unsigned long long)st.st_ino);
    if (file_read(AT_FDCWD, c->path, CACHE_BYTES_MAX, &c->data, &c->len, NULL) >= 0 &&
        c->len >= 16 && memcmp(c->data, MAGIC, 16) == 0) {
        c->file_len = c->len;
        c->hint = 16;
    } else {
        free(take_ptr(c->data));
        c->len = 0;
    }
    return c;
}

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static bool is_same(const struct entry *e, const struct stat *st)
{
    return e->size == st->st_size && e->mtime_ns == ns_of(&st->st_mtim) &&
           e->ctime_ns == ns_of(&st->st_ctim) && e->inode == st->st_ino && e->device == st->st_dev;
}

static const struct entry *find_by_hash(struct stat_cache *c, const char *path)
{
    size_t len;
    uint32_t h = hash_of(path, &len);
    if (!c->table) {
        index_entries(c);
    }
    for (size_t i = h;; i++) {
        const struct entry *e = c->table[i & (c->table_size - 1)];
        if (!e || (e->path_hash == h && str_equal(entry_path(e), path))) {
            return e;
        }
    }
}

const unsigned char *stat_cache_find(struct stat_cache *c, const char *path, const struct stat *st)
{
    if (!c->data) {
        return NULL;
    }
    const struct entry *e = entry_at(c, c->hint);
    bool in_order = e && str_equal(entry_path(e), path);
    const struct entry *place = e;
    if (!in_order || !is_same(e, st)) {
        e = find_by_hash(c, path); /* a later entry takes the place of one before it */
        place = in_order ? place : e;
    }
    if (place) {
        c->hint = (size_t)((const char *)place - c->data) + entry_bytes(place->path_bytes);
    }
    return e && is_same(e, st) ? e->digest : NULL;
}

void stat_cache_put(struct stat_cache *c, const char *path, const struct stat *st,
                    const unsigned char digest[CONTENT_DIGEST_BYTES])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ns_of(&st->st_ctim) > ns_of(&now) - SETTLED_NS ||
        ns_of(&st->st_mtim) > ns_of(&now) - SETTLED_NS) {
        return;
    }
    size_t len;
    struct entry e = {.size = st->st_size,
                      .mtime_ns = ns_of(&st->st_mtim),
                      .ctime_ns = ns_of(&st->st_ctim),
                      .inode = st->st_ino,
                      .device = st->st_dev,
                      .path_hash = hash_of(path, &len)};
    e.path_bytes = (uint32_t)len + 1;
    memcpy(e.digest, digest, sizeof(e.digest));
    static const char zeros[8] = {0};
    strbuf_add(&c->fresh, &e, sizeof(e));
    strbuf_add(&c->fresh, path, len + 1);
    strbuf_add(&c->fresh, zeros, entry_bytes(e.path_bytes) - sizeof(e) - e.path_bytes);
}

static void add_live(struct stat_cache *c, struct strbuf *out)
{
    if (!c->data) {
        strbuf_add(out, MAGIC, 16);
    } else if (c->stale * 2 < c->count) {
        strbuf_add(out, c->data, c->len);
    } else { /* what later entries took the place of goes */
        strbuf_add(out, MAGIC, 16);
        for (size_t i = 0; i < c->table_size; i++) {
            const struct entry *e = c->table[i];
            if (e) {
                strbuf_add(out, e, entry_bytes(e->path_bytes));
            }
        }
    }
}

static void write_whole(struct stat_cache *c)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    CLEANUP(free) char *folder = xstrndup(c->path, (size_t)(strrchr(c->path, '/') - c->path));
    add_live(c, &out);
    strbuf_add(&out, c->fresh.data, c->fresh.len);
    if (!out.overflow && mkdir_all(folder, 0700, NULL) >= 0) {
        IGNORE(file_write_atomic(AT_FDCWD, c->path, out.data, out.len, 0600, FILE_NO_SYNC,
                                 NULL)); /* then the next build reads the files again */
    }
}

/* A few entries go behind the others. Cut short by a kill, they are found damaged. */
static bool append(struct stat_cache *c)
{
    if (!c->data) {
        return false;
    }
    if (!c->table) {
        index_entries(c);
    }
    CLEANUP(fd) int fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == c->file_len &&
           c->len == c->file_len && c->stale * 2 < c->count &&
           write_all(fd, c->fresh.data, c->fresh.len) >= 0;
}

void stat_cache_close(struct stat_cache *c)
{
    if (!c) {
        return;
    }
    if (c->fresh.len && !c->fresh.overflow && !append(c)) {
        write_whole(c);
    }
    strbuf_done(&c->fresh);
    free(c->table);
    free(c->data);
    free(c->path);
    free(c);
}
