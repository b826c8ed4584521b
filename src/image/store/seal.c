// SPDX-License-Identifier: Apache-2.0
#include "image/store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "image/store/dense.h"
#include "image/store/flusher.h"
#include "image/store/packer.h"
#include "image/store/tree_tar.h"

#define XATTRS_MAX 65536
#define LARGE_BYTES ((int64_t)32 << 20)

static int put(void *context, const void *bytes, size_t len, struct error **err)
{
    return packer_put(context, bytes, len, err);
}

/* What is large and does not become smaller is left as it is, and written once (deferred.h). */
static int seal_folder(struct store *store, int folder, int64_t bytes, struct layer *l,
                       struct error **err)
{
    CLEANUP(packer) struct packer *p = NULL;
    int r = bytes < LARGE_BYTES ? 0 : folder_is_dense(folder, err);
    r = r < 0 ? r : packer_begin(store, r > 0, &p, err);
    if (r < 0) {
        return r;
    }
    struct tree_tar tar = {.is_upper = true, .fd = -1, .put = put, .context = p, .bytes = &l->size};
    r = tree_tar_folder(&tar, folder, err);
    return r < 0 ? r : packer_end(p, l, err);
}

/* What overlayfs wrote for itself, but for the mark that hides what is below. */
static void drop_marks(const char *path)
{
    char names[XATTRS_MAX];
    ssize_t len = llistxattr(path, names, sizeof(names));
    for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        if (str_starts(name, "trusted.overlay.") && !str_equal(name, "trusted.overlay.opaque")) {
            (void)lremovexattr(path, name); /* then it stays: no reader minds */
        }
    }
}

/* The folder is to be what its archive says, as if it had been unpacked from it: times are whole
 * seconds, and none is later than `newest`, unless that is negative. Children first: to change a
 * child touches no folder's time of change. Adds the size of files to *bytes. */
static int settle(int parent, const char *name, int64_t newest, int64_t *bytes)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    int r = 0;
    if (S_ISDIR(st.st_mode)) {
        CLEANUP(fd) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(strv) struct strv names = {0};
        r = fd < 0 ? -errno : list_folder_whole(fd, ".", &names, NULL);
        for (size_t i = 0; i < names.count && r >= 0; i++) {
            r = settle(fd, names.items[i], newest, bytes);
        }
    }
    *bytes += S_ISREG(st.st_mode) ? st.st_size : 0;
    char path[64 + NAME_MAX];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name); /* it has the room */
    drop_marks(path);
    bool late = newest >= 0 && st.st_mtim.tv_sec >= newest;
    if (r >= 0 && (st.st_mtim.tv_nsec || late)) {
        struct timespec time = {.tv_sec = late ? newest : st.st_mtim.tv_sec};
        struct timespec times[2] = {time, time};
        r = utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    }
    return r;
}

int layer_seal(struct store *s, const char *name, int64_t newest, struct layer *ret,
               struct error **err)
{
    struct layer l = {.tmp = str_format("%s/%s", s->tmp, name)};
    CLEANUP(free) char *diff = str_format("%s/diff", l.tmp);
    CLEANUP(free) char *work = str_format("%s/work", l.tmp);
    int r = remove_tree(s->fd, work, err);
    CLEANUP(fd) int folder = r < 0 ? -1 : open_file(s->fd, diff, O_RDONLY | O_DIRECTORY, 0, err);
    r = r < 0 ? r : folder;
    struct flusher flusher = {0};
    int64_t bytes = 0;
    if (r >= 0 && (r = settle(folder, ".", newest, &bytes)) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, -r, "setting times of change");
    }
    if (bytes >= LARGE_BYTES) { /* what a step writes through an overlay waits for that */
        flusher_start(&flusher, s->fd, 0);
    }
    r = r < 0 ? r : seal_folder(s, folder, bytes, &l, err);
    flusher_stop(&flusher);
    if (r < 0) {
        layer_done(&l);
        return error_wrap(err, r, "making a layer");
    }
    *ret = l;
    return 0;
}
