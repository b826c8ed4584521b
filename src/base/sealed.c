// SPDX-License-Identifier: Apache-2.0
#include "base/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/file.h"

#define ARGUMENTS_MAX ((size_t)4 << 20) /* the kernel's own limit is lower on default stacks */

static int clone_mount(const char *path)
{
    CLEANUP(fd)
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
    if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        return -errno;
    }
    return take_fd(&fd);
}

static int copy_to_memory(const char *path, struct error **err)
{
    CLEANUP(fd) int from = open_file(AT_FDCWD, path, O_RDONLY, 0, err);
    if (from < 0) {
        return from;
    }
    CLEANUP(fd) int to = memfd_create("cloison", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = 1;
    while (to >= 0 && n > 0) {
        n = sendfile(to, from, NULL, 1 << 20);
    }
    if (to < 0 || n < 0 ||
        fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "copying '%s' to memory", path);
    }
    return take_fd(&to);
}

int sealed_open(const char *path, struct error **err)
{
    int fd = clone_mount(path);
    if (fd == -ENOENT || fd == -EACCES) {
        return error_set_errno(err, ERROR_NOT_FOUND, -fd, "opening the program '%s'", path);
    }
    return fd >= 0 ? fd : copy_to_memory(path, err);
}

/* On a read-only mount or in sealed memory the running program is as safe as we can make it. */
static bool already_sealed(void)
{
    CLEANUP(fd) int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct statvfs fs;
    if (self < 0 || fstatvfs(self, &fs) < 0) {
        return false;
    }
    int seals = fcntl(self, F_GET_SEALS);
    return (fs.f_flag & ST_RDONLY) || (seals > 0 && (seals & F_SEAL_WRITE));
}

int sealed_reexecute(struct error **err)
{
    char path[PATH_MAX];
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    if (already_sealed()) {
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "finding the running program");
    }
    path[n] = '\0';
    int r = file_read(AT_FDCWD, "/proc/self/cmdline", ARGUMENTS_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(strv) struct strv arguments = {0};
    for (char *p = text; p < text + len; p += strlen(p) + 1) {
        strv_add(&arguments, arguments.count ? p : path);
    }
    CLEANUP(fd) int fd = sealed_open(path, err);
    if (fd < 0) {
        return fd;
    }
    (void)syscall(SYS_execveat, fd, "", arguments.items, environ, AT_EMPTY_PATH);
    return error_set_errno(err, ERROR_KERNEL, errno, "executing '%s' again", path);
}
