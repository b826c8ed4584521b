// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/probe.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "vmm/kvm.h"

#define EMULATES "this KVM emulates its guests' kernels"
enum { CODE = 0x1000, PAGE_BYTES = 0x1000, PORT = 0x3f8 };

/* Real mode, 16 bits: popcnt ax, ax, which no emulator of KVM's knows; mov ecx, PROBE_ITERATIONS;
 * again: dec ecx; jnz again; mov dx, PORT; out dx, al. */
static const uint8_t code[] = {
    0xf3,
    0x0f,
    0xb8,
    0xc0,
    0x66,
    0xb9,
    PROBE_ITERATIONS & 0xff,
    PROBE_ITERATIONS >> 8 & 0xff,
    PROBE_ITERATIONS >> 16,
    0,
    0x66,
    0x49,
    0x75,
    0xfc,
    0xba,
    PORT & 0xff,
    PORT >> 8,
    0xee,
};

static volatile sig_atomic_t is_over;

static void over(int signal)
{
    (void)signal;
    is_over = 1;
}

/* KVM_RUN comes back at a signal that has a handler. Again and again, should one come just before
 * the call. */
static void limit_time(void)
{
    const struct sigaction a = {.sa_handler = over};
    const struct itimerval cpu = {{0, 10000}, {0, PROBE_CPU_MS * 1000L}};
    const struct itimerval wall = {{0, 10000}, {PROBE_WALL_MS / 1000, 0}};
    (void)sigaction(SIGPROF, &a, NULL); /* a valid signal: cannot fail */
    (void)sigaction(SIGALRM, &a, NULL);
    (void)setitimer(ITIMER_PROF, &cpu, NULL);
    (void)setitimer(ITIMER_REAL, &wall, NULL);
}

static int set_up(struct kvm *k, void *memory, int *ret_vcpu, struct error **err)
{
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = CODE, .memory_size = PAGE_BYTES, .userspace_addr = (uintptr_t)memory};
    struct kvm_regs general = {.rip = CODE, .rflags = 2};
    struct kvm_sregs system;
    memcpy(memory, code, sizeof(code));
    int r = kvm_call(k->machine, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION",
                     err);
    r = r < 0 ? r
              : (*ret_vcpu = kvm_call(k->machine, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU", err));
    r = r < 0 ? r : kvm_call(*ret_vcpu, KVM_GET_SREGS, &system, "KVM_GET_SREGS", err);
    system.cs.base = system.cs.selector = 0;
    r = r < 0 ? r : kvm_call(*ret_vcpu, KVM_SET_SREGS, &system, "KVM_SET_SREGS", err);
    return r < 0 ? r : kvm_call(*ret_vcpu, KVM_SET_REGS, &general, "KVM_SET_REGS", err);
}

static int judge(const struct kvm_run *state, struct error **err)
{
    if (state->exit_reason == KVM_EXIT_IO && state->io.port == PORT) {
        return 0;
    }
    if (state->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
        state->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
        return error_set(err, ERROR_UNSUPPORTED, 0, EMULATES ", and not all that they need");
    }
    return error_set(err, ERROR_UNSUPPORTED, 0, "this KVM fails (exit %u)", state->exit_reason);
}

static int run(int vcpu, const struct kvm_run *state, struct error **err)
{
    limit_time();
    while (!is_over) {
        if (ioctl(vcpu, KVM_RUN, NULL) >= 0) {
            return judge(state, err);
        }
        if (errno != EINTR && errno != EAGAIN) {
            return error_set_errno(err, ERROR_UNSUPPORTED, errno, "this KVM fails");
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, ETIMEDOUT, EMULATES ": too slow to start one");
}

int kvm_probe(int kvm_fd, struct error **err)
{
    struct kvm k;
    int vcpu = -1;
    int r = kvm_open(&k, kvm_fd, err);
    if (r < 0) {
        return r;
    }
    void *memory =
        mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    r = memory == MAP_FAILED ? error_set_errno(err, ERROR_KERNEL, errno, "a page")
                             : set_up(&k, memory, &vcpu, err);
    void *state =
        r < 0 ? NULL : mmap(NULL, (size_t)k.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (r >= 0) {
        r = state == MAP_FAILED ? error_set_errno(err, ERROR_KERNEL, errno, "mapping a vCPU")
                                : run(vcpu, state, err);
    }
    kvm_close(&k);
    return r; /* the process ends: nothing else is taken down */
}
