// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/share/operations.h"

/* --- look-ups ------------------------------------------------------------------------------------
 */

static int entry(struct fs_session *s, fuse_ino_t folder, const char *name,
                 struct fuse_entry_param *ret)
{
    uint64_t number = 0;
    *ret = (struct fuse_entry_param){.attr_timeout = CACHE_SECONDS, .entry_timeout = CACHE_SECONDS};
    int r = tree_lookup(&s->tree, folder, name, &number, &ret->attr);
    ret->ino = number;
    return r;
}

static void reply_entry(fuse_req_t req, fuse_ino_t folder, const char *name, int result)
{
    struct fuse_entry_param e;
    int r = result < 0 ? result : entry(fuse_req_userdata(req), folder, name, &e);
    if (r < 0) {
        reply_error(req, r);
        return;
    }
    IGNORE(fuse_reply_entry(req, &e) < 0); /* the reply is written to memory */
}

void operation_lookup(fuse_req_t req, fuse_ino_t folder, const char *name)
{
    reply_entry(req, folder, name, 0);
}

void operation_forget(fuse_req_t req, fuse_ino_t number, uint64_t references)
{
    struct fs_session *s = fuse_req_userdata(req);
    tree_forget(&s->tree, number, references);
    fuse_reply_none(req);
}

void operation_forget_many(fuse_req_t req, size_t count, struct fuse_forget_data *list)
{
    struct fs_session *s = fuse_req_userdata(req);
    for (size_t i = 0; i < count; i++) {
        tree_forget(&s->tree, list[i].ino, list[i].nlookup);
    }
    fuse_reply_none(req);
}

/* --- what is made --------------------------------------------------------------------------------
 */

static int folder_of(fuse_req_t req, fuse_ino_t folder, const char *name)
{
    struct fs_session *s = fuse_req_userdata(req);
    return tree_folder(&s->tree, folder, name);
}

/* What was just made becomes the caller's in the guest, its group the folder's where that is
 * set-group-ID, as a kernel does; a change of owner takes set-id bits away, so they are set again.
 */
static int give(fuse_req_t req, int folder, const char *name, mode_t mode)
{
    const struct fuse_ctx *who = fuse_req_ctx(req);
    struct stat st;
    if (fstat(folder, &st) < 0) {
        return -errno;
    }
    gid_t group = (st.st_mode & S_ISGID) != 0 ? (gid_t)-1 : who->gid;
    if (fchownat(folder, name, who->uid, group, AT_SYMLINK_NOFOLLOW) < 0 ||
        ((mode & (S_ISUID | S_ISGID)) != 0 && !S_ISLNK(mode) && !S_ISDIR(mode) &&
         fchmodat(folder, name, mode & 07777, 0) < 0)) {
        return -errno;
    }
    return 0;
}

void operation_mknod(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode, dev_t dev)
{
    int fd = folder_of(req, folder, name);
    int r = fd < 0 ? fd : mknodat(fd, name, mode, dev) < 0 ? -errno : give(req, fd, name, mode);
    reply_entry(req, folder, name, r);
}

void operation_mkdir(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode)
{
    int fd = folder_of(req, folder, name);
    int r = fd < 0                        ? fd
            : mkdirat(fd, name, mode) < 0 ? -errno
                                          : give(req, fd, name, mode | S_IFDIR);
    reply_entry(req, folder, name, r);
}

void operation_symlink(fuse_req_t req, const char *target, fuse_ino_t folder, const char *name)
{
    int fd = folder_of(req, folder, name);
    int r = fd < 0 ? fd : symlinkat(target, fd, name) < 0 ? -errno : give(req, fd, name, S_IFLNK);
    reply_entry(req, folder, name, r);
}

void operation_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t folder, const char *name)
{
    struct fd_name from;
    int fd = folder_of(req, folder, name);
    int r = fd < 0 ? fd : inode_name(fuse_req_userdata(req), number, &from);
    if (r >= 0 && linkat(AT_FDCWD, from.text, fd, name, AT_SYMLINK_FOLLOW) < 0) {
        r = -errno;
    }
    reply_entry(req, folder, name, r);
}

void operation_create(fuse_req_t req, fuse_ino_t folder, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    struct fs_session *s = fuse_req_userdata(req);
    struct fuse_entry_param e;
    int parent = folder_of(req, folder, name);
    int flags = (fi->flags & (O_ACCMODE | O_APPEND)) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd) int fd = parent < 0 ? parent : openat(parent, name, flags, mode & 07777);
    int r = parent < 0 ? parent : fd < 0 ? -errno : give(req, parent, name, mode);
    if (r == -EEXIST && !(fi->flags & O_EXCL)) { /* another was quicker */
        r = 0;
    }
    r = r < 0 ? r : entry(s, folder, name, &e);
    if (r >= 0 && fd < 0) {
        fd = tree_open(&s->tree, e.ino, fi->flags & (O_ACCMODE | O_APPEND | O_TRUNC));
        r = fd;
    }
    if (r < 0) {
        reply_error(req, r);
        return;
    }
    int64_t file = tree_add_file(&s->tree, fd, NULL);
    if (file < 0) {
        reply_error(req, (int)file);
        return;
    }
    (void)take_fd(&fd);
    fi->fh = (uint64_t)file;
    IGNORE(fuse_reply_create(req, &e, fi) < 0); /* the reply is written to memory */
}

/* --- what goes -----------------------------------------------------------------------------------
 */

static void remove_name(fuse_req_t req, fuse_ino_t folder, const char *name, int flags)
{
    int fd = folder_of(req, folder, name);
    reply_error(req, fd < 0 ? fd : unlinkat(fd, name, flags) < 0 ? errno : 0);
}

void operation_unlink(fuse_req_t req, fuse_ino_t folder, const char *name)
{
    remove_name(req, folder, name, 0);
}

void operation_rmdir(fuse_req_t req, fuse_ino_t folder, const char *name)
{
    remove_name(req, folder, name, AT_REMOVEDIR);
}

void operation_rename(fuse_req_t req, fuse_ino_t folder, const char *name, fuse_ino_t new_folder,
                      const char *new_name, unsigned flags)
{
    int from = folder_of(req, folder, name), to = folder_of(req, new_folder, new_name);
    int r = from < 0 ? from : to;
    reply_error(req, r < 0 ? r : renameat2(from, name, to, new_name, flags) < 0 ? errno : 0);
}
