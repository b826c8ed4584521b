// SPDX-License-Identifier: Apache-2.0
/* What a virtio device is, and what all of them have in common: negotiation, status, configuration
 * space, queues, interrupts. The transport (mmio.h) reads and writes this; a device is what
 * differs.
 *
 * Two kinds of thread touch a device: vCPUs (registers) and the worker (queues), both under its
 * lock; every op is called with the lock held. A device's own watches take it by themselves with
 * virtio_enter(), which says whether the driver is there at all.
 *
 * States: reset → negotiated → running (DRIVER_OK) → reset; running → failed (virtio_fail(): the
 * guest broke a rule; it sees DEVICE_NEEDS_RESET and nothing else moves until it resets).
 * Spec: virtio 1.2 §2 (facilities), §3.1 (initialisation). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/devices/virtqueue.h"
#include "vmm/worker.h"

#define VIRTIO_INTERRUPT_USED 1u /* §4.2.2 */
#define VIRTIO_INTERRUPT_CONFIG 2u
#define VIRTIO_QUEUES_MAX 36 /* a console of 17 ports has as many */

struct virtio_device;

struct virtio_device_ops {
    const char *name;   /* in messages: "block" */
    uint32_t device_id; /* §5 */
    /* The worker: the driver notified this queue, or it just became ready with DRIVER_OK (what
     * other implementations call "activate"). Mandatory; must not block. */
    void (*queue_notify)(struct virtio_device *d, unsigned queue);
    /* A vCPU: the driver is ready (DRIVER_OK). For a device whose queues another process serves;
     * NULL: the worker is notified of every queue. */
    void (*ready)(struct virtio_device *d);
    /* A vCPU: forget what is in flight; queues are reset by the core after. NULL: nothing is. */
    void (*reset)(struct virtio_device *d);
    /* A vCPU: the driver wrote `len` bytes at `offset`, already within the space and stored there.
     * NULL: the space is read-only and the write was dropped. */
    void (*config_write)(struct virtio_device *d, uint32_t offset, uint32_t len);
};

struct virtio_kick { /* the ioeventfd of one queue */
    struct watch watch;
    struct virtio_device *device;
};

struct virtio_device {
    const struct virtio_device_ops *ops;
    const struct guest_memory *memory;
    struct worker *worker;
    pthread_mutex_t lock;
    uint64_t features; /* offered; the core adds VERSION_1, INDIRECT_DESC and EVENT_IDX */
    uint8_t *config;
    uint32_t config_bytes;
    unsigned queue_count;

    uint64_t driver_features;
    uint32_t status; /* §2.1, VIRTIO_CONFIG_S_* */
    bool running;    /* DRIVER_OK and not failed */
    uint32_t config_generation;
    atomic_uint interrupt_status; /* §4.2.2: 1 used buffer, 2 configuration */
    unsigned interrupt_constant;  /* of it, read as set whatever is acknowledged */
    int interrupt_fd;             /* irqfd; -1: none (tests) */
    unsigned failures;            /* told so far: a guest cannot flood the log */
    unsigned budget;              /* chains left in this turn: others wait for the worker too */
    struct virtq queues[VIRTIO_QUEUES_MAX];
    struct virtio_kick kicks[VIRTIO_QUEUES_MAX]; /* watch.fd -1 in tests */
};

/* Fills in the common part; the device sets features, config and queues[].size_max. Opens the event
 * descriptors when there is a worker (NULL in tests). */
int virtio_init(struct virtio_device *d, const struct virtio_device_ops *ops,
                const struct guest_memory *memory, struct worker *worker, unsigned queue_count,
                struct error **err) NODISCARD;
void virtio_done(struct virtio_device *d);

bool virtio_has(const struct virtio_device *d, unsigned feature_bit);

/* Takes the lock; false (and no lock) when the driver is not running. */
bool virtio_enter(struct virtio_device *d) NODISCARD;
void virtio_leave(struct virtio_device *d);

/* The next chain of a queue: true; false when there is none, the queue is not ready, the guest
 * broke a rule and the device failed, or this turn was long enough (the queue is kicked: it goes on
 * after the others). A notification is asked for before false. */
bool virtio_pop(struct virtio_device *d, unsigned queue, struct virtq_chain *ret) NODISCARD;
/* One that was popped and put off, by its head: it is read and checked anew. False: the guest broke
 * a rule meanwhile and the device failed. */
bool virtio_read(struct virtio_device *d, unsigned queue, uint16_t head,
                 struct virtq_chain *ret) NODISCARD;
/* Tells the driver, if it wants to know, what was pushed since the last time. */
void virtio_signal_used(struct virtio_device *d, unsigned queue);
/* Tells it that the configuration space changed. */
void virtio_signal_config(struct virtio_device *d);
/* The guest broke a rule: `why` goes to the log, the first few times. */
void virtio_fail(struct virtio_device *d, const char *why);

/* The driver's side, for the transport. Status 0 resets. */
uint64_t virtio_offered(const struct virtio_device *d);
void virtio_set_status(struct virtio_device *d, uint32_t status);
void virtio_queue_ready(struct virtio_device *d, unsigned queue, bool ready);
void virtio_kick(struct virtio_device *d, unsigned queue); /* as the ioeventfd would */
