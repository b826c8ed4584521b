// SPDX-License-Identifier: Apache-2.0
/* The system call filter: as late as it can be loaded. */
#include "base/file.h"
#include "wall/container/channel.h"
#include "wall/container/seccomp.h"
#include "wall/container/step.h"

STEP_DESCRIBE(seccomp)
{
    describe_text(d, "%s", str_or(p->seccomp->summary, "a seccomp program"));
    describe_extra(d, "%u instructions", p->seccomp->count);
    describe_str(d, "summary", p->seccomp->summary);
    describe_int(d, "instructions", p->seccomp->count);
    describe_str(d, "listener", p->seccomp->listener_path);
}

STEP_CHILD(seccomp)
{
    int fd = seccomp_program_load(a->plan->seccomp);
    if (fd < 0 || !a->plan->seccomp->notify) {
        return fd;
    }
    const struct message m = {.kind = MESSAGE_LISTENER};
    int r = channel_send(a->channel, &m, &fd, 1);
    fd_close(fd);
    return r;
}
