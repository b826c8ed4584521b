// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "engine/control.h"
#include "engine/spawn.h"
#include "engine/terminal.h"

struct session {
    const struct engine *engine;
    const struct container *container;
    int sock, signals;
    bool in; /* standard input is still open */
    bool sig_proxy;
    struct keys_scan keys; /* count 0: not looked for */
    struct frame unsent;   /* of standard input, while the monitor takes none; type 0: nothing */
    bool raw;
    struct termios saved;
};

struct frame_attach session_streams(const struct run_request *r)
{
    if (r->attach.count == 0) {
        return (struct frame_attach){r->interactive, true, true};
    }
    struct frame_attach a = {strv_contains(&r->attach, "stdin") && r->interactive,
                             strv_contains(&r->attach, "stdout"),
                             strv_contains(&r->attach, "stderr")};
    return a;
}

int session_check(const struct run_request *r, struct error **err)
{
    struct keys_scan keys;
    static const char *const streams[] = {"stdin", "stdout", "stderr", NULL};
    for (size_t i = 0; i < r->attach.count; i++) {
        if (!str_in(r->attach.items[i], streams)) {
            return error_set(err, ERROR_USAGE, 0,
                             "--attach '%s': there are stdin, stdout and stderr",
                             r->attach.items[i]);
        }
    }
    if (r->attach.count && r->detach) {
        return error_set(err, ERROR_USAGE, 0, "--attach and --detach exclude each other");
    }
    if (r->tty && !r->detach && session_streams(r).in && !isatty(STDIN_FILENO)) {
        return error_set(err, ERROR_USAGE, 0, "the input is not a terminal: leave out -t");
    }
    return keys_scan_init(&keys, r->detach_keys, err);
}

void session_signals(sigset_t *set, bool proxy, bool tty)
{
    static const int kept[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGTSTP, SIGTTIN,
                               SIGTTOU, SIGURG,  SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,
                               SIGABRT, SIGTRAP, SIGSYS,  32,      33};
    (void)sigemptyset(set);
    for (int s = 1; proxy && s <= SIGRTMAX; s++) {
        (void)sigaddset(set, s);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        (void)sigdelset(set, kept[i]);
    }
    if (tty) {
        (void)sigaddset(set, SIGWINCH);
    }
}

static void send_size(struct session *s)
{
    struct winsize w;
    if (s->container->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row) {
        struct frame_size size = {w.ws_row, w.ws_col};
        IGNORE(frame_send(s->sock, FRAME_RESIZE, &size, sizeof(size)) < 0); /* the next one may */
    }
}

/* Over a connection of its own: ours may be full of standard input that nobody reads. */
static void forward(struct session *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGWINCH && s->container->tty) {
        send_size(s);
        return;
    }
    struct frame_signal f = {(int32_t)info.ssi_signo};
    IGNORE(control_request(s->engine, s->container, FRAME_SIGNAL, &f, sizeof(f), NULL) < 0);
}

static void raw_mode(struct session *s)
{
    struct termios t;
    if (!s->container->tty || !s->in || tcgetattr(STDIN_FILENO, &s->saved) < 0) {
        return;
    }
    t = s->saved;
    cfmakeraw(&t);
    s->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

static void cooked_mode(struct session *s)
{
    if (s->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
        s->raw = false;
    }
}

static void send_unsent(struct session *s)
{
    int r = frame_send_now(s->sock, s->unsent.type, s->unsent.data, s->unsent.len);
    if (r != -EAGAIN) { /* a monitor that is gone shows when it is read from */
        s->unsent.type = 0;
    }
}

/* Returns true to detach. */
static bool read_input(struct session *s)
{
    unsigned char bytes[FRAME_DATA_MAX - KEYS_MAX];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return false;
    }
    s->unsent.len = 0;
    if (n <= 0) {
        s->in = false;
        s->unsent.type = FRAME_STDIN_END;
        send_unsent(s);
        return false;
    }
    bool detach = false;
    s->unsent.type = FRAME_STDIN;
    if (s->keys.count) {
        detach = keys_scan(&s->keys, bytes, (size_t)n, s->unsent.data, &s->unsent.len);
    } else {
        memcpy(s->unsent.data, bytes, (size_t)n);
        s->unsent.len = (size_t)n;
    }
    if (s->unsent.len) {
        send_unsent(s);
    } else {
        s->unsent.type = 0;
    }
    return detach;
}

/* One frame from the monitor: 1 at the workload's end, with its code in *ret; 0 to go on. */
static int take_frame(struct session *s, int *ret, struct error **err)
{
    struct frame f;
    struct frame_exit x;
    int r = frame_receive(s->sock, &f);
    if (r <= 0) {
        return error_set(err, ERROR_INTERNAL, EPIPE, "the monitor of '%s' was killed",
                         s->container->name);
    }
    switch (f.type) {
    case FRAME_STDOUT:
    case FRAME_STDERR:
        r = write_all(f.type == FRAME_STDOUT ? STDOUT_FILENO : STDERR_FILENO, f.data, f.len);
        return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing the output") : 0;
    case FRAME_EXIT:
        if (f.len == sizeof(x)) {
            memcpy(&x, f.data, sizeof(x));
            *ret = x.code;
            return 1;
        }
        return 0;
    case FRAME_DETACHED:
        return error_set(err, ERROR_BUSY, 0, "detached from '%s': %s", s->container->name,
                         (const char *)f.data);
    default:
        return 0;
    }
}

static int loop(struct session *s, struct error **err)
{
    int code = 0;
    for (;;) {
        bool want_input = s->in && !s->unsent.type;
        struct pollfd fds[3] = {
            {s->sock, POLLIN | (s->unsent.type ? POLLOUT : 0), 0},
            {s->signals, POLLIN, 0},
            {want_input ? STDIN_FILENO : -1, POLLIN, 0},
        };
        if (poll(fds, 3, -1) < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the container");
        }
        if (fds[1].revents) {
            forward(s);
        }
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            int r = take_frame(s, &code, err);
            if (r != 0) {
                return r < 0 ? r : code;
            }
        }
        if (fds[0].revents & POLLOUT) {
            send_unsent(s);
        }
        if (fds[2].revents && read_input(s)) {
            terminal_new_line();
            return 0;
        }
    }
}

static int session_init(struct session *s, const struct session_options *o, struct error **err)
{
    const char *keys = o->request ? o->request->detach_keys : o->detach_keys;
    s->in = o->request ? session_streams(o->request).in : o->in;
    s->sig_proxy = o->request ? o->request->sig_proxy : o->sig_proxy;
    if (!s->container->tty || !s->in) {
        return 0;
    }
    return keys_scan_init(&s->keys, keys, err);
}

int session_run(const struct engine *e, const struct container *c, int sock,
                const struct session_options *options, struct error **err)
{
    static struct session s; /* with its frame too large for a small stack */
    s = (struct session){.engine = e, .container = c, .sock = sock};
    int r = session_init(&s, options, err);
    if (r < 0) {
        return r;
    }
    sigset_t set, old, during;
    session_signals(&set, s.sig_proxy, c->tty);
    (void)sigprocmask(SIG_BLOCK, &set, &old);
    old = options->mask ? *options->mask : old;
    (void)sigorset(&during, &old, &set);
    (void)sigprocmask(SIG_SETMASK, &during, NULL);
    CLEANUP(fd) int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s.signals = signals;
    send_size(&s);
    raw_mode(&s);
    r = loop(&s, err);
    cooked_mode(&s);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}
