// SPDX-License-Identifier: Apache-2.0
#include "vmm/vcpu.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/log.h"

enum { STACK_BYTES = 64 * 1024 }; /* a few frames and no recursion */

int vcpu_open(struct vcpu *v, const struct kvm *k, unsigned index, const struct vcpu_exits *exits,
              struct error **err)
{
    *v = (struct vcpu){.index = index, .run_bytes = (size_t)k->run_bytes, .exits = exits};
    v->fd = ioctl(k->machine, KVM_CREATE_VCPU, (unsigned long)index);
    if (v->fd < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "KVM_CREATE_VCPU %u", index);
    }
    v->run = mmap(NULL, v->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED) {
        return error_set_errno(err, ERROR_KERNEL, errno, "mapping vCPU %u", index);
    }
    return 0;
}

static enum machine_end port_exit(struct vcpu *v)
{
    const struct kvm_run *run = v->run;
    uint8_t *data = (uint8_t *)v->run + run->io.data_offset;
    enum machine_end end = MACHINE_RUNS;
    v->counts.port++;
    for (uint32_t i = 0; i < run->io.count && end == MACHINE_RUNS; i++) {
        end = v->exits->port(v->exits->context, run->io.port, data + (size_t)i * run->io.size,
                             run->io.size, run->io.direction == KVM_EXIT_IO_OUT);
    }
    return end;
}

static enum machine_end handle_exit(struct vcpu *v)
{
    struct kvm_run *run = v->run;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        return port_exit(v);
    case KVM_EXIT_MMIO:
        v->counts.memory++;
        v->exits->memory(v->exits->context, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
                         run->mmio.is_write != 0);
        return MACHINE_RUNS;
    case KVM_EXIT_SHUTDOWN:
        return MACHINE_CRASHED;
    case KVM_EXIT_INTR:
        v->counts.other++;
        return MACHINE_RUNS;
    case KVM_EXIT_INTERNAL_ERROR:
        vmm_log("vCPU %u: KVM cannot go on (internal error %u)", v->index, run->internal.suberror);
        return MACHINE_FAILED;
    case KVM_EXIT_FAIL_ENTRY:
        vmm_log("vCPU %u: the processor refused to enter the guest (%#llx)", v->index,
                (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        return MACHINE_FAILED;
    default:
        vmm_log("vCPU %u: exit %u is not known", v->index, run->exit_reason);
        return MACHINE_FAILED;
    }
}

static void *run_vcpu(void *argument)
{
    struct vcpu *v = argument;
    enum machine_end end = v->exits->lock_in(v->exits->context) < 0 ? MACHINE_FAILED : MACHINE_RUNS;
    while (end == MACHINE_RUNS) {
        if (ioctl(v->fd, KVM_RUN, NULL) >= 0) {
            end = handle_exit(v);
        } else if (errno != EINTR && errno != EAGAIN) {
            vmm_log("vCPU %u: KVM_RUN: errno %d", v->index, errno);
            end = MACHINE_FAILED;
        }
    }
    v->exits->end(v->exits->context, end);
    for (;;) { /* the process ends, not the thread: its teardown would want more system calls */
        (void)pause();
    }
    return NULL;
}

int vcpu_start(struct vcpu *v, struct error **err)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes); /* cannot fail on Linux */
    int r = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    r = r == 0 ? pthread_create(&v->thread, &attributes, run_vcpu, v) : r;
    (void)pthread_attr_destroy(&attributes);
    return r != 0 ? error_set_errno(err, ERROR_KERNEL, r, "the thread of vCPU %u", v->index) : 0;
}
