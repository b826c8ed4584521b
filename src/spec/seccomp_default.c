// SPDX-License-Identifier: Apache-2.0
/* The default profile as data: what every container may call, and what a capability, an
 * architecture or a kernel adds. */
#include "spec/seccomp_profile.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/socket.h>

#define ALLOW "SCMP_ACT_ALLOW"
#define ERRNO "SCMP_ACT_ERRNO"
#define CAP(name) ((uint64_t)1 << CAP_##name)

static const char *const attributes[] = {
    "fgetxattr",   "flistxattr",    "fremovexattr", "fsetxattr",  "getxattr",     "getxattrat",
    "lgetxattr",   "listxattr",     "listxattrat",  "llistxattr", "lremovexattr", "lsetxattr",
    "removexattr", "removexattrat", "setxattr",     "setxattrat",
};
static const char *const times[] = {
    "adjtimex",
    "alarm",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "futimesat",
    "getitimer",
    "nanosleep",
    "setitimer",
    "sysinfo",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_gettime64",
    "timer_settime",
    "timer_settime64",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_gettime64",
    "timerfd_settime",
    "timerfd_settime64",
    "times",
    "utime",
    "utimensat",
    "utimensat_time64",
    "utimes",
};
static const char *const signals[] = {
    "kill",
    "pause",
    "pidfd_send_signal",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "sigprocmask",
    "sigreturn",
    "tgkill",
    "tkill",
};
static const char *const ids[] = {
    "capget",      "capset",     "getegid",    "getegid32",   "geteuid",     "geteuid32",
    "getgid",      "getgid32",   "getgroups",  "getgroups32", "getpgid",     "getpgrp",
    "getpid",      "getppid",    "getresgid",  "getresgid32", "getresuid",   "getresuid32",
    "getsid",      "gettid",     "getuid",     "getuid32",    "setfsgid",    "setfsgid32",
    "setfsuid",    "setfsuid32", "setgid",     "setgid32",    "setgroups",   "setgroups32",
    "setpgid",     "setregid",   "setregid32", "setresgid",   "setresgid32", "setresuid",
    "setresuid32", "setreuid",   "setreuid32", "setsid",      "setuid",      "setuid32",
    "umask",
};
static const char *const scheduling[] = {
    "getcpu",
    "getpriority",
    "getrlimit",
    "getrusage",
    "ioprio_get",
    "ioprio_set",
    "membarrier",
    "prlimit64",
    "rseq",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "setpriority",
    "setrlimit",
    "ugetrlimit",
};
static const char *const sockets[] = {
    "accept",     "accept4",    "bind",     "connect",    "getpeername", "getsockname",
    "getsockopt", "listen",     "recv",     "recvfrom",   "recvmmsg",    "recvmmsg_time64",
    "recvmsg",    "send",       "sendfile", "sendfile64", "sendmmsg",    "sendmsg",
    "sendto",     "setsockopt", "shutdown", "socketcall", "socketpair",
};
static const char *const messages[] = {
    "ipc",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedreceive_time64",
    "mq_timedsend",
    "mq_timedsend_time64",
    "mq_unlink",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "semtimedop_time64",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
};
static const char *const memory[] = {
    "brk",
    "cachestat",
    "madvise",
    "map_shadow_stack",
    "memfd_create",
    "memfd_secret",
    "mincore",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mmap2",
    "mprotect",
    "mremap",
    "mseal",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "process_mrelease",
    "remap_file_pages",
};
static const char *const waiting[] = {
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "fanotify_mark",
    "futex",
    "futex_requeue",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "_newselect",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "select",
    "wait4",
    "waitid",
    "waitpid",
};
static const char *const processes[] = {
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "fork",
    "get_robust_list",
    "get_thread_area",
    "getrandom",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "pidfd_open",
    "prctl",
    "riscv_hwprobe",
    "seccomp",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "uname",
    "uretprobe",
    "vfork",
};
static const char *const files[] = {
    "access",
    "chdir",
    "chmod",
    "chown",
    "chown32",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchown32",
    "fchownat",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "flock",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "getcwd",
    "getdents",
    "getdents64",
    "gettimeofday",
    "ioctl",
    "lchown",
    "lchown32",
    "link",
    "linkat",
    "listmount",
    "_llseek",
    "lseek",
    "lstat",
    "lstat64",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "name_to_handle_at",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statmount",
    "statx",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "tee",
    "truncate",
    "truncate64",
    "unlink",
    "unlinkat",
    "vmsplice",
    "write",
    "writev",
};
/* Reading another process is safe since ptrace checks the filter of the tracer (Linux 4.8). */
static const char *const tracing[] = {"process_vm_readv", "process_vm_writev", "ptrace"};
static const char *const socket_call[] = {"socket"};
static const char *const personality_call[] = {"personality"};
static const char *const clone_call[] = {"clone"};
static const char *const clone3_call[] = {"clone3"};

static const char *const ppc_calls[] = {"sync_file_range2", "swapcontext"};
static const char *const arm_calls[] = {
    "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2",
    "breakpoint",       "cacheflush",          "set_tls",
};
static const char *const amd64_calls[] = {"arch_prctl"};
static const char *const x86_calls[] = {"modify_ldt"};
static const char *const s390_calls[] = {
    "s390_pci_mmio_read",
    "s390_pci_mmio_write",
    "s390_runtime_instr",
};
static const char *const riscv_calls[] = {"riscv_flush_icache"};

static const char *const handle_calls[] = {"open_by_handle_at"};
static const char *const admin_calls[] = {
    "bpf",
    "clone",
    "clone3",
    "fanotify_init",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "lookup_dcookie",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "lsm_set_self_attr",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "perf_event_open",
    "quotactl",
    "quotactl_fd",
    "setdomainname",
    "sethostname",
    "setns",
    "syslog",
    "umount",
    "umount2",
    "unshare",
};
static const char *const boot_calls[] = {"reboot"};
static const char *const chroot_calls[] = {"chroot"};
static const char *const module_calls[] = {"delete_module", "init_module", "finit_module"};
static const char *const accounting_calls[] = {"acct"};
static const char *const ptrace_calls[] = {
    "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
};
static const char *const port_calls[] = {"iopl", "ioperm"};
static const char *const clock_calls[] = {
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
};
static const char *const terminal_calls[] = {"vhangup"};
static const char *const numa_calls[] = {
    "get_mempolicy",
    "mbind",
    "set_mempolicy",
    "set_mempolicy_home_node",
};
static const char *const log_calls[] = {"syslog"};
static const char *const bpf_calls[] = {"bpf"};
static const char *const perf_calls[] = {"perf_event_open"};

/* The new namespaces that clone may not make without CAP_SYS_ADMIN: CLONE_NEWNS, NEWCGROUP, NEWUTS,
 * NEWIPC, NEWUSER, NEWPID, NEWNET. */
#define NAMESPACE_FLAGS 0x7e020000

/* personality(2): PER_LINUX, PER_LINUX32, with and without UNAME26, and the question 0xffffffff. */
static struct spec_seccomp_arg personalities[] = {
    {.value = 0x0, .op = "SCMP_CMP_EQ"},        {.value = 0x8, .op = "SCMP_CMP_EQ"},
    {.value = 0x20000, .op = "SCMP_CMP_EQ"},    {.value = 0x20008, .op = "SCMP_CMP_EQ"},
    {.value = 0xffffffff, .op = "SCMP_CMP_EQ"},
};
/* Every family but AF_ALG (38: the kernel's crypto, a history of holes) and AF_VSOCK (40: the
 * hypervisor's channel, in no namespace). */
static struct spec_seccomp_arg families[] = {
    {.value = AF_ALG, .op = "SCMP_CMP_LT"},
    {.value = AF_ALG + 1, .op = "SCMP_CMP_EQ"},
    {.value = AF_VSOCK, .op = "SCMP_CMP_GT"},
};
/* s390 has clone's flags second. */
static struct spec_seccomp_arg clone_flags[] = {
    {.index = 0, .value = NAMESPACE_FLAGS, .value_two = 0, .op = "SCMP_CMP_MASKED_EQ"},
    {.index = 1, .value = NAMESPACE_FLAGS, .value_two = 0, .op = "SCMP_CMP_MASKED_EQ"},
};

struct default_rule {
    const char *const *names;
    size_t name_count;
    struct spec_seccomp_arg *arg; /* one condition, or NULL */
    uint64_t with, without;       /* capabilities */
    const char *arches, *not_arches;
    unsigned kernel_major, kernel_minor;
    unsigned errno_ret; /* 0: allow */
};
#define NAMES(list) .names = list, .name_count = ARRAY_SIZE(list)

static const struct default_rule rules[] = {
    {NAMES(files)},
    {NAMES(attributes)},
    {NAMES(times)},
    {NAMES(signals)},
    {NAMES(ids)},
    {NAMES(scheduling)},
    {NAMES(sockets)},
    {NAMES(messages)},
    {NAMES(memory)},
    {NAMES(waiting)},
    {NAMES(processes)},
    {NAMES(tracing), .kernel_major = 4, .kernel_minor = 8},
    {NAMES(socket_call), .arg = &families[0]},
    {NAMES(socket_call), .arg = &families[1]},
    {NAMES(socket_call), .arg = &families[2]},
    {NAMES(personality_call), .arg = &personalities[0]},
    {NAMES(personality_call), .arg = &personalities[1]},
    {NAMES(personality_call), .arg = &personalities[2]},
    {NAMES(personality_call), .arg = &personalities[3]},
    {NAMES(personality_call), .arg = &personalities[4]},
    {NAMES(ppc_calls), .arches = "ppc64le"},
    {NAMES(arm_calls), .arches = "arm arm64"},
    {NAMES(amd64_calls), .arches = "amd64 x32"},
    {NAMES(x86_calls), .arches = "amd64 x32 x86"},
    {NAMES(s390_calls), .arches = "s390 s390x"},
    {NAMES(riscv_calls), .arches = "riscv64"},
    {NAMES(handle_calls), .with = CAP(DAC_READ_SEARCH)},
    {NAMES(admin_calls), .with = CAP(SYS_ADMIN)},
    {NAMES(clone_call), .arg = &clone_flags[0], .without = CAP(SYS_ADMIN),
     .not_arches = "s390 s390x"},
    {NAMES(clone_call), .arg = &clone_flags[1], .without = CAP(SYS_ADMIN), .arches = "s390 s390x"},
    /* clone3's flags are behind a pointer: with ENOSYS the C library falls back to clone. */
    {NAMES(clone3_call), .without = CAP(SYS_ADMIN), .errno_ret = ENOSYS},
    {NAMES(boot_calls), .with = CAP(SYS_BOOT)},
    {NAMES(chroot_calls), .with = CAP(SYS_CHROOT)},
    {NAMES(module_calls), .with = CAP(SYS_MODULE)},
    {NAMES(accounting_calls), .with = CAP(SYS_PACCT)},
    {NAMES(ptrace_calls), .with = CAP(SYS_PTRACE)},
    {NAMES(port_calls), .with = CAP(SYS_RAWIO)},
    {NAMES(clock_calls), .with = CAP(SYS_TIME)},
    {NAMES(terminal_calls), .with = CAP(SYS_TTY_CONFIG)},
    {NAMES(numa_calls), .with = CAP(SYS_NICE)},
    {NAMES(log_calls), .with = CAP(SYSLOG)},
    {NAMES(bpf_calls), .with = CAP(BPF)},
    {NAMES(perf_calls), .with = CAP(PERFMON)},
};

static bool holds(const struct default_rule *r, const struct seccomp_host *host)
{
    const char *arch = seccomp_arch_docker(host->arch);
    return (host->capabilities & r->with) == r->with && !(host->capabilities & r->without) &&
           (!r->arches || seccomp_word_in(arch, r->arches)) &&
           !(r->not_arches && seccomp_word_in(arch, r->not_arches)) &&
           seccomp_kernel_is(host, r->kernel_major, r->kernel_minor);
}

struct spec_seccomp *seccomp_profile_default(struct arena *a, const struct seccomp_host *host)
{
    struct spec_seccomp *s = arena_alloc(a, sizeof(*s));
    s->default_action = ERRNO;
    s->default_errno_ret = (struct opt_u32){true, EPERM};
    seccomp_arch_list(host->arch, &s->architectures, &s->architecture_count);
    s->rules = arena_alloc(a, sizeof(rules) / sizeof(rules[0]) * sizeof(*s->rules));
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        const struct default_rule *r = &rules[i];
        if (!holds(r, host)) {
            continue;
        }
        s->rules[s->rule_count++] = (struct spec_seccomp_rule){
            .names = (const char **)r->names, /* read only in every spec */
            .name_count = r->name_count,
            .action = r->errno_ret ? ERRNO : ALLOW,
            .errno_ret = {r->errno_ret != 0, r->errno_ret},
            .args = r->arg,
            .arg_count = r->arg ? 1 : 0,
        };
    }
    return s;
}
