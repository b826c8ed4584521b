// SPDX-License-Identifier: Apache-2.0
/* The machine: everything that cloison-vmm runs, in the order in which it comes to be.
 *
 *     machine_build()  memory, worker, devices, kernel, KVM, vCPUs: machine_build() names each
 *     machine_run()    locks itself in, starts the vCPUs, serves devices until the machine stops
 * Everything it needs is a descriptor of its spec. One per process: its end is the process's, so
 * nothing is taken down. Threads: the main one is the worker, and one a vCPU. */
#pragma once

#include "vmm/devices/mmio.h"
#include "vmm/kvm.h"
#include "vmm/machine_spec.h"
#include "vmm/vcpu.h"
#include "vmm/worker.h"
#include "vmm/x86/ports.h"

struct balloon_device;

struct machine {
    const struct machine_spec *spec;
    struct guest_memory memory;
    struct worker worker;
    struct kvm kvm;
    struct ports ports;
    struct virtio_mmio *devices;    /* spec->device_count of them */
    struct balloon_device *balloon; /* one of them, or NULL */
    struct vcpu *vcpus;
    struct vcpu_exits exits;
    struct limits limits;
    struct watch control; /* a socket of the description's that brings other limits */
    struct watch stop;    /* an eventfd: some vCPU set `end` */
    _Atomic(enum machine_end) end;
};

int machine_build(struct machine *m, const struct machine_spec *spec, struct error **err) NODISCARD;
int machine_run(struct machine *m, enum machine_end *ret_end, struct error **err) NODISCARD;
