// SPDX-License-Identifier: Apache-2.0
/* The lists of system calls. What the C library may call of itself is in both: locks, the clock
 * where the vDSO cannot read it, the end. */
#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <stdbool.h>

#include "vmm/lock_in.h"

static const int common_calls[] = {
    SCMP_SYS(futex),        SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(write), /* kicks, interrupts, the log, the UART */
    SCMP_SYS(exit_group),
};

static const int worker_calls[] = {
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_ctl), SCMP_SYS(read),      SCMP_SYS(readv),
    SCMP_SYS(writev),     SCMP_SYS(preadv),    SCMP_SYS(pwritev),   SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate),  SCMP_SYS(madvise),   SCMP_SYS(getrandom), SCMP_SYS(timerfd_settime),
};

static const int vcpu_calls[] = {
    SCMP_SYS(pause), /* what a vCPU does once the machine has stopped */
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return r;
}

static int fill(scmp_filter_ctx filter, enum lock_in_kind kind)
{
    int r = allow(filter, common_calls, ARRAY_SIZE(common_calls));
    if (r == 0 && kind == LOCK_IN_WORKER) {
        return allow(filter, worker_calls, ARRAY_SIZE(worker_calls));
    }
    r = r == 0 ? allow(filter, vcpu_calls, ARRAY_SIZE(vcpu_calls)) : r;
    return r == 0 ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_EQ, KVM_RUN))
                  : r;
}

int lock_in_thread(enum lock_in_kind kind)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        return -ENOMEM;
    }
    int r = fill(filter, kind);
    r = r == 0 ? seccomp_load(filter) : r;
    seccomp_release(filter);
    return r;
}
