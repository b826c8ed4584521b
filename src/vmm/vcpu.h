// SPDX-License-Identifier: Apache-2.0
/* A virtual processor: its descriptor, its thread, and what it leaves the guest for.
 *
 * vcpu_open() while the machine is built, vcpu_start() after the lock-in. The thread runs the guest
 * until the machine stops: it never ends by itself, the process does. Accesses outside of memory
 * go to `exits`, which are called in the vCPU's thread. Spec: KVM api.rst §5 (struct kvm_run). */
#pragma once

#include <pthread.h>

#include "vmm/kvm.h"

enum machine_end { /* why the machine stopped; the first reason counts */
                   MACHINE_RUNS,
                   MACHINE_POWER_OFF,
                   MACHINE_RESET,
                   MACHINE_CRASHED, /* a triple fault */
                   MACHINE_FAILED,  /* KVM or we could not go on */
};

struct vcpu_exits {
    void *context;
    void (*memory)(void *context, uint64_t address, uint8_t *data, uint32_t len, bool is_write);
    enum machine_end (*port)(void *context, uint16_t port, uint8_t *data, unsigned len,
                             bool is_write);
    void (*end)(void *context, enum machine_end reason);
    /* First thing in the thread: its part of the lock-in. */
    int (*lock_in)(void *context);
};

/* Exits of one vCPU by kind, for the report. */
struct vcpu_counts {
    uint64_t port, memory, other;
};

struct vcpu {
    unsigned index;
    int fd;
    struct kvm_run *run;
    size_t run_bytes;
    pthread_t thread;
    const struct vcpu_exits *exits;
    struct vcpu_counts counts;
};

int vcpu_open(struct vcpu *v, const struct kvm *k, unsigned index, const struct vcpu_exits *exits,
              struct error **err) NODISCARD;
int vcpu_start(struct vcpu *v, struct error **err) NODISCARD;
