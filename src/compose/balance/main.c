// SPDX-License-Identifier: Apache-2.0
/* The program cloison-balance: first process of the load balancer's container. It starts Caddy,
 * forwards signals to it and ends with its status, as cloison-init does; and each second it looks
 * whether the replicas answer, so that the hosts file names those alone that do (Caddy's own checks
 * are for upstreams that stand in its configuration). Static: it is bound into any image.
 *
 *     cloison-balance COMMAND [ARG...] */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "compose/balance/probe.h"

#define ROUND_MS 1000
#define ANSWER_MS 900 /* a replica that takes longer does not answer */

struct balance {
    pid_t command;
    int signals, folder; /* signalfd, inotify */
    struct replicas replicas;
    struct probe *probes; /* of each replica, in a round */
    bool probing;
    int64_t round_ms; /* when it began */
};

static pid_t start(char **command)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        (void)execvp(command[0], command);
        int code = errno;
        fprintf(stderr, "cloison-balance: executing '%s': %s\n", command[0], strerror(code));
        _exit(code == ENOENT ? 127 : 126);
    }
    return pid;
}

static void write_hosts(const struct balance *b)
{
    CLEANUP(error) struct error *err = NULL;
    if (replicas_write_hosts(&b->replicas, BALANCE_FOLDER "/hosts", &err) < 0) {
        error_print(err, stderr);
    }
}

/* What is still open of it is given up: it is late, or looks at replicas that are no more. */
static void end_round(struct balance *b, bool judge)
{
    for (size_t i = 0; b->probing && i < b->replicas.count; i++) {
        if (judge) {
            replica_judge(&b->replicas.items[i], b->probes[i].answers);
        }
        probe_done(&b->probes[i]);
    }
    free(take_ptr(b->probes));
    b->probing = false;
}

static void load(struct balance *b)
{
    CLEANUP(free) char *text = NULL;
    struct replicas new = {0};
    end_round(b, false);
    if (file_read(AT_FDCWD, BALANCE_FOLDER "/replicas", REPLICAS_BYTES_MAX, &text, NULL, NULL) <
        0) {
        return; /* there will be one */
    }
    replicas_parse(text, &b->replicas, &new);
    replicas_done(&b->replicas);
    b->replicas = new;
    write_hosts(b);
}

static void begin_round(struct balance *b)
{
    b->round_ms = clock_ms();
    b->probes = xcalloc(b->replicas.count + 1, sizeof(*b->probes));
    b->probing = true;
    for (size_t i = 0; i < b->replicas.count; i++) {
        probe_begin(&b->probes[i], &b->replicas.items[i]);
    }
}

/* Ends the process when the command has ended. */
static void take_signals(const struct balance *b)
{
    struct signalfd_siginfo s;
    int status;
    pid_t pid;
    while (read(b->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
        if ((int)s.ssi_signo != SIGCHLD) {
            (void)kill(b->command, (int)s.ssi_signo); /* it may have ended */
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == b->command) {
            _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
}

static bool take_changes(const struct balance *b)
{
    char events[4096];
    bool any = false;
    while (read(b->folder, events, sizeof(events)) > 0) {
        any = true;
    }
    return any;
}

/* One wait: for signals, changes, answers, or the time at which something is to be done. */
static void wait_once(struct balance *b)
{
    size_t count = b->probing ? b->replicas.count : 0, open = 0;
    CLEANUP(free) struct pollfd *fds = xcalloc(count + 2, sizeof(*fds));
    fds[0] = (struct pollfd){.fd = b->signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = b->folder, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        fds[i + 2] = (struct pollfd){.fd = b->probes[i].fd, .events = probe_events(&b->probes[i])};
        open += b->probes[i].fd >= 0;
    }
    int64_t left = b->round_ms + (open ? ANSWER_MS : ROUND_MS) - clock_ms();
    if (b->probing && (open == 0 || left <= 0)) {
        end_round(b, true);
        write_hosts(b);
        return;
    }
    if (left <= 0) {
        begin_round(b);
        return;
    }
    (void)poll(fds, count + 2, (int)left);
    take_signals(b);
    for (size_t i = 0; i < count; i++) {
        if (fds[i + 2].fd >= 0 && fds[i + 2].revents) {
            probe_step(&b->probes[i], &b->replicas.items[i]);
        }
    }
    if (take_changes(b)) {
        load(b);
    }
}

int main(int argc, char **argv)
{
    struct balance b = {.command = -1};
    sigset_t all;
    open_standard_streams();
    if (argc < 2 || (b.command = start(argv + 1)) < 0) {
        fprintf(stderr, "cloison-balance: %s\n", argc < 2 ? "no command" : strerror(errno));
        return 125;
    }
    (void)sigfillset(&all);
    b.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    b.folder = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    (void)inotify_add_watch(b.folder, BALANCE_FOLDER, IN_MOVED_TO);
    load(&b);
    for (;;) {
        wait_once(&b);
    }
}
