// SPDX-License-Identifier: Apache-2.0
#include "wall/container/apply.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wall/container/channel.h"

_Noreturn void apply_fail(struct apply *a, int code)
{
    const struct message m = {
        .kind = MESSAGE_FAILED,
        .failure = {(int)a->step, -code, a->detail, a->number},
    };
    (void)channel_send(a->channel, &m, NULL, 0); /* a parent that is gone needs no telling */
    _exit(APPLY_EXIT);
}

/* The plan's array holds everybody's steps in order; a joined namespace may be either's. */
static bool is_relays(const struct step *s)
{
    return step_kinds[s->kind].phase == PHASE_RELAY ||
           (s->kind == STEP_NAMESPACE_JOIN && s->namespace_.relay);
}

static bool is_childs(const struct step *s)
{
    return step_kinds[s->kind].phase == PHASE_CHILD && !is_relays(s);
}

static int walk(struct apply *a, bool (*is_mine)(const struct step *))
{
    for (a->step = 0; a->step < a->plan->step_count; a->step++) {
        const struct step *s = &a->plan->steps[a->step];
        if (!is_mine(s)) {
            continue;
        }
        int r = step_kinds[s->kind].apply(a, s);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* What the parent had caught or ignored is none of the program's business. */
static void reset_signals(void)
{
    /* The kernel's own form, all zero: the C library's call refuses the two signals that are the
     * library's, which whoever was started by posix_spawn (by make, say) has ignored. */
    const unsigned long as_born[4] = {0};
    sigset_t none;
    for (int i = 1; i < NSIG; i++) {
        /* SIGKILL and SIGSTOP are refused. */
        (void)syscall(SYS_rt_sigaction, i, as_born, NULL, _NSIG / 8);
    }
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
}

_Noreturn void apply_child(struct apply *a)
{
    /* Nobody inside may look into this process, which still holds the host's descriptors; exec
     * makes it dumpable again. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail */
    reset_signals();
    int r = walk(a, is_childs);
    apply_fail(a, r < 0 ? r : -EPROTO); /* a plan ends with an exec */
}

int apply_relay(struct apply *a)
{
    return walk(a, is_relays);
}
