// SPDX-License-Identifier: Apache-2.0
/* The machine's disks: one a layer, read-only, and the container's own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/file.h"
#include "base/spawn.h"
#include "wall/vm/kernels.h"
#include "wall/vm/vm.h"

enum { LOCK_MS = 20000, LOCK_STEP_MS = 20 };

static int make_layer(const char *temporary, const void *from, struct error **err)
{
    int r = run_program((const char *[]){"mkfs.erofs", "--quiet", "-T0", temporary, from, NULL},
                        NULL, err);
    return r == -ENOENT ? error_hint(err, r, "install the package erofs-utils") : r;
}

/* Beside the files of a layer of the store, with which it goes; of another folder, in the cache. A
 * layer never changes, and its path has its chainID in it. */
static char *layer_disk(const struct plan *p, const char *layer)
{
    const char *end = strrchr(layer, '/');
    CLEANUP(free) char *record = str_format("%.*s/layer.json", (int)(end ? end - layer : 0), layer);
    if (end && str_equal(end, "/diff") && access(record, F_OK) == 0) {
        return str_format("%.*s/layer.erofs", (int)(end - layer), layer);
    }
    CLEANUP(free) char *name = xstrdup(layer);
    for (char *c = name; *c; c++) {
        *c = *c == '/' ? '_' : *c;
    }
    size_t len = strlen(name);
    return str_format("%s/%s.erofs", p->cache_dir, name + (len > 200 ? len - 200 : 0));
}

static int open_layer(const struct plan *p, const char *layer, struct error **err)
{
    CLEANUP(free) char *path = layer_disk(p, layer);
    int fd = vm_cached(path, make_layer, layer, err);
    return fd < 0 ? error_wrap(err, fd, "the layer '%s' as a disk", layer) : fd;
}

/* --- the container's own -------------------------------------------------------------------------
 */

/* Without room to grow into, which would be 4 MiB of each; what a new sparse file is made of is
 * zeroes, so that the guest has none to write. */
static int make_empty(const char *temporary, const void *from, struct error **err)
{
    const struct plan *p = from;
    CLEANUP(fd) int fd = open_file(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    if (ftruncate(fd, (off_t)p->disk_bytes) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a disk of %llu bytes",
                               (unsigned long long)p->disk_bytes);
    }
    int r =
        run_program((const char *[]){"mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^resize_inode",
                                     "-E", "assume_storage_prezeroed=1,nodiscard", temporary, NULL},
                    NULL, err);
    return r == -ENOENT ? error_hint(err, r, "install the package e2fsprogs") : r;
}

/* All of a sparse file but its holes. 0 or -errno. */
static int copy_data(int from, int to)
{
    off_t at = lseek(from, 0, SEEK_DATA);
    while (at >= 0) {
        off_t hole = lseek(from, at, SEEK_HOLE);
        if (hole < 0 || lseek(to, at, SEEK_SET) < 0) {
            return -errno;
        }
        while (at < hole) {
            ssize_t n = sendfile(to, from, &at, (size_t)(hole - at));
            if (n <= 0) {
                return n < 0 ? -errno : -EIO;
            }
        }
        at = lseek(from, hole, SEEK_DATA);
    }
    return errno == ENXIO ? 0 : -errno;
}

/* A copy of an empty one of its size, of which the cache has one: mke2fs takes its time. The file
 * systems have one UUID, and never meet. */
static int make_disk(const char *temporary, const void *from, struct error **err)
{
    const struct plan *p = from;
    CLEANUP(free)
    char *path = str_format("%s/" VM_CACHED_DISK "%llu.ext4", p->cache_dir,
                            (unsigned long long)p->disk_bytes);
    CLEANUP(fd) int empty = vm_cached(path, make_empty, p, err);
    if (empty < 0) {
        return empty;
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    int r = ftruncate(fd, (off_t)p->disk_bytes) < 0 ? -errno : copy_data(empty, fd);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "a disk of %llu bytes",
                                   (unsigned long long)p->disk_bytes)
                 : 0;
}

/* Two machines would ruin it. One that is just ending, as after a look at its files, is waited for.
 * The lock is the descriptor's, and so the monitor's as long as it lives. */
static int lock_disk(int fd, struct error **err)
{
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK || waited >= LOCK_MS) {
            return error_set_errno(err, ERROR_BUSY, errno, "the machine's disk is in use");
        }
        (void)poll(NULL, 0, LOCK_STEP_MS);
    }
    return 0;
}

static int open_disk(const struct plan *p, struct vm_assets *a, struct error **err)
{
    if (!p->disk) {
        return 0;
    }
    CLEANUP(fd) int there = vm_cached(p->disk, make_disk, p, err);
    a->disk = there < 0 ? -1 : open_file(AT_FDCWD, p->disk, O_RDWR, 0, err);
    return a->disk < 0 ? -1 : lock_disk(a->disk, err);
}

int vm_disks_open(const struct plan *p, struct vm_assets *a, struct error **err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < p->layer_count; i++) {
        r = a->layers[a->layer_count++] = open_layer(p, p->layers[i], err);
    }
    return r < 0 ? r : open_disk(p, a, err);
}
