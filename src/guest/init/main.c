// SPDX-License-Identifier: Apache-2.0
/* The program cloison-init, `--init` in containers: the first process of a PID namespace that
 * starts the command, forwards every signal to it, reaps whatever is orphaned, and ends with the
 * command's exit status. It is bind mounted read-only over /sbin/docker-init.
 *
 *     cloison-init [--] COMMAND [ARG...]
 *
 * The command gets a process group of its own and, where there is a terminal, that terminal's
 * foreground, so that ^C and ^Z mean what they mean without an init. Static, no library of ours. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, FAILED = 125 };

/* What the kernel sends for our own mistakes is not for the child. */
static void forwarded_signals(sigset_t *set)
{
    static const int own[] = {SIGFPE,  SIGILL, SIGSEGV, SIGBUS, SIGABRT,
                              SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
    (void)sigfillset(set);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        (void)sigdelset(set, own[i]);
    }
}

static void child(char **command, const sigset_t *before)
{
    (void)setpgid(0, 0);
    (void)signal(SIGTTOU, SIG_IGN);          /* or taking the foreground would stop us */
    (void)tcsetpgrp(STDIN_FILENO, getpid()); /* fails without a terminal */
    (void)signal(SIGTTOU, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, before, NULL);
    (void)execvp(command[0], command);
    int code = errno;
    fprintf(stderr, "cloison-init: executing '%s': %s\n", command[0], strerror(code));
    _exit(code == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Reaps all there is: true when the command was among it. */
static int reap(pid_t command, int *ret_status)
{
    int ended = 0, status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            *ret_status = status;
            ended = 1;
        }
    }
    return ended;
}

int main(int argc, char **argv)
{
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    sigset_t set, before;
    int status = 0, number = 0;
    if (argc <= first) {
        fprintf(stderr, "cloison-init: no command\n");
        return FAILED;
    }
    forwarded_signals(&set);
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0,
                0); /* for a container in the host's PID namespace */
    pid_t pid = fork();
    if (pid == 0) {
        child(argv + first, &before);
    }
    if (pid < 0) {
        fprintf(stderr, "cloison-init: fork: %s\n", strerror(errno));
        return FAILED;
    }
    for (;;) {
        if (sigwait(&set, &number) != 0) {
            continue;
        }
        if (number != SIGCHLD) {
            (void)kill(pid, number); /* it may just have ended */
        } else if (reap(pid, &status)) {
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
    }
}
