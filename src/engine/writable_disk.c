// SPDX-License-Identifier: Apache-2.0
/* An ext4 image behind a loop device. Specification: man 4 loop. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/spawn.h"
#include "base/str.h"
#include "engine/writable_internal.h"

#define ATTACH_TRIES 50 /* each against another process that took the free device in between */

int writable_disk_make(const char *image, const char *skeleton, uint64_t bytes, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, image, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    if (ftruncate(fd, (off_t)bytes) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a disk of %llu bytes",
                               (unsigned long long)bytes);
    }
    int r = run_program((const char *[]){"mke2fs", "-q", "-t", "ext4", "-m", "0", "-E",
                                         "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-d",
                                         skeleton, image, NULL},
                        NULL, err);
    return r == -ENOENT ? error_hint(err, r, "install the package e2fsprogs") : r;
}

static int open_device(const char *name)
{
    CLEANUP(free) char *path = str_format("/dev/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool is_of(int device, const struct stat *image)
{
    struct loop_info64 info;
    return ioctl(device, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == image->st_dev &&
           info.lo_inode == image->st_ino;
}

/* The device that the image is behind already; -ENOENT: none. While we hold it open it stays so. */
static int find_device(const struct stat *image, char **ret_name)
{
    CLEANUP(dir) DIR *dir = opendir("/sys/block");
    struct dirent *d;
    while (dir && (d = readdir(dir))) {
        CLEANUP(free) char *backing = str_format("/sys/block/%s/loop", d->d_name);
        CLEANUP(fd)
        int fd = str_starts(d->d_name, "loop") && access(backing, F_OK) == 0
                     ? open_device(d->d_name)
                     : -1;
        if (fd >= 0 && is_of(fd, image)) {
            *ret_name = xstrdup(d->d_name);
            return take_fd(&fd);
        }
    }
    return -ENOENT;
}

/* A device that nobody uses; it is given free with its last user. */
static int attach(int image, char **ret_name)
{
    CLEANUP(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        return -errno;
    }
    struct loop_config config = {.fd = (uint32_t)image, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
    int code = EBUSY;
    for (int tries = 0; tries < ATTACH_TRIES && code == EBUSY; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            return -errno;
        }
        CLEANUP(free) char *name = str_format("loop%d", number);
        int opened = open_device(name);
        CLEANUP(fd) int fd = opened < 0 ? -1 : opened;
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            *ret_name = take_ptr(name);
            return take_fd(&fd);
        }
        code = fd < 0 ? -opened : errno;
    }
    return -code;
}

int writable_disk_mount(const char *image, const char *at, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, image, O_RDWR, 0, err);
    CLEANUP(free) char *name = NULL;
    struct stat st;
    /* One device for all. A lock of `fd` itself would be kept as long as the device has that. */
    CLEANUP(fd) int lock = fd < 0 ? fd : lock_file(AT_FDCWD, image, LOCK_EXCLUSIVE, true, err);
    if (lock < 0 || fstat(fd, &st) < 0) {
        return lock < 0 ? lock : error_set_errno(err, ERROR_KERNEL, errno, "'%s'", image);
    }
    int found = find_device(&st, &name);
    found = found == -ENOENT ? attach(fd, &name) : found;
    if (found < 0) {
        return error_set_errno(err, ERROR_KERNEL, -found, "a loop device for '%s'", image);
    }
    CLEANUP(fd) int device = found;
    CLEANUP(free) char *path = str_format("/dev/%s", name);
    return mount(path, at, "ext4", 0, NULL) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "mounting '%s' by '%s'", image, path)
               : 0;
}
