// SPDX-License-Identifier: Apache-2.0
/* The relay: the one process on the host that stands for the workload. Whoever made it sees the
 * workload's end as its end.
 *
 * Clients connect to vm.sock, a SOCK_SEQPACKET socket in the state folder: one JSON request, with
 * the three descriptors of its streams for exec; one reply; for exec a second message, the end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/guest_link.h"
#include "wall/vm/vm.h"

enum {
    WORKLOAD = 1,
    SESSIONS_MAX = 64,
    CLIENTS_MAX = 32,
    REQUEST_BYTES_MAX = 128 * 1024,
    START_MS = 90000, /* a machine that is emulated on a busy host */
    REQUEST_MS = 30000,
    END_MS = 15000,
    PIECE = 4096, /* what a pipe or terminal that is writable takes without blocking: PIPE_BUF */
    STATUS_LOST = 137,
};

struct outlet { /* bytes of the guest's on their way to a descriptor */
    int fd;
    struct strbuf pending;
    size_t written;
};

struct session {
    uint32_t id; /* 0: empty */
    int in;
    uint32_t in_credit;
    struct outlet out, err;
    bool has_ended;
    int status;
    int client; /* of an exec: whom to tell the end; -1: nobody */
};

struct relay {
    const struct relay_settings *settings;
    struct guest_link link;
    struct session sessions[SESSIONS_MAX];
    int clients[CLIENTS_MAX]; /* 0: none */
    uint32_t next_session;
    pid_t monitor;
    int resized; /* a signalfd, or -1 */
    bool oom_killed;
};

/* --- streams -------------------------------------------------------------------------------------
 */

static struct session *find_session(struct relay *r, uint32_t id)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (r->sessions[i].id == id) {
            return &r->sessions[i];
        }
    }
    return NULL;
}

/* Keeps the descriptors. NULL: too many. */
static struct session *add_session(struct relay *r, uint32_t id, const struct wall_io *io)
{
    struct session *s = find_session(r, 0);
    if (s) {
        *s = (struct session){
            .id = id, .in = io->in, .in_credit = STREAM_CREDIT_INITIAL, .client = -1};
        s->out = (struct outlet){.fd = io->out, .pending.max = STREAM_CREDIT_INITIAL};
        s->err = (struct outlet){.fd = io->err, .pending.max = STREAM_CREDIT_INITIAL};
    }
    return s;
}

static bool is_waiting(const struct outlet *o)
{
    return o->pending.len > o->written;
}

/* Writes a piece, and gives the guest its room back. */
static int write_piece(struct relay *r, const struct session *s, struct outlet *o,
                       enum message_stream stream, struct error **err)
{
    size_t left = o->pending.len - o->written;
    size_t n = left < PIECE ? left : PIECE;
    ssize_t done = write(o->fd, o->pending.data + o->written, n);
    if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    /* Nobody reads any more: it is dropped, as the host's kernel would have it written to no one.
     */
    o->written += done < 0 ? n : (size_t)done;
    uint32_t credit = (uint32_t)(done < 0 ? n : (size_t)done);
    if (!is_waiting(o)) {
        o->pending.len = o->written = 0;
    }
    return s->has_ended
               ? 0
               : link_send(&r->link, MESSAGE_CREDIT, s->id, stream, &credit, sizeof(credit), err);
}

static int read_input(struct relay *r, struct session *s, struct error **err)
{
    char bytes[PIECE];
    ssize_t n = read(s->in, bytes, s->in_credit < sizeof(bytes) ? s->in_credit : sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n <= 0) {
        s->in = -1;
        return link_send(&r->link, MESSAGE_END, s->id, STREAM_IN, NULL, 0, err);
    }
    s->in_credit -= (uint32_t)n;
    return link_send(&r->link, MESSAGE_DATA, s->id, STREAM_IN, bytes, (size_t)n, err);
}

static int take_data(struct outlet *o, const struct message *m, struct error **err)
{
    if (o->written > 0) {
        o->pending.len -= o->written;
        memmove(o->pending.data, o->pending.data + o->written, o->pending.len);
        o->written = 0;
    }
    strbuf_add(&o->pending, m->payload, m->header.bytes);
    return o->pending.overflow
               ? error_set(err, ERROR_CORRUPT, EPROTO, "the machine's agent sent more than it may")
               : 0;
}

static int take_exit(struct relay *r, struct session *s, const struct message *m,
                     struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    int64_t status = STATUS_LOST;
    bool oom = false;
    int result = json_parse(m->payload, m->header.bytes, "exit", &json, err);
    result = result < 0 ? result : json_get_i64(json, "status", "exit", 0, 255, &status, err);
    result = result < 0 ? result : json_get_bool(json, "oomKilled", "exit", &oom, err);
    s->has_ended = true;
    s->status = (int)status;
    r->oom_killed |= oom && s->id == WORKLOAD;
    return result < 0 ? result : 0;
}

static int take_message(void *context, const struct message *m, struct error **err)
{
    struct relay *r = context;
    struct session *s = m->header.session ? find_session(r, m->header.session) : NULL;
    uint32_t credit;
    if (!s) {
        return 0; /* of an exec whose client is gone */
    }
    switch (m->header.type) {
    case MESSAGE_DATA:
        return take_data(m->header.stream == STREAM_ERR ? &s->err : &s->out, m, err);
    case MESSAGE_CREDIT:
        memcpy(&credit, m->payload, sizeof(credit));
        s->in_credit = credit < UINT32_MAX - s->in_credit ? s->in_credit + credit : UINT32_MAX;
        return 0;
    case MESSAGE_EXIT:
        return take_exit(r, s, m, err);
    default:
        return 0;
    }
}

/* --- clients -------------------------------------------------------------------------------------
 */

static void answer(int client, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT);
    if (text) {
        IGNORE(send(client, text, strlen(text), MSG_NOSIGNAL) < 0); /* it is gone: fine */
    }
    free(text);
    json_decref(take);
}

static int exec(struct relay *r, int client, json_t *request, const int *fds, size_t fd_count,
                struct error **err)
{
    uint32_t id = r->next_session++;
    const struct wall_io io = {fds[0], fds[1], fds[2]};
    struct session *s = fd_count == 3 ? add_session(r, id, &io) : NULL;
    if (!s) {
        return error_set(err, ERROR_BUSY, 0, "too many processes are being executed");
    }
    int result = link_request(&r->link, id, "exec", json_incref(request), REQUEST_MS, NULL, err);
    if (result < 0) {
        *s = (struct session){0};
        return result;
    }
    s->client = client;
    return 0;
}

/* Serves one request; the descriptors that came with it stay open only for an exec that runs. */
static void serve_client(struct relay *r, int client, const char *text, size_t len, const int *fds,
                         size_t fd_count)
{
    static const char *const plain[] = {"start",  "signal", "pause", "resume",
                                        "update", "stats",  NULL};
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *request = NULL;
    CLEANUP(json) json_t *reply = NULL;
    const char *name = "";
    int result = json_parse(text, len, "request", &request, &err);
    result = result < 0 ? result : json_get_str(request, "request", "request", &name, &err);
    CLEANUP(free) char *copy = xstrdup(name);
    bool is_exec = result >= 0 && str_equal(copy, "exec");
    if (is_exec) {
        result = exec(r, client, request, fds, fd_count, &err);
    } else if (result >= 0 && str_in(copy, plain)) {
        result =
            link_request(&r->link, WORKLOAD, copy, json_incref(request), REQUEST_MS, &reply, &err);
    } else if (result >= 0) {
        result = error_set(&err, ERROR_UNSUPPORTED, 0, "the vm wall knows no '%s'", copy);
    }
    for (size_t i = 0; i < fd_count && !(is_exec && result >= 0); i++) {
        fd_close(fds[i]);
    }
    answer(client, result < 0 ? vm_error_to_json(err)
                   : reply    ? json_incref(reply)
                              : json_pack("{s:b}", "ok", 1));
}

static void forget_client(struct relay *r, size_t i)
{
    for (size_t k = 0; k < SESSIONS_MAX; k++) {
        if (r->sessions[k].id != 0 && r->sessions[k].client == r->clients[i]) {
            r->sessions[k].client = -1;
        }
    }
    fd_close(r->clients[i]);
    r->clients[i] = 0;
}

static void hear_client(struct relay *r, size_t i)
{
    static char text[REQUEST_BYTES_MAX];
    int fds[3];
    size_t fd_count = ARRAY_SIZE(fds);
    ssize_t n = recv_fds(r->clients[i], text, sizeof(text), fds, &fd_count);
    if (n <= 0) {
        forget_client(r, i);
        return;
    }
    serve_client(r, r->clients[i], text, (size_t)n, fds, fd_count);
}

static void accept_client(struct relay *r)
{
    int fd = accept4(r->settings->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
        if (r->clients[i] == 0) {
            r->clients[i] = fd;
            return;
        }
    }
    fd_close(fd);
}

/* --- the loop ------------------------------------------------------------------------------------
 */

static int resize(struct relay *r, struct error **err)
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

/* What one entry of the poll belongs to. */
enum source { FROM_LINK, FROM_LISTENER, FROM_RESIZE, FROM_CLIENT, FROM_INPUT, TO_OUT, TO_ERR };
struct entry {
    enum source source;
    size_t index;
};
enum { ENTRIES_MAX = 3 + CLIENTS_MAX + 3 * SESSIONS_MAX };

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
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        add_entry(set, FROM_CLIENT, i, r->clients[i] ? r->clients[i] : -1, POLLIN);
    }
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &r->sessions[i];
        if (s->id != 0) {
            bool wants_input = s->in_credit > 0 && !s->has_ended;
            add_entry(set, FROM_INPUT, i, wants_input ? s->in : -1, POLLIN);
            add_entry(set, TO_OUT, i, is_waiting(&s->out) ? s->out.fd : -1, POLLOUT);
            add_entry(set, TO_ERR, i, is_waiting(&s->err) ? s->err.fd : -1, POLLOUT);
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
        accept_client(r);
        return 0;
    case FROM_RESIZE:
        return resize(r, err);
    case FROM_CLIENT:
        hear_client(r, e->index);
        return 0;
    case FROM_INPUT:
        return s->id && s->in >= 0 ? read_input(r, s, err) : 0;
    case TO_OUT:
        return s->id ? write_piece(r, s, &s->out, STREAM_OUT, err) : 0;
    case TO_ERR:
    default:
        return s->id ? write_piece(r, s, &s->err, STREAM_ERR, err) : 0;
    }
}

/* Sessions all of whose output is out. True: the workload's was among them. */
static bool end_sessions(struct relay *r, int *ret_status)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &r->sessions[i];
        if (s->id == 0 || !s->has_ended || is_waiting(&s->out) || is_waiting(&s->err)) {
            continue;
        }
        if (s->id == WORKLOAD) {
            *ret_status = s->status;
            return true;
        }
        if (s->client >= 0) {
            answer(s->client, json_pack("{s:i}", "exit", s->status));
        }
        fd_close(s->in);
        fd_close(s->out.fd);
        fd_close(s->err.fd);
        strbuf_done(&s->out.pending);
        strbuf_done(&s->err.pending);
        *s = (struct session){0};
    }
    return false;
}

static int serve(struct relay *r, int *ret_status, struct error **err)
{
    static struct poll_set set;
    int result = 0;
    while (result >= 0 && !end_sessions(r, ret_status)) {
        gather(r, &set);
        (void)poll(set.p, set.count, -1); /* whatever it says: what is ready is served */
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
    if (r->settings->plan->terminal) {
        (void)ioctl(r->settings->io.out, TIOCSCTTY, 0);
        (void)sigaddset(&set, SIGWINCH);
        r->resized = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
}

static int launch(struct relay *r, const struct vm_network *n, struct error **err)
{
    const struct vm_assets *a = &r->settings->assets;
    const struct plan *p = r->settings->plan;
    struct vm_disk disks[VM_DISKS_MAX];
    char serials[VM_DISKS_MAX][16];
    size_t count = 0;
    int ends[2];
    for (; count < a->layer_count; count++) {
        (void)snprintf(serials[count], sizeof(serials[0]), "layer%zu", count);
        disks[count] =
            (struct vm_disk){.fd = a->layers[count], .serial = serials[count], .read_only = true};
    }
    if (a->disk >= 0) {
        disks[count++] = (struct vm_disk){.fd = a->disk, .serial = "disk"};
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's port");
    }
    CLEANUP(fd) int theirs = ends[1];
    CLEANUP(fd) int kvm = a->monitor == VM_KVM ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;
    const struct vm_port port = {.name = GUEST_PORT_NAME, .in = theirs, .out = theirs};
    const struct vm_launch l = {.monitor = a->monitor,
                                .cpus = p->cpus,
                                .kvm = kvm,
                                .memory_bytes = p->memory_bytes,
                                .kernel = a->kernel,
                                .initramfs = a->initramfs,
                                .serial = r->settings->log,
                                .report = -1,
                                .log = r->settings->log,
                                .command_line = "console=ttyS0 quiet panic=-1 pci=off reboot=acpi",
                                .tsc_khz = a->monitor == VM_QEMU ? qemu_tsc_khz() : 0,
                                .disks = disks,
                                .disk_count = count,
                                .ports = &port,
                                .port_count = 1,
                                .tap = n->tap,
                                .mac = n->mac,
                                .mtu = n->mtu};
    r->link = (struct guest_link){.fd = ends[0], .context = r, .receive = take_message};
    return vm_launch(&l, &r->monitor, err);
}

static int read_files(const struct plan *p, json_t *files, struct error **err)
{
    for (size_t i = 0; i < p->file_count; i++) {
        CLEANUP(free) char *text = NULL;
        size_t len = 0;
        int r = file_read(AT_FDCWD, p->files[i].source, VM_FILE_BYTES_MAX, &text, &len, err);
        if (r < 0) {
            return r;
        }
        json_t *value = json_stringn(text, len);
        if (!value) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "the vm wall cannot bind the file '%s' yet: it is no text",
                             p->files[i].source);
        }
        (void)json_array_append_new(files, value);
    }
    return 0;
}

static int create(struct relay *r, const struct vm_network *n, struct error **err)
{
    const struct plan *p = r->settings->plan;
    json_t *layers = json_array(), *files = json_array();
    for (size_t i = 0; i < p->layer_count; i++) {
        (void)json_array_append_new(layers, json_sprintf("layer%zu", i));
    }
    json_t *fields = json_pack("{s:O, s:o, s:o, s:s*}", "spec", p->spec, "layers", layers, "files",
                               files, "disk", p->disk ? "disk" : NULL);
    if (n->tap >= 0) {
        (void)json_object_set_new(fields, "network",
                                  json_pack("{s:s, s:s, s:s, s:i}", "address", n->address,
                                            "netmask", n->netmask, "gateway", n->gateway, "mtu",
                                            n->mtu));
    }
    int result = read_files(p, files, err);
    if (result < 0) {
        json_decref(fields);
        return result;
    }
    result = link_request(&r->link, WORKLOAD, "create", fields, START_MS, NULL, err);
    if (result >= 0) {
        (void)add_session(r, WORKLOAD, &r->settings->io); /* there is room for the first */
    }
    return result >= 0 && p->terminal ? resize(r, err) : result;
}

static int begin(struct relay *r, struct error **err)
{
    struct vm_network network;
    char go;
    if (recv(r->settings->ready, &go, 1, 0) != 1) {
        return error_set(err, ERROR_BUSY, EINTR, "interrupted");
    }
    int result = vm_network_hand_on(&network, err);
    result = result < 0 ? result : launch(r, &network, err);
    result = result < 0 ? result : link_hello(&r->link, START_MS, NULL, err);
    return result < 0 ? result : create(r, &network, err);
}

/* The machine powers off, its disk written; one that does not is ended. */
static void end_machine(struct relay *r, bool is_fine)
{
    CLEANUP(fd) int pidfd = r->monitor > 0 ? (int)syscall(SYS_pidfd_open, r->monitor, 0) : -1;
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (is_fine) {
        IGNORE(link_request(&r->link, 0, "power-off", NULL, END_MS, NULL, NULL) <
               0); /* waited for */
    }
    if (r->monitor > 0 && (!is_fine || poll(&p, 1, END_MS) <= 0)) {
        (void)kill(r->monitor, SIGKILL);
    }
    while (r->monitor > 0 && waitpid(r->monitor, NULL, 0) < 0 && errno == EINTR) {
    }
}

void relay_run(const struct relay_settings *s)
{
    static struct relay relay;
    struct error *err = NULL;
    int status = STATUS_LOST;
    relay = (struct relay){.settings = s, .next_session = WORKLOAD + 1};
    close_others(s);
    settle(&relay);
    int r = begin(&relay, &err);
    answer(s->ready, r < 0 ? vm_error_to_json(err) : json_object());
    if (r >= 0) {
        fd_close(s->ready);
        r = serve(&relay, &status, &err);
        if (r < 0) {
            CLEANUP(free) char *text = error_text(err);
            CLEANUP(free) char *line = str_format("cloison: %s\n", text);
            IGNORE(write_all(s->log, line, strlen(line)) < 0); /* the log is on memory */
        }
    }
    end_machine(&relay, r >= 0);
    if (relay.oom_killed) {
        CLEANUP(free) char *path = str_format("%s/oom", s->plan->state_dir);
        IGNORE(file_write_atomic(AT_FDCWD, path, "1", 1, 0600, FILE_NO_SYNC, NULL) < 0);
    }
    _exit(status);
}
