// SPDX-License-Identifier: Apache-2.0
/* What the guest's CPUID says: the host's features as KVM can give them, less what a guest has no
 * use for or could see the host by; the topology is one socket of as many cores as vCPUs.
 *
 * Taken away: nested virtualization, performance counters, MONITOR/MWAIT, thermal and power
 * management, transactional memory. Added: the TSC deadline timer and x2APIC, which KVM's local
 * APIC has. cpuid_filter() is pure. Spec: Intel SDM 2A CPUID; AMD APM 3 appendix E;
 * Linux Documentation/virt/kvm/x86/cpuid.rst. */
#pragma once

#include <linux/kvm.h>

#include "vmm/kvm.h"

struct cpuid_settings {
    unsigned index, count; /* which vCPU of how many */
    bool tsc_deadline;
};

void cpuid_filter(struct kvm_cpuid_entry2 *entries, unsigned entry_count,
                  const struct cpuid_settings *settings);

/* Asks KVM what it supports, filters, sets it on a vCPU. */
int cpuid_set(const struct kvm *k, int vcpu_fd, unsigned index, unsigned count,
              struct error **err) NODISCARD;
