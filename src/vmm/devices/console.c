// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/str.h"

/* §5.3.2: port 0 has queues 0 and 1, control 2 and 3, port n from 4 + 2 (n - 1) on. */
enum {
    QUEUE_CONTROL_RECEIVE = 2,
    QUEUE_CONTROL_TRANSMIT = 3,
    NAME_BYTES = 64,
    TRANSFER_MAX = 1 << 16, /* bytes of one read or write */
};

struct console_device;

struct port {
    struct console_device *console;
    unsigned id;
    char name[NAME_BYTES];
    bool is_console;
    bool guest_open;
    bool ended; /* our side is closed */
    int in, out;
    struct watch in_watch, out_watch;
    bool sending; /* `chain` is being written out, `sent` bytes of it are */
    size_t sent;
    struct virtq_chain chain;
};

/* What is still to be told over the control queue: one bit each, told in this order. The name last:
 * who finds a port by its name finds it open. */
enum { TELL_ADD, TELL_CONSOLE, TELL_OPEN, TELL_CLOSE, TELL_NAME, TELL_COUNT };

struct console_device {
    struct virtio_device virtio;
    struct virtio_console_config config;
    struct virtq_chain chain;
    unsigned port_count;
    uint32_t tell[CONSOLE_PORTS_MAX]; /* 1 << TELL_… */
    struct port ports[CONSOLE_PORTS_MAX];
};

static unsigned receive_queue(unsigned port)
{
    return port == 0 ? 0 : 2 + 2 * port;
}

static unsigned transmit_queue(unsigned port)
{
    return receive_queue(port) + 1;
}

static void watch_or_fail(struct port *p, struct watch *w, uint32_t events)
{
    if (w->fd >= 0 && worker_watch(p->console->virtio.worker, w, events) < 0) {
        p->ended = true;
    }
}

/* --- control -----------------------------------------------------------------------------------
 */

static size_t control_message(const struct port *p, unsigned what, uint8_t *message)
{
    static const uint16_t events[TELL_COUNT] = {
        [TELL_ADD] = VIRTIO_CONSOLE_PORT_ADD,    [TELL_CONSOLE] = VIRTIO_CONSOLE_CONSOLE_PORT,
        [TELL_NAME] = VIRTIO_CONSOLE_PORT_NAME,  [TELL_OPEN] = VIRTIO_CONSOLE_PORT_OPEN,
        [TELL_CLOSE] = VIRTIO_CONSOLE_PORT_OPEN,
    };
    struct virtio_console_control control = {
        .id = p->id, .event = events[what], .value = what != TELL_CLOSE};
    memcpy(message, &control, sizeof(control));
    if (what != TELL_NAME) {
        return sizeof(control);
    }
    size_t len = strlen(p->name); /* §5.3.6.2: without its NUL */
    memcpy(message + sizeof(control), p->name, len);
    return sizeof(control) + len;
}

/* Tells what is to be told as far as the guest has buffers for it. */
static void tell(struct console_device *c)
{
    uint8_t message[sizeof(struct virtio_console_control) + NAME_BYTES];
    for (unsigned i = 0; i < c->port_count * TELL_COUNT; i++) {
        unsigned port = i / TELL_COUNT, what = i % TELL_COUNT;
        if (!(c->tell[port] >> what & 1)) {
            continue;
        }
        if (!virtio_pop(&c->virtio, QUEUE_CONTROL_RECEIVE, &c->chain)) {
            break;
        }
        size_t len = control_message(&c->ports[port], what, message);
        len = chain_write(&c->chain, 0, message, len);
        virtq_push(&c->virtio.queues[QUEUE_CONTROL_RECEIVE], c->chain.head, (uint32_t)len);
        c->tell[port] &= ~(1u << what);
    }
    virtio_signal_used(&c->virtio, QUEUE_CONTROL_RECEIVE);
}

static void receive(struct port *p);

static void control(struct console_device *c, const struct virtio_console_control *m)
{
    if (m->event == VIRTIO_CONSOLE_DEVICE_READY) {
        for (unsigned i = 0; i < c->port_count; i++) {
            c->tell[i] = m->value ? 1u << TELL_ADD : 0;
        }
        return;
    }
    if (m->id >= c->port_count) {
        return; /* of a port that is not there */
    }
    struct port *p = &c->ports[m->id];
    if (m->event == VIRTIO_CONSOLE_PORT_READY && m->value) {
        c->tell[p->id] = 1u << TELL_NAME | 1u << (p->ended ? TELL_CLOSE : TELL_OPEN);
        c->tell[p->id] |= p->is_console ? 1u << TELL_CONSOLE : 0;
    } else if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
        p->guest_open = m->value != 0;
        receive(p);
    }
}

static void control_notify(struct console_device *c)
{
    while (virtio_pop(&c->virtio, QUEUE_CONTROL_TRANSMIT, &c->chain)) {
        struct virtio_console_control m;
        bool whole = chain_read(&c->chain, 0, &m, sizeof(m)) == sizeof(m);
        virtq_push(&c->virtio.queues[QUEUE_CONTROL_TRANSMIT], c->chain.head, 0);
        if (whole) {
            control(c, &m);
        }
    }
    virtio_signal_used(&c->virtio, QUEUE_CONTROL_TRANSMIT);
    tell(c);
}

/* --- data ------------------------------------------------------------------------------------- */

/* A peer that hung up closes the port; an input alone that is at its end does not, since a port
 * that is closed takes no output either. */
static void end_input(struct port *p)
{
    if (p->in == p->out && !p->ended) {
        p->ended = true;
        p->console->tell[p->id] |= 1u << TELL_CLOSE;
        tell(p->console);
    }
    p->in = -1;
}

/* Our input to the guest, as far as it has buffers; then waits for whichever is missing. */
static void receive(struct port *p)
{
    struct virtio_device *d = &p->console->virtio;
    struct virtq_chain *c = &p->console->chain;
    unsigned queue = receive_queue(p->id);
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    bool wait = false;
    /* A console's driver sends no PORT_OPEN before somebody opens the terminal. */
    while (p->in >= 0 && !p->ended && p->guest_open && virtio_pop(d, queue, c)) {
        unsigned count = chain_writable(c, 0, TRANSFER_MAX, ranges);
        ssize_t n = readv(p->in, ranges, (int)count);
        if (n > 0) {
            virtq_push(&d->queues[queue], c->head, (uint32_t)n);
            continue;
        }
        virtq_unpop(&d->queues[queue]);
        wait = n < 0 && (errno == EAGAIN || errno == EINTR);
        if (!wait) {
            end_input(p);
        }
        break;
    }
    virtio_signal_used(d, queue);
    watch_or_fail(p, &p->in_watch, wait ? EPOLLIN : 0);
}

/* Writes the current chain on. False: it must wait. What nobody will read is dropped. */
static bool send_chain(struct port *p)
{
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    while (p->out >= 0 && p->sent < p->chain.readable_bytes) {
        unsigned count = chain_readable(&p->chain, p->sent, TRANSFER_MAX, ranges);
        ssize_t n = writev(p->out, ranges, (int)count);
        if (n < 0 && errno == EAGAIN) {
            return false;
        }
        if (n < 0 && errno != EINTR) {
            break;
        }
        p->sent += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The guest's output to us. */
static void transmit(struct port *p)
{
    struct virtio_device *d = &p->console->virtio;
    unsigned queue = transmit_queue(p->id);
    bool wait = false;
    while (!wait && (p->sending || virtio_pop(d, queue, &p->chain))) {
        if (!p->sending) {
            p->sending = true;
            p->sent = 0;
        }
        wait = !send_chain(p);
        if (!wait) {
            p->sending = false;
            virtq_push(&d->queues[queue], p->chain.head, 0);
        }
    }
    virtio_signal_used(d, queue);
    watch_or_fail(p, &p->out_watch, wait ? EPOLLOUT : 0);
}

static void in_ready(struct watch *w, uint32_t events)
{
    struct port *p = w->context;
    (void)events;
    if (virtio_enter(&p->console->virtio)) {
        receive(p);
        virtio_leave(&p->console->virtio);
    } else {
        watch_or_fail(p, w, 0); /* the driver's next buffers wake it again */
    }
}

static void out_ready(struct watch *w, uint32_t events)
{
    struct port *p = w->context;
    (void)events;
    if (virtio_enter(&p->console->virtio)) {
        transmit(p);
        virtio_leave(&p->console->virtio);
    } else {
        watch_or_fail(p, w, 0);
    }
}

static void queue_notify(struct virtio_device *d, unsigned queue)
{
    struct console_device *c = (struct console_device *)d;
    if (queue == QUEUE_CONTROL_RECEIVE) {
        tell(c);
    } else if (queue == QUEUE_CONTROL_TRANSMIT) {
        control_notify(c);
    } else {
        struct port *p = &c->ports[queue < QUEUE_CONTROL_RECEIVE ? 0 : queue / 2 - 1];
        (queue % 2 == 0 ? receive : transmit)(p);
    }
}

static void reset(struct virtio_device *d)
{
    struct console_device *c = (struct console_device *)d;
    for (unsigned i = 0; i < c->port_count; i++) {
        c->tell[i] = 0;
        c->ports[i].guest_open = false;
        c->ports[i].sending = false;
    }
}

static const struct virtio_device_ops console_ops = {
    .name = "console",
    .device_id = VIRTIO_ID_CONSOLE,
    .queue_notify = queue_notify,
    .reset = reset,
};

/* --- making ------------------------------------------------------------------------------------
 */

static int make_nonblocking(int fd, struct error **err)
{
    int flags = fd < 0 ? O_NONBLOCK : fcntl(fd, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
        return error_set_errno(err, ERROR_KERNEL, errno, "descriptor %d of a console port", fd);
    }
    return 0;
}

static int port_init(struct console_device *c, const struct console_port_settings *s,
                     struct error **err)
{
    unsigned id = c->port_count++;
    struct port *p = &c->ports[id];
    *p = (struct port){
        .console = c, .id = id, .is_console = s->is_console, .in = s->in, .out = s->out};
    p->in_watch = (struct watch){.fd = s->in, .ready = in_ready, .context = p};
    p->out_watch = (struct watch){.fd = s->out, .ready = out_ready, .context = p};
    /* One epoll entry a descriptor: a socket that is both is watched by a copy for the output. */
    if (s->in >= 0 && s->in == s->out) {
        p->out_watch.fd = fcntl(s->out, F_DUPFD_CLOEXEC, 3);
        if (p->out_watch.fd < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "descriptor %d", s->out);
        }
    }
    size_t len = strnlen(s->name, NAME_BYTES - 1);
    memcpy(p->name, s->name, len);
    int r = make_nonblocking(s->in, err);
    return r < 0 ? r : make_nonblocking(s->out, err);
}

int console_new(const struct console_port_settings *ports, unsigned port_count,
                const struct guest_memory *memory, struct worker *worker,
                struct console_device **ret, struct error **err)
{
    struct console_device *c = xcalloc(1, sizeof(*c));
    struct virtio_device *d = &c->virtio;
    int r = virtio_init(d, &console_ops, memory, worker, 2 + 2 * port_count, err);
    for (unsigned i = 0; r >= 0 && i < port_count; i++) {
        r = port_init(c, &ports[i], err);
    }
    if (r < 0) {
        console_free(c);
        return r;
    }
    c->config.max_nr_ports = port_count;
    d->config = (uint8_t *)&c->config;
    d->config_bytes = sizeof(c->config);
    d->features = 1ull << VIRTIO_CONSOLE_F_MULTIPORT;
    *ret = c;
    return 0;
}

void console_free(struct console_device *c)
{
    if (!c) {
        return;
    }
    for (unsigned i = 0; i < c->port_count; i++) {
        if (c->ports[i].out_watch.fd != c->ports[i].out) {
            (void)close(c->ports[i].out_watch.fd); /* a copy: nothing can be lost */
        }
    }
    virtio_done(&c->virtio);
    free(c);
}

struct virtio_device *console_virtio(struct console_device *c)
{
    return &c->virtio;
}
