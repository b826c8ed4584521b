// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"

enum { WAITING_MAX = 256, OWNERS_MAX = 4096 };

struct lock_owner {
    struct lock_owner *next;
    uint64_t number, owner;
    int fd;
};

struct waiting_lock {
    struct waiting_lock *next;
    fuse_req_t req; /* NULL: answered */
    uint64_t unique;
    int fd;
    int operation; /* of flock; 0: `lock` instead */
    struct flock lock;
};

/* --- owners --------------------------------------------------------------------------------------
 */

/* The owner's description of this inode; made when there is none. -errno. */
static int owner_fd(struct fs_session *s, uint64_t number, uint64_t owner)
{
    unsigned count = 0;
    for (const struct lock_owner *o = s->owners; o; o = o->next, count++) {
        if (o->number == number && o->owner == owner) {
            return o->fd;
        }
    }
    if (count == OWNERS_MAX) {
        return -ENOLCK;
    }
    int fd = tree_open(&s->tree, number, O_RDWR);
    if (fd == -EROFS || fd == -EACCES) {
        fd = tree_open(&s->tree, number, O_RDONLY);
    }
    if (fd < 0) {
        return fd;
    }
    struct lock_owner *o = xcalloc(1, sizeof(*o));
    *o = (struct lock_owner){.next = s->owners, .number = number, .owner = owner, .fd = fd};
    s->owners = o;
    return fd;
}

void locks_release(struct fs_session *s, uint64_t number, uint64_t owner)
{
    for (struct lock_owner **link = &s->owners; *link; link = &(*link)->next) {
        struct lock_owner *o = *link;
        if (o->number == number && o->owner == owner) {
            *link = o->next;
            fd_close(o->fd);
            free(o);
            return;
        }
    }
}

void locks_done(struct fs_session *s)
{
    while (s->owners) {
        locks_release(s, s->owners->number, s->owners->owner);
    }
}

/* --- waiting -------------------------------------------------------------------------------------
 */

/* 0, or -errno of the try. */
static int try_lock(int fd, int operation, struct flock *lock)
{
    int r = operation ? flock(fd, operation | LOCK_NB) : fcntl(fd, F_OFD_SETLK, lock);
    return r < 0 ? -errno : 0;
}

static void interrupted(fuse_req_t req, void *data)
{
    struct waiting_lock *w = data;
    if (w->req == req) {
        w->req = NULL;
        IGNORE(fuse_reply_err(req, EINTR) < 0); /* the reply is written to memory */
    }
}

static bool keep_waiting(struct fs_session *s, fuse_req_t req, int fd, int operation,
                         const struct flock *lock)
{
    /* A descriptor of its own: whoever closes the file does not wait for us. */
    int own = s->lock_count < WAITING_MAX && s->current ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (own < 0) {
        return false;
    }
    struct waiting_lock *w = xcalloc(1, sizeof(*w));
    *w = (struct waiting_lock){.next = s->locks,
                               .req = req,
                               .unique = s->current->unique,
                               .fd = own,
                               .operation = operation};
    if (lock) {
        w->lock = *lock;
    }
    s->locks = w;
    s->lock_count++;
    fuse_req_interrupt_func(req, interrupted, w);
    return true;
}

bool locks_hold(const struct fs_session *s, uint64_t unique)
{
    for (const struct waiting_lock *w = s->locks; w; w = w->next) {
        if (w->req && w->unique == unique) {
            return true;
        }
    }
    return false;
}

bool locks_retry(struct fs_session *s)
{
    struct waiting_lock **link = &s->locks;
    while (*link) {
        struct waiting_lock *w = *link;
        int r = w->req ? try_lock(w->fd, w->operation, &w->lock) : 0;
        if (r == -EAGAIN || r == -EACCES) {
            link = &w->next;
            continue;
        }
        *link = w->next;
        s->lock_count--;
        if (w->req) {
            fuse_req_interrupt_func(w->req, NULL, NULL);
            IGNORE(fuse_reply_err(w->req, -r) < 0); /* the reply is written to memory */
        }
        fd_close(w->fd);
        free(w);
    }
    return s->locks != NULL;
}

void locks_drop(struct fs_session *s)
{
    while (s->locks) {
        struct waiting_lock *w = s->locks;
        s->locks = w->next;
        if (w->req) {
            fuse_reply_none(w->req);
        }
        fd_close(w->fd);
        free(w);
    }
    s->lock_count = 0;
}

static void settle(fuse_req_t req, int fd, int operation, struct flock *lock, bool wait)
{
    struct fs_session *s = fuse_req_userdata(req);
    int r = fd < 0 ? fd : try_lock(fd, operation, lock);
    if ((r == -EAGAIN || r == -EACCES) && wait && keep_waiting(s, req, fd, operation, lock)) {
        return;
    }
    IGNORE(fuse_reply_err(req, -r) < 0); /* the reply is written to memory */
}

/* --- operations ----------------------------------------------------------------------------------
 */

void locks_get(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, struct flock *lock)
{
    int fd = owner_fd(fuse_req_userdata(req), number, fi->lock_owner);
    lock->l_pid = 0; /* as F_OFD_* wants */
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, lock) < 0) {
        IGNORE(fuse_reply_err(req, fd < 0 ? -fd : errno) < 0); /* written to memory */
        return;
    }
    IGNORE(fuse_reply_lock(req, lock) < 0);
}

void locks_set(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, struct flock *lock,
               int wait)
{
    lock->l_pid = 0;
    settle(req, owner_fd(fuse_req_userdata(req), number, fi->lock_owner), 0, lock, wait != 0);
}

void locks_flock(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, int operation)
{
    struct fs_session *s = fuse_req_userdata(req);
    const struct open_file *f = tree_file(&s->tree, fi->fh);
    (void)number;
    settle(req, f ? f->fd : -EBADF, operation & ~LOCK_NB, NULL, (operation & LOCK_NB) == 0);
}
