// SPDX-License-Identifier: Apache-2.0
/* The program cloison-guest: a machine's first process and the host's agent in it.
 *
 *     boot_modules() → boot_port → boot_root() → hello → the loop → power off
 *
 * It serves the host over the port GUEST_PORT_NAME until it is asked to power off, or the host is
 * gone. What goes wrong before there is a port is on the kernel's console, and ends the machine.
 * Static. Spec: docs/guest-protocol.md. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>

#include "base/file.h"
#include "guest/agent/agent.h"
#include "guest/agent/boot.h"
#include "guest/agent/files.h"

static void power_off(void)
{
    sync();
    (void)reboot(RB_POWER_OFF); /* does not return for the first process */
}

/* Where the kernel's messages are, grave enough to be printed; there may be no terminal. */
static void tell(const struct error *e)
{
    CLEANUP(fd) int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    CLEANUP(free) char *text = error_text(e);
    CLEANUP(free) char *line = str_format("<2>cloison-guest: %s\n", text);
    IGNORE(kmsg >= 0 && write(kmsg, line, strlen(line)) < 0); /* nobody else to tell */
}

/* Handles what has come. False: the host is gone or broke the protocol. */
static bool take_in(struct agent *a)
{
    struct message f;
    int r = channel_fill(&a->channel);
    if (r == -EAGAIN || r == -EINTR) {
        return true;
    }
    if (r <= 0) {
        return false;
    }
    while ((r = message_next(&a->channel.in, &f)) > 0) {
        r = agent_message(a, &f);
        if (r < 0) {
            return false;
        }
    }
    return r == 0;
}

static unsigned gather(const struct agent *a, int children, struct pollfd *p)
{
    unsigned count = 0;
    short events = (short)(POLLIN | (channel_wants_to_write(&a->channel) ? POLLOUT : 0));
    p[count++] = (struct pollfd){.fd = a->channel.fd, .events = events};
    p[count++] = (struct pollfd){.fd = children, .events = POLLIN};
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (a->sessions.slots[i].id != 0) {
            count += session_poll(&a->sessions.slots[i], channel_has_room(&a->channel), p + count);
        }
    }
    return count;
}

static void loop(struct agent *a, int children)
{
    static struct pollfd p[2 + 3 * SESSIONS_MAX];
    struct signalfd_siginfo signals[8];
    bool is_alive = true;
    while (is_alive && !(a->power_off && !channel_wants_to_write(&a->channel))) {
        (void)poll(p, gather(a, children, p), -1); /* whatever it says: all are looked at */
        if (read(children, signals, sizeof(signals)) > 0) {
            agent_reap(a);
        }
        is_alive = !(p[0].revents & (POLLIN | POLLHUP)) || take_in(a);
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
            struct session *s = &a->sessions.slots[i];
            session_serve(s, &a->channel);
            (void)session_tell_end(s, &a->channel, s->id == a->workload_session && a->oom_killed);
        }
        is_alive = is_alive && channel_flush(&a->channel) == 0;
    }
}

static int run(struct agent *a, struct error **err)
{
    sigset_t set;
    int r = boot_modules(err);
    r = r < 0 ? r : (a->channel.fd = boot_open_port(GUEST_PORT_NAME, err));
    a->files_program = open(FILES_PROGRAM, O_RDONLY | O_CLOEXEC); /* before its folder goes */
    r = r < 0 ? r : boot_root(err);
    if (r < 0) {
        return r;
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a result of write(2) */
    int children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "signalfd");
    }
    agent_hello(a);
    loop(a, children);
    return 0;
}

int main(void)
{
    static struct agent agent;
    CLEANUP(error) struct error *err = NULL;
    if (getpid() != 1) {
        fprintf(stderr, "cloison-guest: this is a machine's first process\n");
        return 1;
    }
    if (run(&agent, &err) < 0) {
        tell(err);
    }
    power_off();
    return 1;
}
