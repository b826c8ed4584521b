// SPDX-License-Identifier: Apache-2.0
#include "wall/container/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"

#define PROC "/proc/"
#define ROOT "/root/"
#define PROCESS_PATH_BYTES 64 /* "/proc/<pid>/ns/mnt" and room */

/* The length of "/proc/<pid>", or 0 when the path is not below such a root. */
static size_t process_len(const char *path)
{
    size_t proc = strlen(PROC);
    if (strncmp(path, PROC, proc) != 0) {
        return 0;
    }
    size_t digits = strspn(path + proc, "0123456789");
    bool below = strncmp(path + proc + digits, ROOT, strlen(ROOT)) == 0;
    return digits && digits < 12 && below ? proc + digits : 0;
}

bool foreign_is(const char *path)
{
    return process_len(path) > 0;
}

static int open_of_process(const char *path, const char *what, int flags)
{
    char name[PROCESS_PATH_BYTES];
    (void)snprintf(name, sizeof(name), "%.*s%s", (int)process_len(path), path, what); /* it fits */
    int fd = open(name, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int foreign_open(const char *path)
{
    CLEANUP(fd) int root = open_of_process(path, "/root", O_PATH | O_DIRECTORY);
    return root < 0 ? root : open_in_root(root, path + process_len(path) + strlen(ROOT), O_PATH, 0);
}

int foreign_clone(const char *path, int source, bool recursive)
{
    CLEANUP(fd) int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd) int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd) int other = open_of_process(path, "/ns/mnt", O_RDONLY);
    if (own < 0 || cwd < 0 || other < 0) {
        return -errno;
    }
    if (setns(other, CLONE_NEWNS) < 0) {
        return -errno;
    }
    int fd = mount_clone(source, "", recursive);
    if (setns(own, CLONE_NEWNS) < 0 || fchdir(cwd) < 0) {
        int r = -errno; /* nowhere to go on from */
        fd_close(fd);
        return r;
    }
    return fd;
}
