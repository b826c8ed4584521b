// SPDX-License-Identifier: Apache-2.0
#include "compare/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "compare/processes.h"

struct stream {
    int fd; /* -1: at its end */
    size_t len, line;
    char text[LAUNCH_TEXT_BYTES];
};

struct watcher {
    const struct launch_order *order;
    int reports, text, signals;
    int64_t begin_ns;
    pid_t child;
    struct stream out, err;
    struct launch_report totals;
    bool told_first, told_ready, child_ended, ending;
};

static void report(struct watcher *w, enum launch_event event)
{
    struct launch_report r = w->totals;
    r.event = event;
    r.ns = clock_ns() - w->begin_ns;
    r.begin_ns = w->begin_ns;
    (void)write_all(w->reports, &r, sizeof(r)); /* who asked may be gone: then nobody cares */
}

/* A complaint of our own, as what was started would have made it. */
static void complain(struct watcher *w, const char *what, int code)
{
    CLEANUP(free) char *text = str_format("%s: %s\n", what, strerror(code));
    size_t n = strlen(text);
    memcpy(w->err.text, text, n);
    w->err.len = n;
}

/* By descriptors, which stay open: 127 layers by their paths would not fit into a mount's options.
 */
static char *lower_folders(const struct strv *layers)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    for (size_t i = 0; i < layers->count; i++) {
        int fd = open(layers->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        strbuf_addf(&b, "%s/proc/self/fd/%d", i ? ":" : "", fd);
    }
    return strbuf_take(&b);
}

/* The image's layers under a folder of ours become the root: no wall but the files. */
static int take_root(struct watcher *w)
{
    const struct launch_order *o = w->order;
    CLEANUP(free) char *root = str_format("%s/root", o->scratch);
    CLEANUP(free) char *proc = str_format("%s/proc", root);
    CLEANUP(free) char *dev = str_format("%s/dev", root);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return -errno;
    }
    /* Opened in the namespace in which they are mounted: another's cannot be. */
    CLEANUP(free) char *lower = lower_folders(o->layers);
    CLEANUP(free)
    char *options =
        str_format("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, o->scratch, o->scratch);
    if (mount("overlay", root, "overlay", 0, options) < 0) {
        return -errno;
    }
    (void)mkdir(proc, 0755);
    (void)mkdir(dev, 0755);
    if (mount("/proc", proc, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount("/dev", dev, NULL, MS_BIND | MS_REC, NULL) < 0 || chroot(root) < 0 ||
        chdir(str_or(o->workdir, "/")) < 0) {
        return -errno;
    }
    return 0;
}

static int start(struct watcher *w, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    (void)sigemptyset(&none);
    int r = posix_spawn_file_actions_init(&actions);
    r = r ? r : posix_spawnattr_init(&attributes);
    if (r) {
        return -r;
    }
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    r = r ? r : posix_spawn_file_actions_adddup2(&actions, out, 1);
    r = r ? r : posix_spawn_file_actions_adddup2(&actions, err, 2);
    w->begin_ns = clock_ns();
    if (!r) {
        r = posix_spawnp(&w->child, w->order->argv->items[0], &actions, &attributes,
                         w->order->argv->items, w->order->environment->items);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return -r;
}

/* Whether the line that is looked for is among those that came whole. */
static bool is_ready(const struct watcher *w, struct stream *s)
{
    char *end;
    while ((end = memchr(s->text + s->line, '\n', s->len - s->line))) {
        *end = '\0';
        bool found = strstr(s->text + s->line, w->order->ready_log) != NULL;
        *end = '\n';
        s->line = (size_t)(end - s->text) + 1;
        if (found) {
            return true;
        }
    }
    return false;
}

static void take(struct watcher *w, struct stream *s)
{
    if (s->len == sizeof(s->text)) { /* the last half is worth more than the first */
        s->len /= 2;
        memmove(s->text, s->text + s->len, s->len);
        s->line = s->line > s->len ? s->line - s->len : 0;
    }
    ssize_t n = read(s->fd, s->text + s->len, sizeof(s->text) - s->len);
    if (n <= 0) {
        s->fd = n < 0 && (errno == EINTR || errno == EAGAIN) ? s->fd : fd_close(s->fd);
        return;
    }
    s->len += (size_t)n;
    if (!w->told_first && s == &w->out) {
        w->told_first = true;
        report(w, LAUNCH_FIRST);
    }
    if (w->order->ready_log && !w->told_ready && is_ready(w, s)) {
        w->told_ready = true;
        report(w, LAUNCH_READY);
    }
}

/* Whoever ended; false when nobody is left. */
static bool reap(struct watcher *w)
{
    struct rusage u;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &u)) > 0) {
        w->totals.cpu_us += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * (int64_t)1000000 +
                            u.ru_utime.tv_usec + u.ru_stime.tv_usec;
        w->totals.peak_kib = u.ru_maxrss > w->totals.peak_kib ? u.ru_maxrss : w->totals.peak_kib;
        if (pid == w->child) {
            w->child_ended = true;
            w->totals.status = status;
            report(w, LAUNCH_STARTED);
        }
    }
    return pid == 0 || errno == EINTR;
}

/* Asks what was started to end; the second time it is told, and so is whatever it left behind. */
static void end_it(struct watcher *w)
{
    pid_t *pids = NULL;
    size_t count = w->ending ? processes_below(getpid(), &pids) : 0;
    for (size_t i = 0; i < count; i++) {
        (void)kill(pids[i], SIGKILL);
    }
    free(pids);
    if (!w->child_ended) {
        (void)kill(-w->child, w->ending ? SIGKILL : SIGTERM);
    }
    w->ending = true;
}

#define GRACE_MS 10000

static void take_signals(struct watcher *w)
{
    struct signalfd_siginfo i;
    while (read(w->signals, &i, sizeof(i)) == (ssize_t)sizeof(i)) {
        if (i.ssi_signo == SIGTERM) {
            end_it(w);
        }
    }
}

/* Until nobody is left and both streams are at their end. A stream that outlives all processes is
 * held by somebody who is no child of ours: not waited for. */
static void watch(struct watcher *w)
{
    bool alive = true;
    while (alive) {
        struct pollfd p[] = {{.fd = w->out.fd, .events = POLLIN},
                             {.fd = w->err.fd, .events = POLLIN},
                             {.fd = w->signals, .events = POLLIN}};
        int r = poll(p, 3, w->ending ? GRACE_MS : -1);
        if (r == 0) {
            end_it(w);
        }
        if (p[0].revents) {
            take(w, &w->out);
        }
        if (p[1].revents) {
            take(w, &w->err);
        }
        take_signals(w);
        alive = reap(w);
    }
    struct stream *const both[] = {&w->out, &w->err};
    for (size_t i = 0; i < 2; i++) {
        for (struct pollfd p = {.fd = both[i]->fd, .events = POLLIN};
             both[i]->fd >= 0 && poll(&p, 1, 0) > 0;) {
            take(w, both[i]);
        }
    }
}

/* posix_spawnp() looks along its caller's PATH. */
static void take_path(const struct strv *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        if (str_starts(environment->items[i], "PATH=")) {
            (void)setenv("PATH", environment->items[i] + strlen("PATH="), 1);
        }
    }
}

static int prepare(struct watcher *w)
{
    sigset_t handled;
    (void)sigemptyset(&handled);
    (void)sigaddset(&handled, SIGCHLD);
    (void)sigaddset(&handled, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &handled, NULL);
    w->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)setpgid(0, 0); /* ^C is for compare, which ends us in order */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    take_path(w->order->environment);
    return w->signals < 0 ? -errno : w->order->layers ? take_root(w) : 0;
}

static void begin(struct watcher *w)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int r = prepare(w);
    if (r < 0) {
        complain(w, "making the image's files the root", -r);
        return;
    }
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
        complain(w, "making a pipe", errno);
        return;
    }
    w->out.fd = out[0];
    w->err.fd = err[0];
    r = start(w, out[1], err[1]);
    (void)close(out[1]);
    (void)close(err[1]);
    if (r < 0) {
        complain(w, w->order->argv->items[0], -r);
        return;
    }
    watch(w);
}

_Noreturn void watcher_main(const struct launch_order *order, int reports, int text)
{
    static struct watcher w; /* zeroed; too large for a stack */
    w.order = order;
    w.reports = reports;
    w.text = text;
    w.out.fd = w.err.fd = -1;
    w.totals.status = 127 << 8; /* until it has started */
    begin(&w);
    const uint32_t lengths[] = {(uint32_t)w.out.len, (uint32_t)w.err.len};
    (void)write_all(text, w.out.text, w.out.len);
    (void)write_all(text, w.err.text, w.err.len);
    (void)write_all(text, lengths, sizeof(lengths));
    report(&w, LAUNCH_ENDED);
    _exit(0);
}
