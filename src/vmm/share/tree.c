// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum {
    NONE = -1,
    FIRST_NUMBER = 2,
    /* Each is a descriptor of ours: the limit of those is met long before. */
    INODES_MAX = 1 << 24,
    FILES_MAX = 1 << 20,
};
static const uint32_t nil = UINT32_MAX;

static uint32_t bucket_of(unsigned share, uint64_t device, uint64_t number)
{
    uint64_t mixed = (number ^ device << 20 ^ (uint64_t)share << 40) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 52) % TREE_BUCKETS;
}

/* --- inodes --------------------------------------------------------------------------------------
 */

static struct inode *find(struct tree *t, unsigned share, const struct stat *st, uint32_t *ret)
{
    for (uint32_t i = t->buckets[bucket_of(share, st->st_dev, st->st_ino)]; i != nil;
         i = t->inodes[i].next) {
        struct inode *n = &t->inodes[i];
        if (n->share == share && n->device == st->st_dev && n->number == st->st_ino) {
            *ret = i;
            return n;
        }
    }
    return NULL;
}

static int new_slot(struct tree *t, uint32_t *ret)
{
    if (t->free_inode != nil) {
        *ret = t->free_inode;
        t->free_inode = t->inodes[*ret].next;
        return 0;
    }
    if (t->inode_count == INODES_MAX) {
        return -ENFILE;
    }
    if ((t->inode_count & (t->inode_count - 1)) == 0) { /* at each power of two */
        size_t room = t->inode_count ? 2 * (size_t)t->inode_count : 1;
        t->inodes = xrealloc(t->inodes, room * sizeof(*t->inodes));
    }
    *ret = t->inode_count++;
    return 0;
}

/* Takes fd, in any case. */
static int add(struct tree *t, unsigned share, int fd, const struct stat *st, uint32_t *ret)
{
    struct inode *n = find(t, share, st, ret);
    if (n) {
        fd_close(fd);
        n->references++;
        return 0;
    }
    int r = new_slot(t, ret);
    if (r < 0) {
        fd_close(fd);
        return r;
    }
    uint32_t *bucket = &t->buckets[bucket_of(share, st->st_dev, st->st_ino)];
    t->inodes[*ret] = (struct inode){.fd = fd,
                                     .type = st->st_mode & S_IFMT,
                                     .share = share,
                                     .device = st->st_dev,
                                     .number = st->st_ino,
                                     .references = 1,
                                     .next = *bucket};
    *bucket = *ret;
    return 0;
}

static void remove_inode(struct tree *t, uint32_t index)
{
    struct inode *n = &t->inodes[index];
    uint32_t *link = &t->buckets[bucket_of(n->share, n->device, n->number)];
    while (*link != index) {
        link = &t->inodes[*link].next;
    }
    *link = n->next;
    fd_close(n->fd);
    *n = (struct inode){.fd = NONE, .next = t->free_inode};
    t->free_inode = index;
}

int tree_init(struct tree *t, const int *shares, unsigned count)
{
    *t = (struct tree){.free_inode = nil};
    memset(t->buckets, 0xff, sizeof(t->buckets));
    for (unsigned i = 0; i < count; i++) {
        struct stat st;
        uint32_t index = 0;
        if (fstat(shares[i], &st) < 0) {
            return -errno;
        }
        int r = add(t, i, shares[i], &st, &index);
        if (r < 0) {
            return r;
        }
        t->share_count++;
    }
    return 0;
}

void tree_done(struct tree *t)
{
    for (uint32_t i = 0; i < t->inode_count; i++) {
        fd_close(t->inodes[i].fd);
    }
    for (uint32_t i = 0; i < t->file_count; i++) {
        tree_close_file(t, i);
    }
    free(t->inodes);
    free(t->files);
    *t = (struct tree){0};
}

/* With a single share its number and the root's are the same inode's. */
static uint64_t inner_number(const struct tree *t, uint64_t number)
{
    return t->is_single && number == TREE_ROOT ? FIRST_NUMBER : number;
}

struct inode *tree_inode(struct tree *t, uint64_t number)
{
    number = inner_number(t, number);
    if (number < FIRST_NUMBER || number - FIRST_NUMBER >= t->inode_count) {
        return NULL;
    }
    struct inode *n = &t->inodes[number - FIRST_NUMBER];
    return n->fd == NONE ? NULL : n;
}

void tree_root_attributes(const struct tree *t, struct stat *ret)
{
    *ret = (struct stat){.st_mode = S_IFDIR | 0755, .st_ino = 1, .st_nlink = 2 + t->share_count};
}

static bool is_component(const char *name)
{
    return name[0] && !str_equal(name, ".") && !str_equal(name, "..") && !strchr(name, '/');
}

static int lookup_share(struct tree *t, const char *name, uint64_t *ret_number, struct stat *ret)
{
    int64_t number = 0;
    char canonical[24];
    if (str_to_i64(name, 10, &number) < 0 || number < 0 || number >= t->share_count) {
        return -ENOENT;
    }
    (void)snprintf(canonical, sizeof(canonical), "%lld", (long long)number);
    if (!str_equal(name, canonical)) {
        return -ENOENT;
    }
    struct inode *n = &t->inodes[number]; /* the first ones, made by tree_init() */
    if (fstat(n->fd, ret) < 0) {
        return -errno;
    }
    n->references++;
    *ret_number = (uint64_t)number + FIRST_NUMBER;
    return 0;
}

int tree_lookup(struct tree *t, uint64_t folder, const char *name, uint64_t *ret_number,
                struct stat *ret)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    const struct inode *parent = tree_inode(t, folder);
    uint32_t index = 0;
    if (folder == TREE_ROOT && !t->is_single) {
        return lookup_share(t, name, ret_number, ret);
    }
    if (!parent || parent->type != S_IFDIR || !is_component(name)) {
        return parent ? -ENOTDIR : -ESTALE;
    }
    int fd = (int)syscall(SYS_openat2, parent->fd, name, &how, sizeof(how));
    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, ret) < 0) {
        int r = -errno;
        fd_close(fd);
        return r;
    }
    int r = add(t, parent->share, fd, ret, &index);
    *ret_number = (uint64_t)index + FIRST_NUMBER;
    return r;
}

void tree_forget(struct tree *t, uint64_t number, uint64_t references)
{
    struct inode *n = tree_inode(t, number);
    if (!n) {
        return;
    }
    uint64_t index = inner_number(t, number) - FIRST_NUMBER;
    uint64_t kept = index < t->share_count ? 1 : 0; /* a share's own is never forgotten */
    n->references = n->references > references + kept ? n->references - references : kept;
    if (n->references == 0) {
        remove_inode(t, (uint32_t)index);
    }
}

int tree_folder(struct tree *t, uint64_t folder, const char *name)
{
    const struct inode *n = tree_inode(t, folder);
    if (folder == TREE_ROOT && !t->is_single) {
        return -EROFS;
    }
    if (!n) {
        return -ESTALE;
    }
    return n->type == S_IFDIR && is_component(name) ? n->fd : -ENOTDIR;
}

/* --- open files ----------------------------------------------------------------------------------
 */

/* Through /proc/self/fd, which is the working folder: an O_PATH descriptor opens nothing itself. */
int tree_open(struct tree *t, uint64_t number, int flags)
{
    const struct inode *n = tree_inode(t, number);
    char name[16];
    if (!n) {
        return -ESTALE;
    }
    /* Devices do not open here anyway (nodev), a pipe would wait: their guest has its own. */
    if (n->type != S_IFREG && n->type != S_IFDIR) {
        return -ENXIO;
    }
    (void)snprintf(name, sizeof(name), "%d", n->fd);
    int fd = open(name, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int64_t tree_add_file(struct tree *t, int fd, DIR *folder)
{
    uint32_t i = 0;
    while (i < t->file_count && t->files[i].fd != NONE) {
        i++;
    }
    if (i == FILES_MAX) {
        return -ENFILE;
    }
    if (i == t->file_count) {
        t->files = xrealloc(t->files, (++t->file_count) * sizeof(*t->files));
    }
    t->files[i] = (struct open_file){.fd = fd, .folder = folder};
    return i;
}

struct open_file *tree_file(struct tree *t, uint64_t number)
{
    return number < t->file_count && t->files[number].fd != NONE ? &t->files[number] : NULL;
}

void tree_close_file(struct tree *t, uint64_t number)
{
    struct open_file *f = tree_file(t, number);
    if (!f) {
        return;
    }
    if (f->folder) {
        (void)closedir(f->folder); /* read only: nothing can be lost */
    } else {
        fd_close(f->fd);
    }
    *f = (struct open_file){.fd = NONE};
}
