// SPDX-License-Identifier: Apache-2.0
/* kill-at -o LOG [-q MS] [-r ROLE -n N [-s SIGNAL]] COMMAND…: runs the command and everything that
 * comes of it under ptrace, and sends SIGNAL (KILL) to the process of ROLE when it is about to make
 * its N-th system call that others could notice; that call is not made. Without -r it writes every
 * such call to LOG, a line "ROLE N NAME" each; with it, the one at which it struck.
 *
 * A ROLE is the base name of the program that a process executed, "/child" added for one that was
 * forked and has not executed anything yet: cloison, cloison-monitor, cloison-monitor/child, ….
 * strace's injection counts in each process by itself and would kill the command long before its
 * monitor is made; here exactly one process dies, whichever is wanted.
 *
 * Calls that change nothing outside of the process itself are not counted: being killed before or
 * after them is the same to everybody else.
 *
 * Ends with the command's exit status (128 + signal) once everybody has ended, or, when the command
 * has, after MS (300) in which nobody else made a call; who still runs then runs on untraced. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACEES_MAX 256
#define ROLE_BYTES 64

static const int unnoticed[] = {
    SYS_read,
    SYS_pread64,
    SYS_readv,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_brk,
    SYS_mprotect,
    SYS_madvise,
    SYS_close,
    SYS_close_range,
    SYS_stat,
    SYS_fstat,
    SYS_lstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_access,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_lseek,
    SYS_getdents64,
    SYS_readlink,
    SYS_readlinkat,
    SYS_getcwd,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_time,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_poll,
    SYS_ppoll,
    SYS_select,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_futex,
    SYS_arch_prctl,
    SYS_prctl,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_prlimit64,
    SYS_getrlimit,
    SYS_getrandom,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_times,
    SYS_fcntl,
    SYS_dup,
    SYS_dup2,
    SYS_dup3,
    SYS_pipe2,
    SYS_socket,
    SYS_socketpair,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_recvmsg,
    SYS_recvfrom,
    SYS_signalfd4,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_memfd_create,
    SYS_flock,
    SYS_umask,
    SYS_wait4,
    SYS_waitid,
    SYS_pidfd_open,
    SYS_getxattr,
    SYS_lgetxattr,
    SYS_fgetxattr,
    SYS_listxattr,
    SYS_llistxattr,
    SYS_flistxattr,
    SYS_capget,
    SYS_capset,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_fadvise64,
    SYS_ioctl,
    SYS_chdir,
    SYS_fchdir,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_restart_syscall,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_open_tree,
    SYS_pidfd_getfd,
    SYS_setns,
};

struct tracee {
    pid_t pid;
    bool ready; /* its first stop has been seen */
    char role[ROLE_BYTES];
};

static struct tracee tracees[TRACEES_MAX];
static size_t tracee_count;
static struct counter { /* calls so far of each role */
    char role[ROLE_BYTES];
    int calls;
} counters[32];

static FILE *out;
static const char *wanted_role;
static int wanted_call, wanted_signal = SIGKILL, quiet_ms = 300;
static bool struck;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "kill-at: %s: %s\n", what, strerror(errno));
    exit(99);
}

static struct tracee *find(pid_t pid)
{
    for (size_t i = 0; i < tracee_count; i++) {
        if (tracees[i].pid == pid) {
            return &tracees[i];
        }
    }
    return NULL;
}

static struct tracee *add(pid_t pid, const struct tracee *parent)
{
    struct tracee *t = find(pid);
    if (!t) {
        if (tracee_count == TRACEES_MAX) {
            errno = EMFILE;
            die("too many processes");
        }
        t = &tracees[tracee_count++];
        *t = (struct tracee){.pid = pid};
    }
    if (parent && !t->role[0] && parent->role[0]) {
        bool child = strstr(parent->role, "/child");
        snprintf(t->role, sizeof(t->role), "%.48s%s", parent->role, child ? "" : "/child");
    }
    return t;
}

static void forget(pid_t pid)
{
    struct tracee *t = find(pid);
    if (t) {
        *t = tracees[--tracee_count];
    }
}

/* The number in a line of /proc/<pid>/status. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    pid_t parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "PPid:", 5) == 0) {
            parent = (pid_t)strtol(line + 5, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return parent;
}

static void name_role(struct tracee *t)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/cmdline", t->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (n > 0) {
        const char *slash = strrchr(text, '/'); /* the first argument alone: a NUL ends it */
        snprintf(t->role, sizeof(t->role), "%.48s", slash ? slash + 1 : text);
    }
}

static bool is_noticed(const struct __ptrace_syscall_info *info)
{
    long nr = (long)info->entry.nr;
    for (size_t i = 0; i < sizeof(unnoticed) / sizeof(unnoticed[0]); i++) {
        if (unnoticed[i] == nr) {
            return false;
        }
    }
    if (nr == SYS_open || nr == SYS_openat) {
        uint64_t flags = info->entry.args[nr == SYS_open ? 1 : 2];
        return flags & (O_CREAT | O_TRUNC);
    }
    return nr != SYS_openat2;
}

static struct counter *counter_of(const char *role)
{
    size_t last = sizeof(counters) / sizeof(counters[0]) - 1;
    for (size_t i = 0; i < last; i++) {
        if (strcmp(counters[i].role, role) == 0 || !counters[i].role[0]) {
            snprintf(counters[i].role, ROLE_BYTES, "%s", role);
            return &counters[i];
        }
    }
    return &counters[last];
}

static void at_entry(const struct tracee *t, const struct __ptrace_syscall_info *info)
{
    if (!t->role[0] || struck || !is_noticed(info)) {
        return;
    }
    int n = ++counter_of(t->role)->calls;
    bool strikes = wanted_role && n == wanted_call && strcmp(t->role, wanted_role) == 0;
    if (strikes || !wanted_role) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)info->entry.nr);
        fprintf(out, "%s %d %s\n", t->role, n, name ? name : "?");
        free(name);
    }
    if (strikes) {
        struck = true;
        (void)kill(t->pid, wanted_signal);
    }
}

static void go_on(pid_t pid, int signal)
{
    (void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal); /* killed meanwhile: fine */
}

static void stopped(pid_t pid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    struct tracee *t = find(pid);
    unsigned long message = 0;
    if (!t) {
        t = add(pid, find(parent_of(pid)));
    }
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        (void)ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message);
        (void)add((pid_t)message, t);
        go_on(pid, 0);
    } else if (event == PTRACE_EVENT_EXEC) {
        name_role(t);
        go_on(pid, 0);
    } else if (event == PTRACE_EVENT_STOP) {
        bool group =
            signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
        if (t->ready && group) {
            (void)ptrace(PTRACE_LISTEN, pid, NULL, NULL);
        } else {
            t->ready = true;
            go_on(pid, 0);
        }
    } else if (signal == (SIGTRAP | 0x80)) {
        struct __ptrace_syscall_info info = {0};
        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
            info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            at_entry(t, &info);
        }
        go_on(pid, 0);
    } else {
        go_on(pid, signal);
    }
}

static pid_t start(char **command)
{
    int go[2];
    if (pipe2(go, O_CLOEXEC) < 0) {
        die("pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (read(go[0], &c, 1) == 1) {
            execvp(command[0], command);
        }
        _exit(127);
    }
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || write(go[1], "g", 1) != 1) {
        die("tracing");
    }
    close(go[0]);
    close(go[1]);
    (void)add(pid, NULL);
    return pid;
}

/* Until everybody has ended, or the command has and nobody makes a call for a while. */
static int serve(pid_t command)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int code = -1;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL | (code >= 0 ? WNOHANG : 0));
        if (pid < 0 && errno == EINTR) {
            continue;
        }
        if (pid < 0) {
            return code;
        }
        if (pid == 0) {
            struct timespec t = {quiet_ms / 1000, quiet_ms % 1000 * 1000000L};
            if (sigtimedwait(&child, NULL, &t) < 0 && errno == EAGAIN) {
                return code;
            }
        } else if (WIFSTOPPED(status)) {
            stopped(pid, status);
        } else {
            forget(pid);
            if (pid == command) {
                code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            }
        }
    }
}

int main(int argc, char **argv)
{
    int o;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    while ((o = getopt(argc, argv, "+o:r:n:s:q:")) != -1) {
        switch (o) {
        case 'o':
            out = fopen(optarg, "we");
            break;
        case 'r':
            wanted_role = optarg;
            break;
        case 'n':
            wanted_call = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            wanted_signal = (int)strtol(optarg, NULL, 10);
            break;
        case 'q':
            quiet_ms = (int)strtol(optarg, NULL, 10);
            break;
        default:
            return 99;
        }
    }
    if (!out || optind == argc || (wanted_role && wanted_call < 1)) {
        fprintf(stderr, "usage: kill-at -o LOG [-q MS] [-r ROLE -n N [-s SIGNAL]] COMMAND…\n");
        return 99;
    }
    int code = serve(start(argv + optind));
    return fclose(out) == 0 ? code : 99;
}
