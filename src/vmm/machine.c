// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/devices/balloon.h"
#include "vmm/devices/rng.h"
#include "vmm/lock_in.h"
#include "vmm/log.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"
#include "vmm/x86/platform.h"

/* --- what vCPUs leave the guest for --------------------------------------------------------------
 */

static void memory_exit(void *context, uint64_t address, uint8_t *data, uint32_t len, bool is_write)
{
    struct machine *m = context;
    uint64_t index = (address - LAYOUT_VIRTIO) / LAYOUT_VIRTIO_STRIDE;
    uint32_t offset = (uint32_t)(address % LAYOUT_VIRTIO_STRIDE);
    bool is_known = address >= LAYOUT_VIRTIO && index < m->spec->device_count;
    if (!is_known && !is_write) {
        memset(data, 0xff, len); /* an empty bus */
    } else if (is_known && is_write) {
        virtio_mmio_write(&m->devices[index], offset, data, len);
    } else if (is_known) {
        virtio_mmio_read(&m->devices[index], offset, data, len);
    }
}

static enum machine_end port_exit(void *context, uint16_t port, uint8_t *data, unsigned len,
                                  bool is_write)
{
    struct machine *m = context;
    if (!is_write) {
        ports_read(&m->ports, port, data, len);
        return MACHINE_RUNS;
    }
    switch (ports_write(&m->ports, port, data, len)) {
    case PORT_POWER_OFF:
        return MACHINE_POWER_OFF;
    case PORT_RESET_MACHINE:
        return MACHINE_RESET;
    case PORT_CONTINUE:
    default:
        return MACHINE_RUNS;
    }
}

static void end_exit(void *context, enum machine_end reason)
{
    struct machine *m = context;
    enum machine_end none = MACHINE_RUNS;
    if (atomic_compare_exchange_strong(&m->end, &none, reason)) {
        IGNORE(write(m->stop.fd, &(uint64_t){1}, sizeof(uint64_t)) < 0); /* an eventfd of ours */
    }
}

static int lock_in_vcpu(void *context)
{
    (void)context;
    return lock_in_thread(LOCK_IN_VCPU);
}

static void stop_ready(struct watch *w, uint32_t events)
{
    struct machine *m = w->context;
    (void)events;
    m->worker.stop = true;
}

/* Whoever started us has other limits. At the socket's end they stay. */
static void control_ready(struct watch *w, uint32_t events)
{
    struct machine *m = w->context;
    char text[LIMITS_TEXT_MAX];
    struct limit_values values;
    (void)events;
    ssize_t len = read(w->fd, text, sizeof(text));
    if (len <= 0) {
        IGNORE(worker_watch(&m->worker, w, 0) < 0); /* it is not asked again, or is, for nothing */
    } else if (limits_read(text, (size_t)len, &values) < 0) {
        vmm_log("the control socket brought no limits");
    } else {
        limits_set(&m->limits, &values);
    }
}

/* --- building ------------------------------------------------------------------------------------
 */

static int open_worker(struct machine *m, struct error **err)
{
    int r = worker_open(&m->worker, err);
    if (r < 0) {
        return r;
    }
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->stop = (struct watch){.fd = fd, .ready = stop_ready, .context = m};
    r = fd < 0 ? -errno : worker_watch(&m->worker, &m->stop, EPOLLIN);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "the worker's events") : 0;
}

static int open_limits(struct machine *m, struct error **err)
{
    int r = limits_open(&m->limits, &m->worker, err);
    if (r < 0) {
        return r;
    }
    limits_set(&m->limits, &m->spec->limits);
    m->control = (struct watch){.fd = m->spec->control_fd, .ready = control_ready, .context = m};
    r = m->control.fd < 0 ? 0 : worker_watch(&m->worker, &m->control, EPOLLIN);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "the control socket") : 0;
}

static int make_net(struct machine *m, const struct net_settings *s, struct virtio_device **ret,
                    struct error **err)
{
    struct net_device *n = NULL;
    struct net_settings settings = *s;
    settings.receive = &m->limits.net_receive;
    settings.transmit = &m->limits.net_transmit;
    int r = s->is_stream ? 0 : net_prepare_tap(s->fd, err);
    r = r < 0 ? r : net_new(&settings, &m->memory, &m->worker, &n, err);
    *ret = n ? net_virtio(n) : NULL;
    return r;
}

static int make_block(struct machine *m, const struct block_settings *s, struct virtio_device **ret,
                      struct error **err)
{
    struct block_device *b = NULL;
    struct block_settings settings = *s;
    settings.read = &m->limits.disk_read;
    settings.write = &m->limits.disk_write;
    int r = block_new(&settings, &m->memory, &m->worker, &b, err);
    *ret = b ? block_virtio(b) : NULL;
    return r;
}

static int make_device(struct machine *m, const struct device_spec *d, struct virtio_device **ret,
                       struct error **err)
{
    struct console_device *console = NULL;
    struct rng_device *rng = NULL;
    struct fs_device *fs = NULL;
    int r = 0;
    switch (d->type) {
    case DEVICE_CONSOLE:
        r = console_new(d->console.ports, d->console.port_count, &m->memory, &m->worker, &console,
                        err);
        *ret = console ? console_virtio(console) : NULL;
        break;
    case DEVICE_BLOCK:
        r = make_block(m, &d->block, ret, err);
        break;
    case DEVICE_NET:
        r = make_net(m, &d->net, ret, err);
        break;
    case DEVICE_FS:
        r = fs_new(&d->fs, &m->memory, &m->worker, &fs, err);
        *ret = fs ? fs_virtio(fs) : NULL;
        break;
    case DEVICE_RNG:
        r = rng_new(&m->memory, &m->worker, &rng, err);
        *ret = rng ? rng_virtio(rng) : NULL;
        break;
    case DEVICE_BALLOON:
        r = balloon_new(&m->memory, &m->worker, &m->balloon, err);
        *ret = m->balloon ? balloon_virtio(m->balloon) : NULL;
        break;
    }
    return r;
}

static int make_devices(struct machine *m, struct error **err)
{
    m->devices = xcalloc(m->spec->device_count + 1, sizeof(*m->devices));
    for (unsigned i = 0; i < m->spec->device_count; i++) {
        int r = make_device(m, &m->spec->devices[i], &m->devices[i].device, err);
        if (r < 0) {
            return error_wrap(err, r, "device %u", i);
        }
    }
    return 0;
}

static int connect_device(struct machine *m, unsigned index, struct error **err)
{
    const struct virtio_device *d = m->devices[index].device;
    uint64_t doorbell = LAYOUT_VIRTIO + index * LAYOUT_VIRTIO_STRIDE + MMIO_QUEUE_NOTIFY;
    int r = kvm_add_irqfd(&m->kvm, d->interrupt_fd, acpi_virtio_gsi(index), err);
    for (unsigned q = 0; r >= 0 && q < d->queue_count; q++) {
        r = kvm_add_ioeventfd(&m->kvm, d->kicks[q].watch.fd, doorbell, q, err);
    }
    return r;
}

static int make_vcpus(struct machine *m, struct error **err)
{
    unsigned count = m->spec->cpus;
    m->exits = (struct vcpu_exits){.context = m,
                                   .memory = memory_exit,
                                   .port = port_exit,
                                   .end = end_exit,
                                   .lock_in = lock_in_vcpu};
    m->vcpus = xcalloc(count, sizeof(*m->vcpus));
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        r = vcpu_open(&m->vcpus[i], &m->kvm, i, &m->exits, err);
        r = r < 0 ? r : platform_prepare_vcpu(&m->kvm, m->vcpus[i].fd, i, count, err);
    }
    return r;
}

static int open_kvm(struct machine *m, struct error **err)
{
    int r = kvm_open(&m->kvm, m->spec->kvm_fd, err);
    r = r < 0 ? r : platform_prepare(&m->kvm, err);
    r = r < 0 ? r : kvm_add_memory(&m->kvm, &m->memory, err);
    r = r < 0 ? r : make_vcpus(m, err);
    for (unsigned i = 0; r >= 0 && i < m->spec->device_count; i++) {
        r = connect_device(m, i, err);
    }
    return r;
}

static int load_kernel(struct machine *m, struct error **err)
{
    const struct machine_spec *s = m->spec;
    CLEANUP(free) char *addition = platform_command_line(m->vcpus[0].fd);
    CLEANUP(free) char *line = str_format("%s%s", s->command_line, addition);
    struct boot_settings boot = {.kernel_fd = s->kernel_fd,
                                 .initramfs_fd = s->initramfs_fd,
                                 .command_line = line,
                                 .cpus = s->cpus,
                                 .virtio_count = s->device_count};
    uint64_t entry = 0;
    int r = boot_load(&boot, &m->memory, &entry, err);
    return r < 0 ? r : boot_set_registers(m->vcpus[0].fd, entry, err);
}

/* What the machine runs on from here: neither the kernel's files nor /dev/kvm. */
static void close_sources(const struct machine *m)
{
    fd_close(m->spec->kvm_fd);
    fd_close(m->spec->kernel_fd);
    fd_close(m->spec->initramfs_fd);
}

int machine_build(struct machine *m, const struct machine_spec *spec, struct error **err)
{
    *m = (struct machine){.spec = spec};
    ports_init(&m->ports, spec->serial_fd);
    struct guest_memory_settings memory = {
        .bytes = spec->memory_bytes, .hole = LAYOUT_HOLE, .hole_end = LAYOUT_HOLE_END};
    for (unsigned i = 0; i < spec->device_count; i++) {
        memory.is_shared |= spec->devices[i].type == DEVICE_FS;
    }
    int r = guest_memory_create(&m->memory, &memory, err);
    r = r < 0 ? r : open_worker(m, err);
    r = r < 0 ? r : open_limits(m, err);
    r = r < 0 ? r : make_devices(m, err);
    r = r < 0 ? r : open_kvm(m, err);
    r = r < 0 ? r : load_kernel(m, err);
    if (r >= 0) {
        close_sources(m);
    }
    return r;
}

int machine_run(struct machine *m, enum machine_end *ret_end, struct error **err)
{
    int r = lock_in_process(err);
    for (unsigned i = m->spec->cpus; r >= 0 && i-- > 0;) { /* the first one last: the others wait */
        r = vcpu_start(&m->vcpus[i], err);
    }
    if (r < 0) {
        return r;
    }
    r = lock_in_thread(LOCK_IN_WORKER);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "the worker's system call filter");
    }
    worker_run(&m->worker);
    *ret_end = atomic_load(&m->end);
    return 0;
}
