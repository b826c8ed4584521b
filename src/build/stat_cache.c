// SPDX-License-Identifier: Apache-2.0
#include "build/stat_cache.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "build/stat_marks.h"

#define MAGIC "cloison-stat-2\n"
#define NEIGHBOURS 16 /* inodes of one folder follow each other: so do their entries */
#define AHEAD 6       /* inodes: memory is as slow as a few looks */
#define CAPACITY_MIN 64
#define CAPACITY_MAX ((uint64_t)1 << 24)

/* ctime_ns tells what an entry is worth; it is written last, so that a process that is killed while
 * it writes leaves no digest beside another file's marks. */
enum { ENTRY_FREE = 0, ENTRY_IN_WORK = 1 };
struct entry {
    uint64_t inode; /* and device, mixed */
    int64_t size, mtime_ns, ctime_ns;
    unsigned char digest[CONTENT_DIGEST_BYTES];
};
_Static_assert(sizeof(struct entry) == 64, "an entry is in one sector of the disk");

struct head {
    char magic[16];
    uint64_t capacity, count;
    char unused[32];
};

struct table {
    struct head *head;
    struct entry *entries; /* behind the head */
};

struct stat_cache {
    char *path;
    int fd;              /* of the file, with a shared lock: no other changes it; -1: none */
    struct table kept;   /* private: what is put here is written at the end */
    bool is_mapped;      /* it is the file's */
    atomic_uchar *used;  /* of each entry: it was asked for */
    struct entry *fresh; /* to be written */
    size_t fresh_count, fresh_room;
};

static uint64_t slot_of(const struct table *t, uint64_t inode)
{
    return (stat_mix(inode / NEIGHBOURS) * NEIGHBOURS + inode % NEIGHBOURS) &
           (t->head->capacity - 1);
}

/* The place of an inode: its entry, or the free one where it would be. */
static struct entry *place_of(const struct table *t, uint64_t inode)
{
    uint64_t mask = t->head->capacity - 1, i = slot_of(t, inode);
    for (uint64_t n = 0; n < mask; n++) { /* a table is never full, unless it is damaged */
        if (t->entries[i].ctime_ns == ENTRY_FREE || t->entries[i].inode == inode) {
            break;
        }
        i = (i + 1) & mask;
    }
    return &t->entries[i];
}

static void set_entry(struct table *t, const struct entry *e)
{
    struct entry *place = place_of(t, e->inode);
    t->head->count += place->ctime_ns == ENTRY_FREE;
    place->inode = e->inode;
    atomic_signal_fence(memory_order_seq_cst);
    place->ctime_ns = ENTRY_IN_WORK;
    atomic_signal_fence(memory_order_seq_cst);
    place->size = e->size;
    place->mtime_ns = e->mtime_ns;
    memcpy(place->digest, e->digest, sizeof(place->digest));
    atomic_signal_fence(memory_order_seq_cst);
    place->ctime_ns = e->ctime_ns;
}

/* Beyond, the ways to a place become long. */
static bool is_full(const struct head *h, uint64_t more)
{
    return h->count + more > h->capacity / 4 * 3;
}

static size_t table_bytes(uint64_t capacity)
{
    return sizeof(struct head) + capacity * sizeof(struct entry);
}

static bool is_table(const struct head *h, size_t len)
{
    return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->capacity >= CAPACITY_MIN &&
           h->capacity <= CAPACITY_MAX && (h->capacity & (h->capacity - 1)) == 0 &&
           table_bytes(h->capacity) == len && !is_full(h, 0);
}

static bool table_map(int fd, int flags, struct table *ret)
{
    struct head head;
    struct stat st;
    if (fstat(fd, &st) < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
        !is_table(&head, (size_t)st.st_size)) {
        return false;
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (at == MAP_FAILED) {
        return false;
    }
    *ret = (struct table){at, (struct entry *)((char *)at + sizeof(struct head))};
    return true;
}

static struct table table_new(uint64_t capacity)
{
    struct head *head = xcalloc(1, table_bytes(capacity));
    *head = (struct head){.magic = MAGIC, .capacity = capacity};
    return (struct table){head, (struct entry *)(head + 1)};
}

static void table_done(struct table *t, bool is_mapped)
{
    if (is_mapped) {
        (void)munmap(t->head, table_bytes(t->head->capacity)); /* valid */
    } else {
        free(t->head);
    }
    *t = (struct table){0};
}

struct stat_cache *stat_cache_open(const char *data_dir, int folder)
{
    struct stat_cache *c = xcalloc(1, sizeof(*c));
    struct stat st = {0};
    (void)fstat(folder, &st);
    c->path = stat_cache_path(data_dir, &st, "");
    c->fd = open(c->path, O_RDWR | O_CLOEXEC);
    if (c->fd >= 0 && (lock_fd(c->fd, LOCK_SHARED, false, NULL) < 0 ||
                       !table_map(c->fd, MAP_PRIVATE, &c->kept))) {
        c->fd = fd_close(c->fd);
    }
    c->is_mapped = c->kept.head != NULL;
    if (!c->is_mapped) {
        c->kept = table_new(CAPACITY_MIN);
    }
    c->used = xcalloc(c->kept.head->capacity, sizeof(*c->used));
    return c;
}

static bool is_same(const struct entry *e, const struct stat *st)
{
    return e->ctime_ns == stat_ns(&st->st_ctim) && e->mtime_ns == stat_ns(&st->st_mtim) &&
           e->size == st->st_size && e->ctime_ns > ENTRY_IN_WORK;
}

const unsigned char *stat_cache_find(struct stat_cache *c, const struct stat *st)
{
    uint64_t inode = stat_inode(st);
    const struct entry *e = place_of(&c->kept, inode);
    __builtin_prefetch(&c->kept.entries[slot_of(&c->kept, inode + AHEAD)]); /* asked for soon */
    if (e->inode != inode || !is_same(e, st)) {
        return NULL;
    }
    atomic_store_explicit(&c->used[e - c->kept.entries], 1, memory_order_relaxed);
    return e->digest;
}

int64_t stat_cache_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return stat_ns(&now);
}

/* Into a table of that capacity, which is no file's. */
static void grow(struct stat_cache *c, uint64_t capacity)
{
    struct table old = c->kept;
    atomic_uchar *used = c->used;
    c->kept = table_new(capacity);
    c->used = xcalloc(capacity, sizeof(*c->used));
    for (uint64_t i = 0; i < old.head->capacity; i++) {
        if (old.entries[i].ctime_ns > ENTRY_IN_WORK) {
            set_entry(&c->kept, &old.entries[i]);
            c->used[place_of(&c->kept, old.entries[i].inode) - c->kept.entries] = used[i];
        }
    }
    table_done(&old, c->is_mapped);
    c->is_mapped = false;
    free(used);
}

void stat_cache_put(struct stat_cache *c, const struct stat *st, int64_t looked_ns,
                    const unsigned char digest[CONTENT_DIGEST_BYTES])
{
    if (!stat_is_settled(st, looked_ns) || stat_ns(&st->st_ctim) <= ENTRY_IN_WORK) {
        return;
    }
    struct entry e = {.inode = stat_inode(st),
                      .size = st->st_size,
                      .mtime_ns = stat_ns(&st->st_mtim),
                      .ctime_ns = stat_ns(&st->st_ctim)};
    memcpy(e.digest, digest, sizeof(e.digest));
    if (c->fresh_count == c->fresh_room) {
        c->fresh_room = c->fresh_room ? c->fresh_room * 2 : 64;
        c->fresh = xrealloc(c->fresh, c->fresh_room * sizeof(*c->fresh));
    }
    c->fresh[c->fresh_count++] = e;
    if (is_full(c->kept.head, 1) && c->kept.head->capacity < CAPACITY_MAX) {
        grow(c, c->kept.head->capacity * 2);
    }
    if (!is_full(c->kept.head, 1)) { /* for the next look of this build */
        set_entry(&c->kept, &e);
        c->used[place_of(&c->kept, e.inode) - c->kept.entries] = 1;
    }
}

/* Into the file as it is, unless another has put a new one in its place or it has no room. */
static bool write_in_place(struct stat_cache *c)
{
    struct stat ours, there;
    struct table t = {0};
    if (fstat(c->fd, &ours) < 0 || stat(c->path, &there) < 0 || ours.st_ino != there.st_ino ||
        !table_map(c->fd, MAP_SHARED, &t)) {
        return false;
    }
    bool room = !is_full(t.head, c->fresh_count);
    for (size_t i = 0; i < c->fresh_count && room; i++) {
        set_entry(&t, &c->fresh[i]);
    }
    table_done(&t, true);
    return room;
}

/* A new file, of what this build asked for: what has gone from the context goes from it. */
static void write_anew(struct stat_cache *c)
{
    CLEANUP(free) char *folder = xstrndup(c->path, (size_t)(strrchr(c->path, '/') - c->path));
    uint64_t count = 0, capacity = CAPACITY_MIN;
    for (uint64_t i = 0; i < c->kept.head->capacity; i++) {
        count += c->used[i];
    }
    while (capacity < count * 2) {
        capacity *= 2;
    }
    if (capacity > CAPACITY_MAX || mkdir_all(folder, 0700, NULL) < 0) {
        return;
    }
    struct table t = table_new(capacity);
    for (uint64_t i = 0; i < c->kept.head->capacity; i++) {
        if (c->used[i]) {
            set_entry(&t, &c->kept.entries[i]);
        }
    }
    IGNORE(file_write_atomic(AT_FDCWD, c->path, t.head, table_bytes(capacity), 0600, FILE_NO_SYNC,
                             NULL)); /* then the next build reads the files again */
    table_done(&t, false);
}

/* Whoever else builds from the folder at this moment reads the file: then nothing is kept. */
static void write_fresh(struct stat_cache *c)
{
    bool alone = c->fd < 0 || lock_fd(c->fd, LOCK_EXCLUSIVE, false, NULL) >= 0;
    if (alone && (c->fd < 0 || !write_in_place(c))) {
        write_anew(c);
    }
}

void stat_cache_close(struct stat_cache *c)
{
    if (!c) {
        return;
    }
    if (c->fresh_count) {
        write_fresh(c);
    }
    table_done(&c->kept, c->is_mapped);
    fd_close(c->fd);
    free(c->fresh);
    free(c->used);
    free(c->path);
    free(c);
}
