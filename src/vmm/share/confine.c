// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

static int failed(struct error **err, const char *what)
{
    return error_set_errno(err, ERROR_KERNEL, errno, "confining the shared folders' server: %s",
                           what);
}

static int own_root(struct error **err)
{
    static const char place[] = "/tmp"; /* in a mount namespace of ours */
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
        return failed(err, "namespaces");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") < 0 ||
        chdir(place) < 0 || mkdir("proc", 0555) < 0 ||
        mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) {
        return failed(err, "a root of its own");
    }
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) < 0 ||
        chdir("/proc/self/fd") < 0) {
        return failed(err, "its descriptors' folder");
    }
    return 0;
}

static int keep_capabilities(bool is_guest, struct error **err)
{
    static const cap_value_t kept[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
                                       CAP_FOWNER,  CAP_FSETID,       CAP_MKNOD,
                                       CAP_SETFCAP, CAP_SYS_ADMIN,    CAP_SYS_PTRACE};
    int count = (int)ARRAY_SIZE(kept) - (is_guest ? 0 : 2);
    cap_t set = cap_init();
    if (!set) {
        return failed(err, "capabilities");
    }
    for (cap_value_t c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* nothing is executed any more: for the list */
    }
    int r = cap_set_flag(set, CAP_PERMITTED, count, kept, CAP_SET);
    r = r < 0 ? r : cap_set_flag(set, CAP_EFFECTIVE, count, kept, CAP_SET);
    r = r < 0 ? r : cap_set_proc(set);
    (void)cap_free(set); /* made by cap_init() */
    if (r < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return failed(err, "capabilities");
    }
    return 0;
}

static const int calls[] = {
    /* the loop, the socket, memory */
    SCMP_SYS(poll),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(recvmsg),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    /* names */
    SCMP_SYS(openat2),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(mknodat),
    SCMP_SYS(mkdirat),
    SCMP_SYS(symlinkat),
    SCMP_SYS(linkat),
    SCMP_SYS(unlinkat),
    SCMP_SYS(renameat2),
    SCMP_SYS(renameat),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(fstatfs),
    /* attributes */
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fchownat),
    SCMP_SYS(fchmodat),
    SCMP_SYS(utimensat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getxattr),
    SCMP_SYS(setxattr),
    SCMP_SYS(listxattr),
    SCMP_SYS(removexattr),
    /* files */
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate),
    SCMP_SYS(lseek),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(flock),
    SCMP_SYS(fcntl),
};

static int filter_calls(struct error **err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    if (r == 0) { /* memory, but none that could be executed */
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    r = r == 0 ? seccomp_load(filter) : r;
    seccomp_release(filter);
    errno = -r;
    return r < 0 ? failed(err, "its system calls") : 0;
}

int confine(bool is_guest, struct error **err)
{
    struct rlimit files;
    const struct rlimit none = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* an inode that the guest knows is one */
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* up to the hard limit: cannot fail */
    }
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering cannot fail */
    (void)umask(0);                      /* the guest's is applied already */
    int r = own_root(err);
    r = r < 0 ? r : keep_capabilities(is_guest, err);
    return r < 0 ? r : filter_calls(err);
}
