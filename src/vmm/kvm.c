// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "base/file.h"

static const struct {
    int number;
    const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
};

int kvm_call(int fd, unsigned long request, void *argument, const char *what, struct error **err)
{
    int r = ioctl(fd, request, argument);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "%s", what) : r;
}

int kvm_open(struct kvm *k, int device, struct error **err)
{
    *k = (struct kvm){.device = device, .machine = -1};
    int version = kvm_call(device, KVM_GET_API_VERSION, NULL, "KVM_GET_API_VERSION", err);
    if (version < 0) {
        return version;
    }
    if (version != KVM_API_VERSION) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "KVM has API version %d, not %d", version,
                         KVM_API_VERSION);
    }
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (ioctl(device, KVM_CHECK_EXTENSION, needed[i].number) <= 0) {
            return error_set(err, ERROR_UNSUPPORTED, 0, "this KVM lacks %s", needed[i].name);
        }
    }
    k->run_bytes = kvm_call(device, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE", err);
    if (k->run_bytes < 0) {
        return k->run_bytes;
    }
    k->machine = kvm_call(device, KVM_CREATE_VM, NULL, "KVM_CREATE_VM", err);
    return k->machine < 0 ? k->machine : 0;
}

void kvm_close(struct kvm *k)
{
    k->machine = fd_close(k->machine);
}

int kvm_add_memory(struct kvm *k, const struct guest_memory *m, struct error **err)
{
    for (unsigned i = 0; i < m->region_count; i++) {
        struct kvm_userspace_memory_region region = {
            .slot = k->slots++,
            .guest_phys_addr = m->regions[i].address,
            .memory_size = m->regions[i].bytes,
            .userspace_addr = (uintptr_t)m->regions[i].host,
        };
        int r = kvm_call(k->machine, KVM_SET_USER_MEMORY_REGION, &region,
                         "KVM_SET_USER_MEMORY_REGION", err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int kvm_add_irqfd(struct kvm *k, int fd, uint32_t gsi, struct error **err)
{
    struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi};
    return kvm_call(k->machine, KVM_IRQFD, &irqfd, "KVM_IRQFD", err);
}

int kvm_add_ioeventfd(struct kvm *k, int fd, uint64_t address, uint32_t value, struct error **err)
{
    struct kvm_ioeventfd event = {
        .datamatch = value,
        .addr = address,
        .len = sizeof(uint32_t),
        .fd = fd,
        .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
    };
    return kvm_call(k->machine, KVM_IOEVENTFD, &event, "KVM_IOEVENTFD", err);
}
