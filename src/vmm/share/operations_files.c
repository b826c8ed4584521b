// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "vmm/share/locks.h"
#include "vmm/share/operations.h"

/* --- files ---------------------------------------------------------------------------------------
 */

static struct open_file *file_of(fuse_req_t req, const struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    return tree_file(&s->tree, fi->fh);
}

/* A kernel's file says 0 and has text. */
static bool has_no_size(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size == 0;
}

void operation_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct inode *n = tree_inode(&s->tree, number);
    int flags = fi->flags & (O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC);
    CLEANUP(fd) int fd = n && n->type == S_IFREG ? tree_open(&s->tree, number, flags) : -EISDIR;
    int64_t file = fd < 0 ? fd : tree_add_file(&s->tree, fd, NULL);
    if (file < 0) {
        reply_error(req, (int)file);
        return;
    }
    fi->direct_io = s->tree.is_single && has_no_size(fd);
    (void)take_fd(&fd);
    fi->fh = (uint64_t)file;
    IGNORE(fuse_reply_open(req, fi) < 0); /* the reply is written to memory */
}

void operation_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                    struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct open_file *f = file_of(req, fi);
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    size_t room = fs_session_room(s);
    unsigned count = fs_session_data(s, true, 0, size < room ? size : room, ranges);
    (void)number;
    ssize_t n = !f || f->folder ? -1 : count == 0 ? 0 : preadv(f->fd, ranges, (int)count, at);
    if (n < 0) {
        reply_error(req, f && !f->folder ? errno : EBADF);
        return;
    }
    fs_session_reply_data(req, (size_t)n);
}

void operation_write(fuse_req_t req, fuse_ino_t number, struct fuse_bufvec *data, off_t at,
                     struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct open_file *f = file_of(req, fi);
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    unsigned count = fs_session_data(s, false, 0, data->buf[0].size, ranges);
    (void)number;
    ssize_t n = !f || f->folder ? -1 : count == 0 ? 0 : pwritev(f->fd, ranges, (int)count, at);
    if (n < 0) {
        reply_error(req, f && !f->folder ? errno : EBADF);
        return;
    }
    IGNORE(fuse_reply_write(req, (size_t)n) < 0); /* the reply is written to memory */
}

void operation_flush(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    locks_release(fuse_req_userdata(req), number, fi->lock_owner);
    reply_error(req, 0);
}

void operation_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    (void)number;
    tree_close_file(&s->tree, fi->fh);
    reply_error(req, 0);
}

void operation_fsync(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *fi)
{
    const struct open_file *f = file_of(req, fi);
    (void)number;
    int r = !f ? -EBADF : (data_only ? fdatasync(f->fd) : fsync(f->fd)) < 0 ? -errno : 0;
    reply_error(req, r);
}

void operation_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t at, off_t len,
                         struct fuse_file_info *fi)
{
    const struct open_file *f = file_of(req, fi);
    (void)number;
    reply_error(req, !f ? EBADF : fallocate(f->fd, mode, at, len) < 0 ? errno : 0);
}

void operation_lseek(fuse_req_t req, fuse_ino_t number, off_t at, int whence,
                     struct fuse_file_info *fi)
{
    const struct open_file *f = file_of(req, fi);
    bool finds = whence == SEEK_DATA || whence == SEEK_HOLE;
    (void)number;
    off_t r = f && !f->folder && finds ? lseek(f->fd, at, whence) : -1;
    if (r < 0) {
        reply_error(req, f && finds ? errno : EINVAL);
        return;
    }
    IGNORE(fuse_reply_lseek(req, r) < 0); /* the reply is written to memory */
}

void operation_copy(fuse_req_t req, fuse_ino_t from, off_t from_at, struct fuse_file_info *from_fi,
                    fuse_ino_t to, off_t to_at, struct fuse_file_info *to_fi, size_t len, int flags)
{
    const struct open_file *source = file_of(req, from_fi), *target = file_of(req, to_fi);
    (void)from;
    (void)to;
    ssize_t n = source && target ? copy_file_range(source->fd, &from_at, target->fd, &to_at, len,
                                                   (unsigned)flags)
                                 : -1;
    if (n < 0) {
        reply_error(req, source && target ? errno : EBADF);
        return;
    }
    IGNORE(fuse_reply_write(req, (size_t)n) < 0); /* the reply is written to memory */
}

/* --- folders -------------------------------------------------------------------------------------
 */

void operation_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    if (number == TREE_ROOT && !s->tree.is_single) { /* nobody lists it: its entries are known */
        reply_error(req, EACCES);
        return;
    }
    CLEANUP(fd) int fd = tree_open(&s->tree, number, O_RDONLY | O_DIRECTORY);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        reply_error(req, fd < 0 ? fd : errno);
        return;
    }
    int64_t file = tree_add_file(&s->tree, take_fd(&fd), folder);
    if (file < 0) {
        (void)closedir(folder); /* read only: nothing can be lost */
        reply_error(req, (int)file);
        return;
    }
    fi->fh = (uint64_t)file;
    IGNORE(fuse_reply_open(req, fi) < 0); /* the reply is written to memory */
}

struct listing {
    fuse_req_t req;
    fuse_ino_t number;
    char *bytes;
    size_t len, room;
    bool plus;
};

static struct dirent *next_entry(struct open_file *f)
{
    if (!f->held) {
        errno = 0;
        f->held = readdir(f->folder);
    }
    return f->held;
}

/* 1 added, 0 no room for it. */
static int add_entry(struct listing *l, struct dirent *d)
{
    struct fs_session *s = fuse_req_userdata(l->req);
    struct fuse_entry_param e = {.attr = {.st_ino = d->d_ino, .st_mode = (mode_t)d->d_type << 12}};
    bool is_own = str_equal(d->d_name, ".") || str_equal(d->d_name, "..");
    size_t left = l->room - l->len, size;
    uint64_t number = 0;
    if (!l->plus) {
        size = fuse_add_direntry(l->req, l->bytes + l->len, left, d->d_name, &e.attr, d->d_off);
        l->len += size <= left ? size : 0;
        return size <= left;
    }
    if (!is_own && tree_lookup(&s->tree, l->number, d->d_name, &number, &e.attr) < 0) {
        return 1; /* it went meanwhile */
    }
    e.ino = number;
    e.attr_timeout = e.entry_timeout = CACHE_SECONDS;
    size = fuse_add_direntry_plus(l->req, l->bytes + l->len, left, d->d_name, &e, d->d_off);
    if (size > left) {
        tree_forget(&s->tree, number, 1);
        return 0;
    }
    l->len += size;
    return 1;
}

static void list(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                 const struct fuse_file_info *fi, bool plus)
{
    static char bytes[128 * 1024];
    struct open_file *f = file_of(req, fi);
    size_t room = fs_session_room(fuse_req_userdata(req));
    struct listing l = {.req = req, .number = number, .bytes = bytes, .plus = plus};
    struct dirent *d;
    if (!f || !f->folder) {
        reply_error(req, EBADF);
        return;
    }
    l.room = size < sizeof(bytes) ? size : sizeof(bytes);
    l.room = l.room < room ? l.room : room;
    if (at != f->at) {
        seekdir(f->folder, at);
        f->at = at;
        f->held = NULL;
    }
    while ((d = next_entry(f)) && add_entry(&l, d)) {
        f->at = d->d_off;
        f->held = NULL;
    }
    if (!d && errno != 0 && l.len == 0) {
        reply_error(req, errno);
        return;
    }
    IGNORE(fuse_reply_buf(req, bytes, l.len) < 0); /* the reply is written to memory */
}

void operation_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                       struct fuse_file_info *fi)
{
    list(req, number, size, at, fi, false);
}

void operation_readdirplus(fuse_req_t req, fuse_ino_t number, size_t size, off_t at,
                           struct fuse_file_info *fi)
{
    list(req, number, size, at, fi, true);
}
