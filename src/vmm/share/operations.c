// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/operations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "vmm/share/locks.h"

enum { /* 128 pages: with its headers such a request fits into a chain of VIRTQ_CHAIN_MAX. */
       WRITE_BYTES_MAX = 1 << 19,
};

void reply_error(fuse_req_t req, int code)
{
    IGNORE(fuse_reply_err(req, code < 0 ? -code : code) < 0); /* the reply is written to memory */
}

int inode_name(struct fs_session *s, fuse_ino_t number, struct fd_name *ret)
{
    const struct inode *n = tree_inode(&s->tree, number);
    if (!n) {
        return number == TREE_ROOT ? -EROFS : -ESTALE;
    }
    (void)snprintf(ret->text, sizeof(ret->text), "%d", n->fd);
    return n->fd;
}

static void negotiate(void *userdata, struct fuse_conn_info *c)
{
    /* The guest takes set-id bits away itself, and keeps its page cache coherent by asking. */
    static const unsigned unwanted =
        FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_ACL;
    (void)userdata;
    c->want &= ~unwanted;
    c->want |= c->capable & (FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_ATOMIC_O_TRUNC);
    c->max_write = WRITE_BYTES_MAX;
}

static void statfs_operation(fuse_req_t req, fuse_ino_t number)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct inode *n = tree_inode(&s->tree, number);
    struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
    if (n && fstatvfs(n->fd, &st) < 0) {
        reply_error(req, errno);
        return;
    }
    IGNORE(fuse_reply_statfs(req, &st) < 0); /* the reply is written to memory */
}

const struct fuse_lowlevel_ops operations = {
    .init = negotiate,
    .statfs = statfs_operation,
    .lookup = operation_lookup,
    .forget = operation_forget,
    .forget_multi = operation_forget_many,
    .mknod = operation_mknod,
    .mkdir = operation_mkdir,
    .symlink = operation_symlink,
    .link = operation_link,
    .unlink = operation_unlink,
    .rmdir = operation_rmdir,
    .rename = operation_rename,
    .create = operation_create,
    .getattr = operation_getattr,
    .setattr = operation_setattr,
    .readlink = operation_readlink,
    .setxattr = operation_setxattr,
    .getxattr = operation_getxattr,
    .listxattr = operation_listxattr,
    .removexattr = operation_removexattr,
    .open = operation_open,
    .read = operation_read,
    .write_buf = operation_write,
    .flush = operation_flush,
    .release = operation_release,
    .fsync = operation_fsync,
    .fallocate = operation_fallocate,
    .lseek = operation_lseek,
    .copy_file_range = operation_copy,
    .opendir = operation_opendir,
    .readdir = operation_readdir,
    .readdirplus = operation_readdirplus,
    .releasedir = operation_release,
    .fsyncdir = operation_fsync,
    .getlk = locks_get,
    .setlk = locks_set,
    .flock = locks_flock,
};
