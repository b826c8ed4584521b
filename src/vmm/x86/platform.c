// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/platform.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"

int platform_prepare(struct kvm *k, struct error **err)
{
    uint64_t identity = LAYOUT_IDENTITY_MAP;
    /* Intel's without unrestricted guest keep a task segment and a page table in guest memory. */
    int r = kvm_call(k->machine, KVM_SET_IDENTITY_MAP_ADDR, &identity, "KVM_SET_IDENTITY_MAP_ADDR",
                     err);
    if (r >= 0) {
        r = ioctl(k->machine, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS);
        r = r < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "KVM_SET_TSS_ADDR") : 0;
    }
    return r < 0 ? r : kvm_call(k->machine, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP", err);
}

static int set_msrs(int vcpu_fd, struct error **err)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entries[1];
    } msrs = {.head = {.nmsrs = 1}};
    msrs.entries[0].index = MSR_MTRR_DEFAULT_TYPE;
    msrs.entries[0].data = MTRR_ENABLED_WRITE_BACK;
    return kvm_call(vcpu_fd, KVM_SET_MSRS, &msrs, "KVM_SET_MSRS", err);
}

int platform_prepare_vcpu(const struct kvm *k, int vcpu_fd, unsigned index, unsigned count,
                          struct error **err)
{
    int r = cpuid_set(k, vcpu_fd, index, count, err);
    return r < 0 ? r : set_msrs(vcpu_fd, err);
}

char *platform_command_line(int vcpu_fd)
{
    /* A kernel on hardware-reduced ACPI resets by EFI, and where there is none by a jump to a BIOS,
     * which there is not either: it must be told to use what the FADT says. */
    int khz = ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0);
    return khz > 0 ? str_format(" reboot=acpi tsc_early_khz=%d", khz) : xstrdup(" reboot=acpi");
}
