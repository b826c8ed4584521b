// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

static const uint32_t magic = 0x74726976;  /* "virt" */
static const uint32_t vendor = 0x534f4c43; /* "CLOS" */
enum { VERSION = 2, CONFIG_SPACE = VIRTIO_MMIO_CONFIG };

static struct virtq *selected(struct virtio_mmio *m)
{
    return m->queue_select < m->device->queue_count ? &m->device->queues[m->queue_select] : NULL;
}

static uint32_t half(uint64_t value, uint32_t select)
{
    return select > 1 ? 0 : (uint32_t)(value >> (32 * select));
}

static uint32_t read_register(struct virtio_mmio *m, uint32_t offset)
{
    struct virtio_device *d = m->device;
    const struct virtq *q = selected(m);
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return magic;
    case VIRTIO_MMIO_VERSION:
        return VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
        return d->ops->device_id;
    case VIRTIO_MMIO_VENDOR_ID:
        return vendor;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return half(virtio_offered(d), m->features_select);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return q ? q->size_max : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return q && q->ready;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return atomic_load(&d->interrupt_status) | d->interrupt_constant;
    case VIRTIO_MMIO_STATUS:
        return d->status;
    case VIRTIO_MMIO_SHM_LEN_LOW: /* §4.2.2: all ones where there is no such region */
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        return UINT32_MAX;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return d->config_generation;
    default:
        return 0;
    }
}

static void set_half(uint64_t *value, bool high, uint32_t half_value)
{
    *value = high ? (*value & UINT32_MAX) | (uint64_t)half_value << 32
                  : (*value & ~(uint64_t)UINT32_MAX) | half_value;
}

/* The registers of the selected queue. §4.2.3.2: not to be written while it is ready. */
static void write_queue_register(struct virtio_mmio *m, uint32_t offset, uint32_t value)
{
    struct virtq *q = selected(m);
    if (!q) {
        return;
    }
    if (offset == VIRTIO_MMIO_QUEUE_READY) {
        virtio_queue_ready(m->device, m->queue_select, value == 1);
        return;
    }
    if (q->ready) {
        return;
    }
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        q->size = value <= q->size_max ? (uint16_t)value : 0;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        set_half(&q->descriptors, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        set_half(&q->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        set_half(&q->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
        break;
    default:
        break;
    }
}

static void write_register(struct virtio_mmio *m, uint32_t offset, uint32_t value)
{
    struct virtio_device *d = m->device;
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        m->features_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        m->driver_features_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES: /* §3.1.1: fixed once FEATURES_OK is set */
        if (m->driver_features_select <= 1 && !(d->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
            set_half(&d->driver_features, m->driver_features_select == 1, value);
        }
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        m->queue_select = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY: /* where KVM has no ioeventfd for it */
        if (value < d->queue_count) {
            virtio_kick(d, value);
        }
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        atomic_fetch_and(&d->interrupt_status, ~value);
        break;
    case VIRTIO_MMIO_STATUS:
        virtio_set_status(d, value);
        break;
    default:
        write_queue_register(m, offset, value);
        break;
    }
}

static bool in_config(const struct virtio_device *d, uint32_t offset, uint32_t len)
{
    uint32_t at = offset - CONFIG_SPACE;
    return offset >= CONFIG_SPACE && at < d->config_bytes && len <= d->config_bytes - at;
}

void virtio_mmio_read(struct virtio_mmio *m, uint32_t offset, void *to, uint32_t len)
{
    struct virtio_device *d = m->device;
    memset(to, 0, len);
    (void)pthread_mutex_lock(&d->lock);
    if (in_config(d, offset, len)) {
        memcpy(to, d->config + (offset - CONFIG_SPACE), len);
    } else if (offset < CONFIG_SPACE && len == sizeof(uint32_t)) {
        memcpy(to, &(uint32_t){read_register(m, offset)}, len);
    }
    (void)pthread_mutex_unlock(&d->lock);
}

void virtio_mmio_write(struct virtio_mmio *m, uint32_t offset, const void *from, uint32_t len)
{
    struct virtio_device *d = m->device;
    (void)pthread_mutex_lock(&d->lock);
    if (in_config(d, offset, len)) {
        if (d->ops->config_write) {
            memcpy(d->config + (offset - CONFIG_SPACE), from, len);
            d->ops->config_write(d, offset - CONFIG_SPACE, len);
        }
    } else if (offset < CONFIG_SPACE && len == sizeof(uint32_t)) {
        uint32_t value;
        memcpy(&value, from, sizeof(value));
        write_register(m, offset, value);
    }
    (void)pthread_mutex_unlock(&d->lock);
}
