// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "net/names/server.h"

static int drop_capabilities(void)
{
    cap_value_t kept[] = {CAP_NET_BIND_SERVICE};
    cap_t caps = cap_init();
    int r = caps && cap_set_flag(caps, CAP_PERMITTED, 1, kept, CAP_SET) == 0 &&
                    cap_set_flag(caps, CAP_EFFECTIVE, 1, kept, CAP_SET) == 0 &&
                    cap_set_proc(caps) == 0
                ? 0
                : -errno;
    (void)cap_free(caps);
    return r;
}

static const int allowed[] = {
    SCMP_SYS(accept4),         SCMP_SYS(bind),       SCMP_SYS(brk),        SCMP_SYS(clock_gettime),
    SCMP_SYS(close),           SCMP_SYS(connect),    SCMP_SYS(epoll_ctl),  SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),     SCMP_SYS(exit),       SCMP_SYS(exit_group), SCMP_SYS(fcntl),
    SCMP_SYS(fstat),           SCMP_SYS(getdents64), SCMP_SYS(getrandom),  SCMP_SYS(lseek),
    SCMP_SYS(madvise),         SCMP_SYS(mmap),       SCMP_SYS(mremap),     SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),      SCMP_SYS(read),       SCMP_SYS(recvfrom),   SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmsg),         SCMP_SYS(sendto),     SCMP_SYS(setsockopt), SCMP_SYS(socket),
    SCMP_SYS(recvmsg),         SCMP_SYS(write),      SCMP_SYS(listen),     SCMP_SYS(stat),
    SCMP_SYS(restart_syscall),
};

int names_lock_in(struct error **err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = filter ? 0 : -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    r = r < 0 ? r
              : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, 0));
    r = r < 0 ? r : drop_capabilities();
    r = r < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? r : -errno;
    r = r < 0 ? r : seccomp_load(filter);
    seccomp_release(filter);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "giving privileges up") : 0;
}
