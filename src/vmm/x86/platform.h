// SPDX-License-Identifier: Apache-2.0
/* What an x86-64 machine needs of KVM beyond memory and vCPUs: the doors for another architecture.
 *
 * platform_prepare() before the first vCPU is made; platform_prepare_vcpu() for each. An arm64
 * machine would have these functions, boot.h's and an exit handler of its own.
 * Spec: KVM api.rst; Intel SDM 3A §11 (APIC). */
#pragma once

#include "vmm/kvm.h"

/* In-kernel interrupt controllers (no PIT: time is kvmclock and the APIC's TSC deadline). */
int platform_prepare(struct kvm *k, struct error **err) NODISCARD;
/* CPUID, MSRs. */
int platform_prepare_vcpu(const struct kvm *k, int vcpu_fd, unsigned index, unsigned count,
                          struct error **err) NODISCARD;
/* What the kernel's command line gets in addition: how to reset, and the clock's rate, so that it
 * calibrates nothing. The caller frees it; never NULL. */
char *platform_command_line(int vcpu_fd);
