// SPDX-License-Identifier: Apache-2.0
#include "image/store/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static int failed(struct error **err, const char *what)
{
    return error_set_errno(err, ERROR_KERNEL, errno, "confining the unpacker: %s", what);
}

int confine_outer(int folder, struct error **err)
{
    /* The working folder goes along into the new namespace, a descriptor does not. */
    if (fchdir(folder) < 0 || unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0) {
        return failed(err, "making namespaces");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return failed(err, "making mounts private");
    }
    int tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set =
                                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ||
        move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        return failed(err, "mounting its folder");
    }
    /* The old root goes onto itself, then from there: pivot_root(2) "pivot_root(., .)". */
    if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0) {
        return failed(err, "changing the root");
    }
    (void)close(tree); /* a descriptor without content of its own */
    return 0;
}

/* What making files of any owner, mode and kind takes; no CAP_SYS_ADMIN, and none that reaches
 * beyond files. */
static int keep_file_capabilities(void)
{
    const uint32_t kept = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
                          1U << CAP_FSETID | 1U << CAP_MKNOD | 1U << CAP_SETFCAP;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
    static_assert(CAP_SETFCAP < 32 && CAP_MKNOD < 32, "all in the first word");
    return (int)syscall(SYS_capset, &header, data);
}

/* All that reading a stream, allocating and making files need; whatever else is asked for does not
 * exist. No exec, no socket, no signal to others, no namespace, no other process or thread. */
static const uint16_t allowed[] = {
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_openat,
    SYS_openat2,
    SYS_fcntl,
    SYS_getdents64,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fchown,
    SYS_fchownat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_utimensat,
    SYS_fsetxattr,
    SYS_lsetxattr,
    SYS_fchdir,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_prlimit64,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef __x86_64__
    SYS_rmdir,
    SYS_unlink,
#endif
};
#define ALLOWED_COUNT (sizeof(allowed) / sizeof(allowed[0]))

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUALS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define NO_SUCH_CALL (SECCOMP_RET_ERRNO | ENOSYS)

static int filter_calls(void)
{
#ifdef OWN_ARCHITECTURE
    struct sock_filter program[2 * ALLOWED_COUNT + 16];
    unsigned short n = 0;
    program[n++] = (struct sock_filter)LOAD(arch);
    program[n++] = (struct sock_filter)EQUALS(OWN_ARCHITECTURE, 1, 0);
    program[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS);
    program[n++] = (struct sock_filter)LOAD(nr);
    for (size_t i = 0; i < ALLOWED_COUNT; i++) {
        program[n++] = (struct sock_filter)EQUALS(allowed[i], 0, 1);
        program[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    }
    program[n++] = (struct sock_filter)ANSWER(NO_SUCH_CALL);
    struct sock_fprog whole = {n, program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole);
#else
    return 0; /* the numbers differ; namespaces and capabilities remain */
#endif
}

int confine_inner(const char *path, struct error **err)
{
    if (chdir(path) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        return failed(err, "changing the root to its folder");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || keep_file_capabilities() < 0) {
        return failed(err, "dropping capabilities");
    }
    return filter_calls() < 0 ? failed(err, "filtering system calls") : 0;
}
