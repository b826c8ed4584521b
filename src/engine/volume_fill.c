// SPDX-License-Identifier: Apache-2.0
#include "engine/volume_fill.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/copy_tree.h"

/* In a child with a mount namespace of its own: the image's merged tree at `at`, read only. With
 * one layer there is nothing to merge. */
static int mount_image(const struct container *c, const char *at)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return -errno;
    }
    if (c->layers.count == 1) {
        return mount(c->layers.items[0], at, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
    }
    CLEANUP(free) char *lower = strv_join(&c->layers, ":");
    CLEANUP(free) char *options = str_format("lowerdir=%s", lower);
    return mount("overlay", at, "overlay", MS_RDONLY, options) < 0 ? -errno : 0;
}

static int fill(const struct container *c, const char *destination, const char *to)
{
    CLEANUP(fd) int target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(free) char *at = str_format("%s/../at", to);
    if (target < 0 || mkdir(at, 0700) < 0) {
        return -errno;
    }
    int r = mount_image(c, at);
    CLEANUP(fd) int root = r < 0 ? -1 : open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return r < 0 ? r : -errno;
    }
    CLEANUP(fd) int from = open_in_root(root, destination, O_RDONLY | O_DIRECTORY, 0);
    if (from == -ENOENT || from == -ENOTDIR) {
        return 0;
    }
    return from < 0 ? from : copy_content(from, target, NULL);
}

int volume_fill(const struct container *c, const char *destination, const char *to,
                struct error **err)
{
    CLEANUP(free) char *at = str_format("%s/../at", to);
    int status = 0;
    pid_t self = getpid(), pid = fork();
    if (pid == 0) { /* not to go on filling what a killed parent's successor removes */
        bool orphaned = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != self;
        _exit(orphaned ? EINTR : -fill(c, destination, to));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)rmdir(at); /* the child's mount point, empty again */
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        int code = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
        return error_set_errno(err, ERROR_KERNEL, code, "copying the image's '%s' into it",
                               destination);
    }
    return 0;
}
