// SPDX-License-Identifier: Apache-2.0
/* A virtual machine of KVM: its descriptors and the few calls that every architecture has.
 *
 * Owns the descriptors of the machine and its vCPUs, not /dev/kvm's. Only while the machine is
 * built, but for vcpu_run(). Spec: Linux Documentation/virt/kvm/api.rst. */
#pragma once

#include <linux/kvm.h>
#include <stdint.h>

#include "vmm/memory.h"

struct kvm {
    int device;     /* /dev/kvm, borrowed */
    int machine;    /* the VM's */
    int run_bytes;  /* of the shared page of each vCPU */
    unsigned slots; /* memory slots in use */
};

/* Checks that KVM has what we need and makes an empty machine. ERROR_UNSUPPORTED names what it
 * lacks. */
int kvm_open(struct kvm *k, int device, struct error **err) NODISCARD;
void kvm_close(struct kvm *k);

/* ioctl(2) as an error of ours: `what` is the request's name. Returns its result. */
int kvm_call(int fd, unsigned long request, void *argument, const char *what,
             struct error **err) NODISCARD;

int kvm_add_memory(struct kvm *k, const struct guest_memory *m, struct error **err) NODISCARD;
/* An interrupt line raised by an eventfd; a doorbell at an address that signals one when `value`
 * is written there with four bytes. */
int kvm_add_irqfd(struct kvm *k, int fd, uint32_t gsi, struct error **err) NODISCARD;
int kvm_add_ioeventfd(struct kvm *k, int fd, uint64_t address, uint32_t value,
                      struct error **err) NODISCARD;
