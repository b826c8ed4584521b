// SPDX-License-Identifier: Apache-2.0
/* The relay: the one process on the host that stands for the workload. Whoever made it sees the
 * workload's end as its end. */
#include "wall/vm/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/json.h"

/* --- the loop ------------------------------------------------------------------------------------
 */

int relay_resize(struct relay *r, struct error **err)
{
    struct winsize w;
    struct signalfd_siginfo info;
    IGNORE(r->resized >= 0 && read(r->resized, &info, sizeof(info)) < 0); /* a wake-up is all */
    if (ioctl(r->settings->io.out, TIOCGWINSZ, &w) < 0 || w.ws_row == 0) {
        return 0;
    }
    return link_request(&r->link, WORKLOAD, "resize",
                        json_pack("{s:i, s:i}", "rows", w.ws_row, "columns", w.ws_col), REQUEST_MS,
                        NULL, err);
}

int relay_follow_sizes(struct relay *r, bool *ret_any, struct error **err)
{
    struct winsize w;
    int result = 0;
    for (size_t i = 0; result >= 0 && i < SESSIONS_MAX; i++) {
        struct session *s = &r->sessions[i];
        if (s->id == 0 || !s->is_terminal || s->has_ended || ioctl(s->out.fd, TIOCGWINSZ, &w) < 0) {
            continue;
        }
        *ret_any = true;
        if (w.ws_row == 0 || (w.ws_row == s->rows && w.ws_col == s->columns)) {
            continue;
        }
        s->rows = w.ws_row;
        s->columns = w.ws_col;
        result = link_request(&r->link, s->id, "resize",
                              json_pack("{s:i, s:i}", "rows", w.ws_row, "columns", w.ws_col),
                              REQUEST_MS, NULL, err);
    }
    return result;
}

/* What one entry of the poll belongs to. */
enum source {
    FROM_LINK,
    FROM_LISTENER,
    FROM_RESIZE,
    FROM_SHARES,
    FROM_CLIENT,
    FROM_INPUT,
    TO_OUT,
    TO_ERR
};
struct entry {
    enum source source;
    size_t index;
};
enum { ENTRIES_MAX = 4 + CLIENTS_MAX + 3 * SESSIONS_MAX };

struct poll_set {
    struct pollfd p[ENTRIES_MAX];
    struct entry entries[ENTRIES_MAX];
    nfds_t count;
};

static void add_entry(struct poll_set *set, enum source source, size_t index, int fd, short events)
{
    if (fd >= 0) {
        set->entries[set->count] = (struct entry){source, index};
        set->p[set->count++] = (struct pollfd){.fd = fd, .events = events};
    }
}

static void gather(const struct relay *r, struct poll_set *set)
{
    set->count = 0;
    add_entry(set, FROM_LINK, 0, r->link.fd, POLLIN);
    add_entry(set, FROM_LISTENER, 0, r->settings->listener, POLLIN);
    add_entry(set, FROM_RESIZE, 0, r->resized, POLLIN);
    add_entry(set, FROM_SHARES, 0, r->shares_ends, POLLIN);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        add_entry(set, FROM_CLIENT, i, r->clients[i] ? r->clients[i] : -1, POLLIN);
    }
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &r->sessions[i];
        if (s->id != 0) {
            bool wants_input = s->in_credit > 0 && !s->has_ended;
            add_entry(set, FROM_INPUT, i, wants_input ? s->in : -1, POLLIN);
            add_entry(set, TO_OUT, i, outlet_is_waiting(&s->out) ? s->out.fd : -1, POLLOUT);
            add_entry(set, TO_ERR, i, outlet_is_waiting(&s->err) ? s->err.fd : -1, POLLOUT);
        }
    }
}

static int serve_entry(struct relay *r, const struct entry *e, struct error **err)
{
    struct session *s = &r->sessions[e->index];
    int result;
    switch (e->source) {
    case FROM_LINK:
        result = link_take_in(&r->link, err);
        return result == 0 ? error_set(err, ERROR_KERNEL, EPIPE, "the machine has ended") : result;
    case FROM_LISTENER:
        relay_accept_client(r);
        return 0;
    case FROM_RESIZE:
        return relay_resize(r, err);
    case FROM_SHARES:
        return error_set(err, ERROR_KERNEL, EPIPE, "the shared folders' server has ended");
    case FROM_CLIENT:
        relay_hear_client(r, e->index);
        return 0;
    case FROM_INPUT:
        return s->id && s->in >= 0 ? relay_read_input(r, s, err) : 0;
    case TO_OUT:
        return s->id ? relay_write_piece(r, s, &s->out, STREAM_OUT, err) : 0;
    case TO_ERR:
    default:
        return s->id ? relay_write_piece(r, s, &s->err, STREAM_ERR, err) : 0;
    }
}

static int serve(struct relay *r, int *ret_status, struct error **err)
{
    static struct poll_set set;
    int result = 0;
    while (result >= 0) {
        /* What came with an answer is in the link's buffer: no descriptor would tell of it. */
        result = link_drain(&r->link, err);
        if (result < 0 || relay_end_sessions(r, ret_status)) {
            break;
        }
        bool has_terminals = false;
        result = relay_follow_sizes(r, &has_terminals, err);
        gather(r, &set);
        (void)poll(set.p, set.count,
                   has_terminals ? RESIZE_MS : -1); /* whatever it says: what is ready is served */
        for (nfds_t i = 0; result >= 0 && i < set.count; i++) {
            result = set.p[i].revents ? serve_entry(r, &set.entries[i], err) : 0;
        }
    }
    return result;
}

/* --- its start and end ---------------------------------------------------------------------------
 */

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Of the process that forked us, only what is ours stays open. */
static void close_others(const struct relay_settings *s)
{
    int kept[8 + VM_DISKS_MAX] = {s->assets.kernel, s->assets.initramfs, s->assets.disk,
                                  s->io.in,         s->io.out,           s->io.err,
                                  s->ready,         s->listener};
    size_t count = 8;
    unsigned next = 3;
    kept[count++] = s->log;
    for (size_t i = 0; i < s->assets.layer_count && count < ARRAY_SIZE(kept); i++) {
        kept[count++] = s->assets.layers[i];
    }
    qsort(kept, count, sizeof(kept[0]), compare_fds);
    for (size_t i = 0; i < count; i++) {
        unsigned fd = kept[i] < 3 ? 2 : (unsigned)kept[i];
        if (fd > next) {
            (void)syscall(SYS_close_range, next, fd - 1, 0); /* valid bounds: cannot fail */
        }
        next = fd >= next ? fd + 1 : next;
    }
    (void)syscall(SYS_close_range, next, ~0u, 0);
}

static void settle(struct relay *r)
{
    sigset_t set;
    (void)prctl(PR_SET_NAME, "cloison-relay", 0, 0, 0);
    for (int i = 1; i < NSIG; i++) {
        (void)signal(i, SIG_DFL); /* SIGKILL, SIGSTOP refuse */
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a result of write(2) */
    (void)sigemptyset(&set);
    r->resized = -1;
    (void)setsid();
    if (r->settings->plan->terminal && !r->settings->browse) {
        (void)ioctl(r->settings->io.out, TIOCSCTTY, 0);
        (void)sigaddset(&set, SIGWINCH);
        r->resized = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
}

/* The namespace that the spec names, where whoever called has made the interface. */
static int join_network(const struct relay_settings *s, struct error **err)
{
    if (s->browse || !s->plan->network) {
        return 0;
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, s->plan->network, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    struct stat named, own;
    if (fstat(fd, &named) == 0 && stat("/proc/self/ns/net", &own) == 0 &&
        named.st_ino == own.st_ino) { /* its interface is not the machine's to take */
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "the vm wall cannot use the host's network: a machine has its own");
    }
    return setns(fd, CLONE_NEWNET) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "joining '%s'", s->plan->network)
               : 0;
}

static int begin(struct relay *r, struct error **err)
{
    struct vm_network network;
    CLEANUP(json) json_t *request = NULL;
    char go;
    if (recv(r->settings->ready, &go, 1, 0) != 1) {
        return error_set(err, ERROR_BUSY, EINTR, "interrupted");
    }
    int result = join_network(r->settings, err);
    result = result < 0 ? result : vm_network_hand_on(&network, err);
    result = result < 0 ? result : relay_launch(r, &network, err);
    /* What can be done while its kernel boots is done then. */
    result = result < 0 ? result : relay_prepare(r, &network, &request, err);
    result = result < 0 ? result : relay_confine(r, err);
    return result < 0 ? result : relay_fill_machine(r, take_ptr(request), err);
}

/* For the exit record: what went wrong, and what the machine said of it. */
static void tell_reason(struct relay *r, const struct error *err)
{
    const struct relay_settings *s = r->settings;
    CLEANUP(free) char *end = relay_monitor_end(r);
    CLEANUP(free) char *text = end ? xstrdup(end) : error_text(err);
    CLEANUP(free) char *words = s->browse ? NULL : vm_last_words(r->words);
    CLEANUP(free) char *line = words ? str_format("%s: %s", text, words) : xstrdup(text);
    IGNORE(!s->browse &&
           write_all(r->reason, line, strlen(line)) < 0); /* the exit code is told anyway */
}

void relay_run(const struct relay_settings *s)
{
    static struct relay relay;
    struct error *err = NULL;
    int status = STATUS_LOST;
    relay = (struct relay){.settings = s,
                           .next_session = WORKLOAD + 1,
                           .control = -1,
                           .shares_ends = -1,
                           .monitor_ends = -1,
                           .reason = -1,
                           .oom = -1,
                           .words = -1};
    close_others(s);
    settle(&relay);
    int r = begin(&relay, &err);
    relay_answer(s->ready, r < 0 ? vm_error_to_json(err) : json_object());
    if (r >= 0) {
        fd_close(s->ready);
        r = serve(&relay, &status, &err);
        if (r < 0) {
            tell_reason(&relay, err);
        }
    }
    relay_end_machine(&relay, r >= 0);
    if (relay.oom_killed) {
        IGNORE(write_all(relay.oom, "1", 1) < 0); /* the exit code tells most of it */
    }
    _exit(status);
}
