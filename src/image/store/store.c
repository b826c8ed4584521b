// SPDX-License-Identifier: Apache-2.0
#include "image/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image/layout.h"
#include "image/store/index.h"

#define SWEEP_MARK "sweep-wanted"
#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static bool folder_is_empty(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    CLEANUP(dir) DIR *dir = open;
    if (!dir) {
        fd_close(fd);
        return true;
    }
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (!str_equal(e->d_name, ".") && !str_equal(e->d_name, "..")) {
            return false;
        }
    }
    return true;
}

static int make_folders(struct store *s, struct error **err)
{
    static const char *const folders[] = {"blobs/sha256", "layers", "ids", "names", "tmp"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        CLEANUP(free) char *path = str_format("%s/%s", s->path, folders[i]);
        int r = mkdir_all(path, 0700, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void remove_empty_folders(int dirfd, const char *path)
{
    CLEANUP(strv) struct strv names = {0};
    IGNORE(list_folder(dirfd, path, &names, NULL) < 0); /* then there is nothing to do */
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *below = str_format("%s/%s", path, names.items[i]);
        if (unlinkat(dirfd, below, AT_REMOVEDIR) < 0 && errno == ENOTEMPTY) {
            remove_empty_folders(dirfd, below);
            (void)unlinkat(dirfd, below, AT_REMOVEDIR); /* refused while names are in it */
        }
    }
}

/* A folder in tmp/ that is nobody's tells of a writer that was killed. When nobody is at work, what
 * it left goes, and what it had not come to is done. The folder goes last: it is the mark. */
static void clear_rubbish(struct store *s)
{
    if (!folder_is_empty(s->fd, "tmp") && lock_fd(s->lock, LOCK_EXCLUSIVE, false, NULL) >= 0) {
        file_sweep_temporaries(s->fd, ".", 0);
        file_sweep_temporaries(s->fd, "ids", 0);
        remove_empty_folders(s->fd, "names");
        s->names_changed = true;                 /* index.json may tell of the names before */
        IGNORE(remove_tree(s->fd, "tmp", NULL)); /* what remains, the next one tries again */
        (void)mkdirat(s->fd, "tmp", 0700);       /* store_open() makes its folder below, and says */
    }
}

static int open_fds(struct store *s, struct error **err)
{
    s->fd = open_file(AT_FDCWD, s->path, O_RDONLY | O_DIRECTORY, 0, err);
    if (s->fd < 0) {
        return s->fd;
    }
    if (faccessat(s->fd, "oci-layout", F_OK, 0) < 0) {
        int r = file_write_atomic(s->fd, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT), 0600,
                                  FILE_NO_SYNC, err);
        if (r < 0) {
            return r;
        }
    }
    s->lock = open_file(s->fd, "lock", O_RDWR | O_CREAT, 0600, err);
    return s->lock;
}

static int open_parts(struct store *s, struct error **err)
{
    int r = make_folders(s, err);
    if (r >= 0) {
        r = open_fds(s, err);
    }
    if (r < 0) {
        return r;
    }
    clear_rubbish(s);
    r = lock_fd(s->lock, LOCK_SHARED, true, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *name = random_hex(8);
    char *tmp = str_format("tmp/%s", name);
    if (mkdirat(s->fd, tmp, 0700) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", tmp);
        free(tmp);
        return r;
    }
    s->tmp = tmp;
    return 0;
}

static void store_init(struct store *s, const char *data_dir)
{
    *s = (struct store){.fd = -1, .lock = -1};
    s->path = layout_store_path(data_dir);
    s->data_dir = xstrdup(data_dir);
}

int store_open(const char *data_dir, struct store *ret, struct error **err)
{
    struct store s = {.fd = -1, .lock = -1};
    store_init(&s, data_dir);
    int r = open_parts(&s, err);
    if (r < 0) {
        error_wrap(err, r, "opening the image store '%s'", s.path);
        store_close(&s);
        return r;
    }
    *ret = s;
    return 0;
}

/* Without a folder of its own: whoever tries to write below learns why that is not possible. */
static int open_without_tmp(struct store *s, struct error **err)
{
    s->fd = open_file(AT_FDCWD, s->path, O_RDONLY | O_DIRECTORY, 0, err);
    if (s->fd < 0) {
        return s->fd;
    }
    s->lock = open_file(s->fd, "lock", O_RDONLY, 0, err);
    if (s->lock < 0) {
        return s->lock;
    }
    s->tmp = xstrdup("tmp");
    return lock_fd(s->lock, LOCK_SHARED, true, err);
}

/* store_open(), or what is possible where that says one of these: 1. */
static int open_somehow(const char *data_dir, const int *codes, size_t count, struct store *ret,
                        struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    int r = store_open(data_dir, ret, &why);
    bool expected = false;
    for (size_t i = 0; i < count; i++) {
        expected = expected || r == -codes[i];
    }
    if (!expected) {
        return r < 0 ? error_move(err, &why, r) : 0;
    }
    struct store s;
    store_init(&s, data_dir);
    r = open_without_tmp(&s, err);
    if (r < 0) {
        free(take_ptr(s.tmp));
        store_close(&s);
        return error_wrap(err, r, "opening the image store");
    }
    *ret = s;
    return 1;
}

int store_open_to_read(const char *data_dir, struct store *ret, struct error **err)
{
    static const int codes[] = {EROFS, ENOSPC, EDQUOT};
    int r = open_somehow(data_dir, codes, ARRAY_SIZE(codes), ret, err);
    ret->unwritable = r > 0;
    return r < 0 ? r : 0;
}

int store_open_to_remove(const char *data_dir, struct store *ret, struct error **err)
{
    static const int codes[] = {ENOSPC, EDQUOT};
    int r = open_somehow(data_dir, codes, ARRAY_SIZE(codes), ret, err);
    ret->full = r > 0;
    return r < 0 ? r : 0;
}

int store_start_unpacker(struct store *s, bool durable, struct error **err)
{
    CLEANUP(fd) int tmp = open_file(s->fd, s->tmp, O_RDONLY | O_DIRECTORY, 0, err);
    return tmp < 0 ? tmp : unpacker_start(tmp, durable ? s->fd : -1, &s->unpacker, err);
}

void store_want_sweep(struct store *s)
{
    int fd = openat(s->fd, SWEEP_MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    fd_close(fd); /* without the mark, the next rmi sweeps */
}

/* For a moment the others may be resolving a name: a few tries, then it is left to the next. */
static bool lock_for_sweep(struct store *s)
{
    IGNORE(lock_fd(s->lock, LOCK_SHARED, false, NULL));
    for (int tries = 0; tries < 20; tries++) {
        if (lock_fd(s->lock, LOCK_EXCLUSIVE, false, NULL) >= 0) {
            return true;
        }
        struct timespec wait = {.tv_nsec = 10000000};
        (void)nanosleep(&wait, NULL); /* flock(2) has no time limit of its own */
    }
    return false;
}

/* Whoever else wants the store waits for the renaming alone. */
static void sweep_if_wanted(struct store *s)
{
    if (faccessat(s->fd, SWEEP_MARK, F_OK, 0) < 0 || !lock_for_sweep(s)) {
        return;
    }
    CLEANUP(free) char *tag = random_hex(8);
    CLEANUP(free) char *to = str_format("tmp/swept-%s", tag);
    CLEANUP(error) struct error *kept = NULL;
    CLEANUP(error) struct error *why = NULL;
    if (mkdirat(s->fd, to, 0700) == 0 && store_sweep(s, to, &kept, &why) >= 0) {
        (void)unlinkat(s->fd, SWEEP_MARK, 0);
    }
    if (kept || why) { /* told and no more: what the command was for has been done */
        error_print(kept ? kept : why, stderr);
    }
    IGNORE(lock_fd(s->lock, LOCK_SHARED, false, NULL)); /* it was exclusive: this cannot wait */
    IGNORE(remove_tree(s->fd, to, NULL));               /* what remains is the next one's rubbish */
}

void store_close(struct store *s)
{
    unpacker_stop(&s->unpacker);
    if (s->tmp && !s->unwritable) {
        if (s->names_changed) {
            index_write(s);
        }
        sweep_if_wanted(s);
        if (s->full && s->names_changed) {
            index_write(s); /* now there is room */
        } else if (!s->full) {
            IGNORE(remove_tree(s->fd, s->tmp, NULL)); /* last: see clear_rubbish() */
        }
    }
    s->lock = fd_close(s->lock);
    s->fd = fd_close(s->fd);
    free(s->tmp);
    free(s->path);
    free(s->data_dir);
    *s = (struct store){.fd = -1, .lock = -1};
}

char *store_tmp_path(struct store *s, const char *what)
{
    CLEANUP(free) char *tag = random_hex(6);
    return str_format("%s/%s-%s", s->tmp, what, tag);
}

int store_lock_names(struct store *s, struct error **err)
{
    return lock_file(s->fd, "names.lock", LOCK_EXCLUSIVE, true, err);
}

int store_sync(struct store *s, struct error **err)
{
    return syncfs(s->fd) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "writing '%s' to the disk", s->path)
               : 0;
}
