// SPDX-License-Identifier: Apache-2.0
#include "build/name_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "build/stat_marks.h"

#define MAGIC "cloison-names-1"
#define FILE_BYTES_MAX ((size_t)256 << 20)
#define SLOTS_MIN 64
#define SPARE 64             /* folders that nobody asked for and that are kept nevertheless */
#define ZFS_MAGIC 0x2fc12fc1 /* not in linux/magic.h */

struct listing {    /* of one folder; its names follow, and zeroes up to a multiple of 8 */
    uint64_t inode; /* and device, mixed */
    int64_t mtime_ns, ctime_ns;
    uint32_t bytes, count;
    char names[];
};

struct slot {
    const struct listing *at; /* NULL: free */
    struct listing *own;      /* the same, when it is not in the file; to be freed */
    bool used;                /* somebody asked for it */
};

struct name_cache {
    char *path;
    dev_t device;
    bool is_trusted; /* the file system */
    bool is_new;     /* something was put */
    char *map;
    size_t map_bytes;
    pthread_mutex_t lock; /* of what follows */
    struct slot *slots;
    size_t capacity, count, used;
    struct listing **dropped; /* put over: names of them may still be read */
    size_t dropped_count;
};

static bool keeps_times(int folder)
{
    static const long known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                 TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                 ZFS_MAGIC};
    struct statfs fs;
    if (fstatfs(folder, &fs) < 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if ((long)fs.f_type == known[i]) {
            return true;
        }
    }
    return false;
}

static size_t listing_bytes(const struct listing *l)
{
    return (sizeof(*l) + l->bytes + 7) / 8 * 8;
}

/* The inode's slot, or the free one where it would be. */
static struct slot *slot_of(const struct name_cache *c, uint64_t inode)
{
    size_t i = stat_mix(inode) & (c->capacity - 1);
    while (c->slots[i].at && c->slots[i].at->inode != inode) {
        i = (i + 1) & (c->capacity - 1);
    }
    return &c->slots[i];
}

static void make_room(struct name_cache *c)
{
    if (c->count < c->capacity / 4 * 3) {
        return;
    }
    struct slot *old = c->slots;
    size_t had = c->capacity;
    c->capacity = had ? had * 2 : SLOTS_MIN;
    c->slots = xcalloc(c->capacity, sizeof(*c->slots));
    for (size_t i = 0; i < had; i++) {
        if (old[i].at) {
            *slot_of(c, old[i].at->inode) = old[i];
        }
    }
    free(old);
}

/* The file's folders, as far as it is whole. */
static void index_file(struct name_cache *c)
{
    size_t at = sizeof(MAGIC);
    while (c->map_bytes - at >= sizeof(struct listing)) {
        const struct listing *l = (const struct listing *)(c->map + at);
        if (l->bytes > c->map_bytes - at - sizeof(*l) || listing_bytes(l) > c->map_bytes - at) {
            return;
        }
        make_room(c);
        struct slot *s = slot_of(c, l->inode);
        c->count += s->at == NULL;
        *s = (struct slot){.at = l};
        at += listing_bytes(l);
    }
}

static void map_file(struct name_cache *c)
{
    CLEANUP(fd) int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(MAGIC) ||
        (size_t)st.st_size > FILE_BYTES_MAX) {
        return;
    }
    char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return;
    }
    c->map = map;
    c->map_bytes = (size_t)st.st_size;
    if (memcmp(map, MAGIC, sizeof(MAGIC)) == 0) {
        index_file(c);
    }
}

struct name_cache *name_cache_open(const char *data_dir, int folder)
{
    struct name_cache *c = xcalloc(1, sizeof(*c));
    struct stat st = {0};
    (void)fstat(folder, &st);
    *c = (struct name_cache){.path = stat_cache_path(data_dir, &st, ".names"),
                             .device = st.st_dev,
                             .is_trusted = keeps_times(folder),
                             .lock = PTHREAD_MUTEX_INITIALIZER};
    make_room(c);
    if (c->is_trusted) {
        map_file(c);
    }
    return c;
}

/* As many names as it says, none of them empty: a file whose blocks a crash has lost has not. */
static bool is_whole(const struct listing *l)
{
    size_t count = 0;
    for (size_t at = 0; at < l->bytes; count++) {
        size_t len = strnlen(l->names + at, l->bytes - at);
        if (len == 0 || len == l->bytes - at) {
            return false;
        }
        at += len + 1;
    }
    return count == l->count;
}

bool name_cache_find(struct name_cache *c, const struct stat *folder, struct folder_names *ret)
{
    if (!c->is_trusted || folder->st_dev != c->device) {
        return false;
    }
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, stat_inode(folder));
    const struct listing *l = s->at;
    bool same =
        l && l->mtime_ns == stat_ns(&folder->st_mtim) && l->ctime_ns == stat_ns(&folder->st_ctim);
    c->used += same && !s->used;
    s->used |= same;
    pthread_mutex_unlock(&c->lock);
    if (!same || !is_whole(l)) {
        return false;
    }
    *ret = (struct folder_names){l->names, l->bytes, l->count};
    return true;
}

static void drop(struct name_cache *c, struct slot *s)
{
    if (s->own) {
        c->dropped = xrealloc(c->dropped, (c->dropped_count + 1) * sizeof(*c->dropped));
        c->dropped[c->dropped_count++] = s->own;
    }
}

void name_cache_put(struct name_cache *c, const struct stat *folder, int64_t looked_ns,
                    const struct folder_names *names)
{
    if (!c->is_trusted || folder->st_dev != c->device || names->bytes > FILE_BYTES_MAX ||
        !stat_is_settled(folder, looked_ns)) {
        return;
    }
    struct listing *l = xcalloc(1, sizeof(*l) + names->bytes + 8);
    l->inode = stat_inode(folder);
    l->mtime_ns = stat_ns(&folder->st_mtim);
    l->ctime_ns = stat_ns(&folder->st_ctim);
    l->bytes = (uint32_t)names->bytes;
    l->count = (uint32_t)names->count;
    if (names->bytes) {
        memcpy(l->names, names->data, names->bytes);
    }
    pthread_mutex_lock(&c->lock);
    make_room(c);
    struct slot *s = slot_of(c, l->inode);
    c->count += s->at == NULL;
    c->used += !s->used;
    drop(c, s);
    *s = (struct slot){.at = l, .own = l, .used = true};
    c->is_new = true;
    pthread_mutex_unlock(&c->lock);
}

/* What has gone from the context goes from the file, once it is as much as what is there. */
static void write_file(const struct name_cache *c)
{
    bool all = c->count <= c->used * 2 + SPARE;
    CLEANUP(strbuf) struct strbuf text = {.max = FILE_BYTES_MAX};
    CLEANUP(free) char *folder = xstrndup(c->path, (size_t)(strrchr(c->path, '/') - c->path));
    strbuf_add(&text, MAGIC, sizeof(MAGIC));
    for (size_t i = 0; i < c->capacity; i++) {
        const struct slot *s = &c->slots[i];
        if (s->at && (s->used || all)) {
            strbuf_add(&text, s->at, listing_bytes(s->at));
        }
    }
    if (!text.overflow && mkdir_all(folder, 0700, NULL) >= 0) {
        IGNORE(file_write_atomic(AT_FDCWD, c->path, text.data, text.len, 0600, FILE_NO_SYNC,
                                 NULL)); /* then the next build reads the folders again */
    }
}

void name_cache_close(struct name_cache *c)
{
    if (!c) {
        return;
    }
    if (c->is_new) {
        write_file(c);
    }
    for (size_t i = 0; i < c->capacity; i++) {
        free(c->slots[i].own);
    }
    for (size_t i = 0; i < c->dropped_count; i++) {
        free(c->dropped[i]);
    }
    free(c->dropped);
    free(c->slots);
    if (c->map) {
        (void)munmap(c->map, c->map_bytes); /* valid */
    }
    free(c->path);
    free(c);
}
