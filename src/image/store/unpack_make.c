// SPDX-License-Identifier: Apache-2.0
/* One entry of each kind, made below its parent folder. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "image/store/unpack.h"

static int failed(struct error **err, const char *what)
{
    return error_set_errno(err, ERROR_KERNEL, errno, "%s", what);
}

/* Orders to overlayfs must come from us alone. */
static bool xattr_is_dropped(const char *name)
{
    return str_starts(name, "trusted.overlay.") || str_starts(name, "user.overlay.");
}

/* What this file system cannot hold is dropped, as Docker does; never a file capability, without
 * which the program would not work, and nobody would know why. */
static bool xattr_may_fail(const char *name, int code)
{
    return (code == ENOTSUP || code == EPERM) && !str_equal(name, "security.capability");
}

/* On the open fd, or, with fd -1, on what `path` is in the working folder, not following a link. */
static int set_xattrs(int fd, const char *path, const struct unpack_entry *e, struct error **err)
{
    const char *name;
    const void *value;
    size_t len;
    archive_entry_xattr_reset(e->entry);
    while (archive_entry_xattr_next(e->entry, &name, &value, &len) == ARCHIVE_OK) {
        if (!name || xattr_is_dropped(name)) {
            continue;
        }
        int r = fd >= 0 ? fsetxattr(fd, name, value, len, 0) : lsetxattr(path, name, value, len, 0);
        if (r < 0 && !xattr_may_fail(name, errno)) {
            return error_set_errno(err, ERROR_KERNEL, errno, "setting its attribute '%s'", name);
        }
    }
    return 0;
}

/* Owner first: changing it clears the set-id bits and the file capabilities. */
int unpack_attributes_of(int fd, const struct unpack_entry *e, struct error **err)
{
    struct timespec times[2] = {e->mtime, e->mtime};
    if (fchown(fd, e->uid, e->gid) < 0) {
        return failed(err, "setting its owner");
    }
    if (fchmod(fd, e->mode) < 0) {
        return failed(err, "setting its mode");
    }
    if (archive_entry_xattr_count(e->entry) > 0) {
        int r = set_xattrs(fd, NULL, e, err);
        if (r < 0) {
            return r;
        }
    }
    return futimens(fd, times) < 0 ? failed(err, "setting its time") : 0;
}

/* The same for what cannot be opened without effect: links, devices, fifos. */
static int attributes_at(const struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    struct timespec times[2] = {e->mtime, e->mtime};
    if (fchownat(u->parent, e->leaf, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return failed(err, "setting its owner");
    }
    if (archive_entry_filetype(e->entry) != AE_IFLNK &&
        fchmodat(u->parent, e->leaf, e->mode, 0) < 0) { /* not a link: just made, by us alone */
        return failed(err, "setting its mode");
    }
    if (archive_entry_xattr_count(e->entry) > 0) {
        if (fchdir(u->parent) < 0) { /* no call takes a folder and a name before Linux 6.13 */
            return failed(err, "entering its folder");
        }
        int r = set_xattrs(-1, e->leaf, e, err);
        if (r < 0) {
            return r;
        }
    }
    return utimensat(u->parent, e->leaf, times, AT_SYMLINK_NOFOLLOW) < 0
               ? failed(err, "setting its time")
               : 0;
}

static int make_folder(struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    if (mkdirat(u->parent, e->leaf, 0700) < 0 && errno != EEXIST) {
        return failed(err, "making the folder");
    }
    CLEANUP(fd)
    int fd = openat(u->parent, e->leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? failed(err, "opening the folder") : unpack_attributes_of(fd, e, err);
}

static int write_block(struct unpack *u, int fd, const char *bytes, size_t len, int64_t offset,
                       struct error **err)
{
    u->bytes += (int64_t)len;
    if (u->bytes > u->limits.bytes_max) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG,
                         "the layer unpacks to more than %lld bytes",
                         (long long)u->limits.bytes_max);
    }
    while (len) {
        ssize_t n = pwrite(fd, bytes, len, offset);
        if (n < 0 && errno != EINTR) {
            return failed(err, "writing its content");
        }
        n = n < 0 ? 0 : n;
        bytes += n;
        offset += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_content(struct unpack *u, int fd, const struct unpack_entry *e, struct error **err)
{
    const void *bytes;
    size_t len;
    int64_t offset = 0, end = 0;
    int r;
    while ((r = archive_read_data_block(e->archive, &bytes, &len, &offset)) == ARCHIVE_OK) {
        int w = write_block(u, fd, bytes, len, offset, err);
        if (w < 0) {
            return w;
        }
        end = offset + (int64_t)len;
    }
    if (r != ARCHIVE_EOF) {
        return error_set(err, ERROR_CORRUPT, 0, "%s",
                         str_or(archive_error_string(e->archive), "the archive is damaged"));
    }
    int64_t size = archive_entry_size(e->entry);
    if (size > end && ftruncate(fd, size) < 0) { /* a hole at the end */
        return failed(err, "setting its size");
    }
    return 0;
}

static int make_file(struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    CLEANUP(fd)
    int fd = openat(u->parent, e->leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(err, "creating the file");
    }
    int r = write_content(u, fd, e, err);
    return r < 0 ? r : unpack_attributes_of(fd, e, err);
}

static int make_symlink(struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    const char *target = archive_entry_symlink(e->entry);
    if (!target || !*target) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a symlink to nothing");
    }
    if (symlinkat(target, u->parent, e->leaf) < 0) {
        return failed(err, "making the symlink");
    }
    return attributes_at(u, e, err);
}

/* The folder of a hard link's target, inside the root and by no symlink. */
static int open_target_folder(int root, const char *path)
{
    CLEANUP(free) char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
    }
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, root, slash ? folder : ".", &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static int make_hard_link(struct unpack *u, const struct unpack_entry *e, const char *target,
                          struct error **err)
{
    CLEANUP(free) char *path = unpack_clean_path(target);
    if (!path || !*path) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a hard link to '%s', outside the layer",
                         target);
    }
    CLEANUP(fd) int folder = open_target_folder(u->root, path);
    if (folder == -ELOOP) {
        return error_set(err, ERROR_INVALID_INPUT, ELOOP,
                         "a hard link to '%s', which lies behind a symlink", target);
    }
    const char *slash = strrchr(path, '/');
    if (folder < 0 || linkat(folder, slash ? slash + 1 : path, u->parent, e->leaf, 0) < 0) {
        int code = folder < 0 ? -folder : errno;
        return code == ENOENT || code == ENOTDIR
                   ? error_set(err, ERROR_INVALID_INPUT, code,
                               "a hard link to '%s', which is not in the layer", target)
                   : error_set_errno(err, ERROR_KERNEL, code, "making a hard link to '%s'", target);
    }
    return 0;
}

static int make_node(struct unpack *u, const struct unpack_entry *e, mode_t type,
                     struct error **err)
{
    dev_t device = type == S_IFIFO ? 0 : archive_entry_rdev(e->entry);
    if (type == S_IFCHR && device == makedev(0, 0)) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "the character device 0/0 is how overlayfs writes a whiteout");
    }
    if (mknodat(u->parent, e->leaf, type | 0600, device) < 0) {
        return failed(err, "making the device or fifo");
    }
    return attributes_at(u, e, err);
}

int unpack_make(struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    const char *target = archive_entry_hardlink(e->entry);
    if (target) {
        return make_hard_link(u, e, target, err);
    }
    mode_t type = archive_entry_filetype(e->entry);
    if (type == AE_IFREG) {
        return make_file(u, e, err);
    } else if (type == AE_IFDIR) {
        return make_folder(u, e, err);
    } else if (type == AE_IFLNK) {
        return make_symlink(u, e, err);
    } else if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO) {
        return make_node(u, e, type, err);
    } else if (type == AE_IFSOCK) {
        return 0; /* nobody could listen on it */
    }
    return error_set(err, ERROR_INVALID_INPUT, 0, "an entry of an unknown kind");
}
