// SPDX-License-Identifier: Apache-2.0
#include "base/give_up.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

int give_up_files(struct error **err)
{
    const char *what = "fsopen";
    CLEANUP(fd) int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    CLEANUP(fd) int tree = -1;
    if (context < 0) {
        goto failed;
    }
    what = "fsmount";
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "4096", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        goto failed;
    }
    tree =
        (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (tree < 0) {
        goto failed;
    }
    what = "pivot_root";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0) {
        goto failed;
    }
    return 0;
failed:
    return error_set_errno(err, ERROR_KERNEL, errno, "%s of an empty root", what);
}

int give_up_capabilities(struct error **err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "dropping capability %lu", cap);
        }
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "dropping every capability");
    }
    return 0;
}
