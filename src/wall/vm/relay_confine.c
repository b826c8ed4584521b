// SPDX-License-Identifier: Apache-2.0
/* What the relay gives up while the machine boots: who takes it over by the agent's protocol holds
 * a process that reaches the container's streams and the machine, nothing else. It stays in the
 * network namespace that it stands for, without a way to make a socket there. Its user is still the
 * one that the machine's monitor and the shares' server are of: they end with it by a signal.
 * Spec: user_namespaces(7), seccomp(2); docs/security.md. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/give_up.h"
#include "wall/vm/relay.h"

static const int calls[] = {
    SCMP_SYS(poll),       SCMP_SYS(read),          SCMP_SYS(write),
    SCMP_SYS(sendto),     SCMP_SYS(recvfrom),      SCMP_SYS(recvmsg),
    SCMP_SYS(accept4),    SCMP_SYS(close),         SCMP_SYS(pread64),
    SCMP_SYS(wait4),      SCMP_SYS(brk),           SCMP_SYS(munmap),
    SCMP_SYS(mremap),     SCMP_SYS(madvise),       SCMP_SYS(futex),
    SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),  SCMP_SYS(clock_gettime),
};

static int fill(const struct relay *r, scmp_filter_ctx filter)
{
    static const unsigned asked[] = {TCGETS, TIOCGWINSZ}; /* is it a terminal, of which size */
    int result = 0;
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(calls); i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    if (result == 0) { /* memory, but none that could be executed */
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(asked); i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, asked[i]));
    }
    return result == 0 ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pidfd_send_signal), 1,
                                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)r->monitor_ends))
                       : result;
}

static int filter_calls(const struct relay *r, struct error **err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int result = filter ? fill(r, filter) : -ENOMEM;
    result = result == 0 ? seccomp_load(filter) : result;
    seccomp_release(filter);
    return result < 0 ? error_set_errno(err, ERROR_KERNEL, -result, "its system calls") : 0;
}

/* Where user namespaces are forbidden, the others are still had by who may make them. */
static int own_namespaces(struct error **err)
{
    static const int namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (unshare(CLONE_NEWUSER | namespaces) < 0 && unshare(namespaces) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "its namespaces");
    }
    return 0;
}

/* What it writes and reads at its end, opened while it still can. */
static int open_last(struct relay *r, struct error **err)
{
    const char *folder = r->settings->plan->state_dir;
    CLEANUP(free) char *reason = str_format("%s/reason", folder);
    CLEANUP(free) char *oom = str_format("%s/oom", folder);
    CLEANUP(free) char *log = str_format("%s/machine.log", folder);
    if (r->settings->browse) {
        return 0;
    }
    r->reason = open_file(AT_FDCWD, reason, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    r->oom = r->reason < 0 ? -1 : open_file(AT_FDCWD, oom, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    r->words = r->oom < 0 ? -1 : open_file(AT_FDCWD, log, O_RDONLY, 0, err);
    return r->words < 0 ? -1 : 0;
}

int relay_confine(struct relay *r, struct error **err)
{
    const struct rlimit none = {0, 0};
    int result = open_last(r, err);
    result = result < 0 ? result : own_namespaces(err);
    result = result < 0 ? result : give_up_files(err);
    result = result < 0 ? result : give_up_capabilities(err);
    if (result >= 0 &&
        (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)) {
        result = error_set_errno(err, ERROR_KERNEL, errno, "its limits");
    }
    result = result < 0 ? result : filter_calls(r, err);
    return result < 0 ? error_wrap(err, result, "confining the machine's relay") : 0;
}
