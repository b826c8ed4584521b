// SPDX-License-Identifier: Apache-2.0
/* The user the program runs as, and the folder it starts in. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(working_folder)
{
    describe_text(d, "'%s' when it is missing", s->text);
    describe_str(d, "path", s->text);
}

/* Before the root may become read-only. One that is so already is no reason to fail: chdir() will
 * tell. */
STEP_CHILD(working_folder)
{
    CLEANUP(fd) int fd = target_open(a->root_fd, s->text, TARGET_FOLDER, false);
    return fd < 0 && fd != -EROFS && fd != -EACCES && fd != -EPERM ? fd : 0;
}

STEP_DESCRIBE(user)
{
    describe_text(d, "uid %u, gid %u in '%s'", s->user.uid, s->user.gid, s->user.cwd);
    for (size_t i = 0; i < s->user.group_count; i++) {
        describe_extra(d, "group %u", s->user.groups[i]);
    }
    describe_int(d, "uid", s->user.uid);
    describe_int(d, "gid", s->user.gid);
    describe_str(d, "cwd", s->user.cwd);
    if (d->fields) {
        CLEANUP(strbuf) struct strbuf groups = {0};
        for (size_t i = 0; i < s->user.group_count; i++) {
            strbuf_addf(&groups, "%s%u", i ? "," : "", s->user.groups[i]);
        }
        describe_str(d, "groups", groups.data);
    }
}

/* Pipes and terminals become the user's, so that a program may open /dev/stdout again. What is not
 * ours to give (a folder's file, another file system's) stays as it is. */
static void give_stdio(const struct step_user *u)
{
    for (int i = 0; i < 3; i++) {
        struct stat st;
        if (fstat(i, &st) < 0 || (st.st_uid == u->uid && st.st_gid == u->gid)) {
            continue;
        }
        bool terminal = S_ISCHR(st.st_mode) && major(st.st_rdev) >= 136 && major(st.st_rdev) <= 143;
        if (terminal) {
            (void)fchown(i, u->uid, st.st_gid); /* see above; the group is devpts's */
        } else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) {
            (void)fchown(i, u->uid, u->gid); /* see above */
        }
    }
}

/* A working folder that a descriptor of the host leads to would be a way out: the kernel marks such
 * a path "(unreachable)". */
static int check_inside(struct apply *a)
{
    char path[PATH_MAX];
    long n = syscall(SYS_getcwd, path, sizeof(path));
    if (n < 0) {
        return step_fail(a, -errno, DETAIL_OUTSIDE, 0);
    }
    return path[0] == '/' ? 0 : step_fail(a, -EPERM, DETAIL_OUTSIDE, 0);
}

/* Changing from uid 0 has emptied the effective set; loading a seccomp program may need it, and the
 * step that keeps capabilities then sets all for good. */
static int raise_effective(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    data[0].effective = data[0].permitted;
    data[1].effective = data[1].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* The plain system calls: the library's would look for other threads. */
static int become(const struct step_user *u)
{
    if (u->set_groups && syscall(SYS_setgroups, u->group_count, u->groups) < 0) {
        return -errno;
    }
    if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0 ||
        syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0) {
        return -errno;
    }
    return 0;
}

STEP_CHILD(user)
{
    const struct step_user *u = &s->user;
    give_stdio(u);
    /* As root first (the user may lack the way there), else as the user (a network file system may
     * refuse root). */
    int entered = chdir(u->cwd) < 0 ? -errno : 0;
    if (entered < 0 && entered != -EACCES && entered != -EPERM) {
        return entered;
    }
    if (u->keep_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    int r = become(u);
    if (r < 0) {
        return r;
    }
    if (entered < 0 && chdir(u->cwd) < 0) {
        return -errno;
    }
    if (u->keep_capabilities && u->uid != 0 && (r = raise_effective()) < 0) {
        return r;
    }
    return check_inside(a);
}
