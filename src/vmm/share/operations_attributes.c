// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "vmm/share/operations.h"

/* --- attributes ----------------------------------------------------------------------------------
 */

static void reply_attributes(fuse_req_t req, fuse_ino_t number)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct inode *n = tree_inode(&s->tree, number);
    struct stat st;
    if (number == TREE_ROOT && !s->tree.is_single) {
        tree_root_attributes(&s->tree, &st);
    } else if (!n || fstat(n->fd, &st) < 0) {
        reply_error(req, n ? errno : ESTALE);
        return;
    }
    IGNORE(fuse_reply_attr(req, &st, CACHE_SECONDS) < 0); /* the reply is written to memory */
}

void operation_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)fi;
    reply_attributes(req, number);
}

static int set_size(struct fs_session *s, fuse_ino_t number, const struct fuse_file_info *fi,
                    off_t size)
{
    const struct open_file *f = fi ? tree_file(&s->tree, fi->fh) : NULL;
    CLEANUP(fd) int own = f ? -1 : tree_open(&s->tree, number, O_WRONLY);
    if (!f && own < 0) {
        return own;
    }
    return ftruncate(f ? f->fd : own, size) < 0 ? -errno : 0;
}

static int set_owner(int fd, const struct stat *a, int to_set)
{
    uid_t user = to_set & FUSE_SET_ATTR_UID ? a->st_uid : (uid_t)-1;
    gid_t group = to_set & FUSE_SET_ATTR_GID ? a->st_gid : (gid_t)-1;
    return fchownat(fd, "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static struct timespec time_of(int to_set, int set, int now, struct timespec value)
{
    return (to_set & now) != 0   ? (struct timespec){.tv_nsec = UTIME_NOW}
           : (to_set & set) != 0 ? value
                                 : (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int set_times(int fd, const struct stat *a, int to_set)
{
    const struct timespec times[2] = {
        time_of(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, a->st_atim),
        time_of(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, a->st_mtim),
    };
    return utimensat(fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

void operation_setattr(fuse_req_t req, fuse_ino_t number, struct stat *attributes, int to_set,
                       struct fuse_file_info *fi)
{
    static const int owner = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID,
                     times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                             FUSE_SET_ATTR_MTIME_NOW;
    struct fs_session *s = fuse_req_userdata(req);
    struct fd_name name;
    int fd = inode_name(s, number, &name);
    int r = fd;
    if (r >= 0 && (to_set & owner) != 0) {
        r = set_owner(fd, attributes, to_set);
    }
    if (r >= 0 && (to_set & FUSE_SET_ATTR_MODE) != 0) { /* after: a new owner takes bits away */
        r = fchmodat(AT_FDCWD, name.text, attributes->st_mode & 07777, 0) < 0 ? -errno : 0;
    }
    if (r >= 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0) {
        r = set_size(s, number, fi, attributes->st_size);
    }
    if (r >= 0 && (to_set & times) != 0) {
        r = set_times(fd, attributes, to_set);
    }
    if (r < 0) {
        reply_error(req, r);
        return;
    }
    reply_attributes(req, number);
}

void operation_readlink(fuse_req_t req, fuse_ino_t number)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct inode *n = tree_inode(&s->tree, number);
    char target[PATH_MAX + 1];
    ssize_t len = n ? readlinkat(n->fd, "", target, sizeof(target) - 1) : -1;
    if (len < 0) {
        reply_error(req, n ? errno : ESTALE);
        return;
    }
    target[len] = '\0';
    IGNORE(fuse_reply_readlink(req, target) < 0); /* the reply is written to memory */
}

/* --- extended attributes -------------------------------------------------------------------------
 */

/* Not those by which the host's kernel decides: lists of access rights and labels. File
 * capabilities are the guest's kernel's as much. */
static bool is_allowed(const char *name)
{
    return str_starts(name, "user.") || str_starts(name, "trusted.") ||
           str_equal(name, "security.capability");
}

static int attribute_of(fuse_req_t req, fuse_ino_t number, const char *name, struct fd_name *ret)
{
    return is_allowed(name) ? inode_name(fuse_req_userdata(req), number, ret) : -EOPNOTSUPP;
}

void operation_setxattr(fuse_req_t req, fuse_ino_t number, const char *name, const char *value,
                        size_t size, int flags)
{
    struct fd_name file;
    int r = attribute_of(req, number, name, &file);
    reply_error(req, r < 0 ? r : setxattr(file.text, name, value, size, flags) < 0 ? errno : 0);
}

void operation_removexattr(fuse_req_t req, fuse_ino_t number, const char *name)
{
    struct fd_name file;
    int r = attribute_of(req, number, name, &file);
    reply_error(req, r < 0 ? r : removexattr(file.text, name) < 0 ? errno : 0);
}

/* A value or list of attributes: its size alone when 0 bytes are asked for. */
static void reply_value(fuse_req_t req, const char *value, ssize_t len, size_t size)
{
    if (len < 0) {
        reply_error(req, errno);
    } else if (size == 0) {
        IGNORE(fuse_reply_xattr(req, (size_t)len) < 0); /* the reply is written to memory */
    } else {
        IGNORE(fuse_reply_buf(req, value, (size_t)len) < 0);
    }
}

static char value[XATTR_SIZE_MAX];

void operation_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t size)
{
    struct fd_name file;
    int r = attribute_of(req, number, name, &file);
    if (r < 0) {
        reply_error(req, r == -EROFS ? ENODATA : r); /* the root has none */
        return;
    }
    size_t room = size < sizeof(value) ? size : sizeof(value);
    reply_value(req, value, getxattr(file.text, name, size ? value : NULL, room), size);
}

void operation_listxattr(fuse_req_t req, fuse_ino_t number, size_t size)
{
    struct fd_name file;
    int r = inode_name(fuse_req_userdata(req), number, &file);
    if (r < 0) {
        reply_error(req, r == -EROFS ? ENODATA : r);
        return;
    }
    size_t room = size < sizeof(value) ? size : sizeof(value);
    reply_value(req, value, listxattr(file.text, size ? value : NULL, room), size);
}
