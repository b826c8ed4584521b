// SPDX-License-Identifier: Apache-2.0
/* What a guest knows of the shared folders: inodes and open files under numbers of ours.
 *
 * The root is a folder of nobody's that holds the shares as "0", "1", …: folders or files of the
 * host, each through a mount of its own. An inode is an O_PATH descriptor, found from its folder's
 * by one name (openat2, RESOLVE_BENEATH, no links), so that no path ever leaves its share and a
 * renamed file keeps its number. It lives while the guest has references; a share's own always.
 * A number of the guest's is checked before it is used.
 *
 * One thread. Owns the descriptors. Spec: FUSE protocol (linux/fuse.h); man 2 openat2. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SHARES_MAX 64
#define TREE_ROOT 1 /* FUSE_ROOT_ID */

struct inode {
    int fd;      /* O_PATH; -1: this slot is free */
    mode_t type; /* S_IFMT's bits: they never change */
    unsigned share;
    uint64_t device, number; /* of the host */
    uint64_t references;
    uint32_t next; /* in its bucket, or of the free ones; UINT32_MAX: none */
};

struct open_file {
    int fd;              /* -1: this slot is free */
    DIR *folder;         /* NULL: a file; owns fd */
    off_t at;            /* of the folder */
    struct dirent *held; /* read and not yet told */
};

enum { TREE_BUCKETS = 4096 };

struct tree {
    struct inode *inodes; /* number n is inodes[n - 2] */
    uint32_t inode_count, free_inode;
    uint32_t buckets[TREE_BUCKETS];
    struct open_file *files;
    uint32_t file_count;
    unsigned share_count;
    bool is_single; /* the root is the one share itself */
};

/* Takes the shares' descriptors (O_PATH). -errno. */
int tree_init(struct tree *t, const int *shares, unsigned count);
void tree_done(struct tree *t);

/* NULL: no such number, or that of the shares' root. */
struct inode *tree_inode(struct tree *t, uint64_t number);
/* The one of this name: its number with one reference more, its attributes. -errno. */
int tree_lookup(struct tree *t, uint64_t folder, const char *name, uint64_t *ret_number,
                struct stat *ret);
void tree_forget(struct tree *t, uint64_t number, uint64_t references);
/* The root's attributes. */
void tree_root_attributes(const struct tree *t, struct stat *ret);
/* A folder that can be changed: its descriptor, or -errno (the root cannot). The name is checked
 * too: one component. */
int tree_folder(struct tree *t, uint64_t folder, const char *name);

/* Opens the inode anew with these flags of open(2). Descriptor or -errno. */
int tree_open(struct tree *t, uint64_t number, int flags);
/* Keeps a descriptor, and the stream over it if it is a folder's. The number, or -errno. */
int64_t tree_add_file(struct tree *t, int fd, DIR *folder);
struct open_file *tree_file(struct tree *t, uint64_t number);
void tree_close_file(struct tree *t, uint64_t number);
