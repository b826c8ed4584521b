// SPDX-License-Identifier: Apache-2.0
#include "engine/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

int terminal_prepare(struct terminal *t, struct error **err)
{
    sigset_t set;
    t->signals = -1;
    t->master = -1;
    int r = t->no_detach ? 0 : keys_scan_init(&t->keys, t->detach_keys, err);
    if (r < 0) {
        return r;
    }
    session_signals(&set, true, true);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return t->signals < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "waiting for signals") : 0;
}

void terminal_done(struct terminal *t)
{
    if (t->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
    }
    t->signals = fd_close(t->signals);
}

static void raw_mode(struct terminal *t)
{
    if (t->master < 0 || !t->interactive || tcgetattr(STDIN_FILENO, &t->saved) < 0) {
        return;
    }
    struct termios raw = t->saved;
    cfmakeraw(&raw);
    t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void copy_size(const struct terminal *t)
{
    struct winsize w;
    if (t->master >= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0) {
        (void)ioctl(t->master, TIOCSWINSZ, &w); /* the child may just have ended */
    }
}

/* 1 when the child has ended. */
static int take_signals(struct terminal *t, int *ret_status)
{
    struct signalfd_siginfo info;
    while (read(t->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            if (waitpid(t->pid, ret_status, WNOHANG) == t->pid) {
                return 1;
            }
        } else if (info.ssi_signo == SIGWINCH) {
            copy_size(t);
        } else {
            (void)kill(t->pid, (int)info.ssi_signo); /* ours until it is waited for */
        }
    }
    return 0;
}

/* What the terminal still holds. False at its end. */
static bool copy_output(const struct terminal *t)
{
    char bytes[16384];
    ssize_t n = read(t->master, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR) {
        return true;
    }
    return n > 0 && write_all(STDOUT_FILENO, bytes, (size_t)n) == 0;
}

static void drain(const struct terminal *t)
{
    struct pollfd p = {.fd = t->master, .events = POLLIN};
    while (t->master >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && copy_output(t)) {
    }
}

static void copy_input(struct terminal *t)
{
    unsigned char bytes[4096], passed[4096 + KEYS_MAX];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n <= 0) {
        t->input_open = n < 0 && errno == EINTR;
        return;
    }
    size_t len = (size_t)n;
    if (!t->no_detach) {
        t->detached = keys_scan(&t->keys, bytes, (size_t)n, passed, &len);
    }
    if (t->detached) {
        terminal_new_line();
    }
    if (write_all(t->master, t->no_detach ? bytes : passed, len) < 0) {
        t->input_open = false;
    }
}

int terminal_serve(struct terminal *t, int *ret_status, struct error **err)
{
    bool output_open = t->master >= 0;
    t->input_open = t->interactive && t->master >= 0;
    copy_size(t);
    raw_mode(t);
    while (!t->detached) {
        struct pollfd fds[3] = {
            {t->signals, POLLIN, 0},
            {output_open ? t->master : -1, POLLIN, 0},
            {t->input_open ? STDIN_FILENO : -1, POLLIN, 0},
        };
        if (poll(fds, 3, -1) < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the process");
        }
        if (fds[1].revents) {
            output_open = copy_output(t);
        }
        if (fds[2].revents) {
            copy_input(t);
        }
        if (fds[0].revents && take_signals(t, ret_status)) {
            drain(t);
            return 0;
        }
    }
    return 0;
}

void terminal_new_line(void)
{
    IGNORE(write_all(STDERR_FILENO, "\r\n", 2) < 0); /* a line break that nobody sees */
}
