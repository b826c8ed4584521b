// SPDX-License-Identifier: Apache-2.0
/* The file system's operations as libfuse calls them: the host's own, on the tree's descriptors.
 *
 *     operations.c             the table, negotiation, statfs
 *     operations_names.c       look-ups, what makes, moves and removes names
 *     operations_attributes.c  attributes, extended ones
 *     operations_files.c       open files: reading, writing, folders
 *     locks.c
 * Each answers its request once. What the guest makes is owned by whom the guest says: it checks
 * permissions itself (default_permissions), as a host's kernel would. */
#pragma once

#include "vmm/share/fs_session.h"

/* How long the guest may believe an entry or attributes without asking: what others change in the
 * folder is seen after at most this. */
#define CACHE_SECONDS 1.0

extern const struct fuse_lowlevel_ops operations;

void reply_error(fuse_req_t req, int code); /* 0 is success, else errno or -errno */
/* "<fd>": what the inode is called in /proc/self/fd, the working folder. -errno. */
struct fd_name {
    char text[16];
};
int inode_name(struct fs_session *s, fuse_ino_t number, struct fd_name *ret);

void operation_lookup(fuse_req_t req, fuse_ino_t folder, const char *name);
void operation_forget(fuse_req_t req, fuse_ino_t number, uint64_t references);
void operation_forget_many(fuse_req_t req, size_t count, struct fuse_forget_data *list);
void operation_mknod(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode, dev_t dev);
void operation_mkdir(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode);
void operation_symlink(fuse_req_t req, const char *target, fuse_ino_t folder, const char *name);
void operation_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t folder, const char *name);
void operation_unlink(fuse_req_t req, fuse_ino_t folder, const char *name);
void operation_rmdir(fuse_req_t req, fuse_ino_t folder, const char *name);
void operation_rename(fuse_req_t req, fuse_ino_t folder, const char *name, fuse_ino_t new_folder,
                      const char *new_name, unsigned flags);
void operation_create(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode,
                      struct fuse_file_info *fi);

void operation_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi);
void operation_setattr(fuse_req_t req, fuse_ino_t number, struct stat *attributes, int to_set,
                       struct fuse_file_info *fi);
void operation_readlink(fuse_req_t req, fuse_ino_t number);
void operation_setxattr(fuse_req_t req, fuse_ino_t number, const char *name, const char *value,
                        size_t size, int flags);
void operation_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t size);
void operation_listxattr(fuse_req_t req, fuse_ino_t number, size_t size);
void operation_removexattr(fuse_req_t req, fuse_ino_t number, const char *name);

void operation_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi);
void operation_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                    struct fuse_file_info *fi);
void operation_write(fuse_req_t req, fuse_ino_t number, struct fuse_bufvec *data, off_t at,
                     struct fuse_file_info *fi);
void operation_flush(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi);
void operation_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi);
void operation_fsync(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *fi);
void operation_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t at, off_t len,
                         struct fuse_file_info *fi);
void operation_lseek(fuse_req_t req, fuse_ino_t number, off_t at, int whence,
                     struct fuse_file_info *fi);
void operation_copy(fuse_req_t req, fuse_ino_t from, off_t from_at, struct fuse_file_info *from_fi,
                    fuse_ino_t to, off_t to_at, struct fuse_file_info *to_fi, size_t len,
                    int flags);
void operation_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi);
void operation_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                       struct fuse_file_info *fi);
void operation_readdirplus(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                           struct fuse_file_info *fi);
