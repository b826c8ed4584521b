// SPDX-License-Identifier: Apache-2.0
/* kvm-probe: is /dev/kvm true? Makes a virtual machine, runs four real-mode instructions in it (add
 * two registers, write the sum to a port, halt) and checks what came out. Exit status 0 if so, 1
 * with a line if not.
 *
 * Specification: Linux Documentation/virt/kvm/api.rst (KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION,
 * KVM_RUN).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define GUEST_ADDRESS 0x1000
#define GUEST_BYTES 0x1000
#define PORT 0x3f8

static void fail(const char *what)
{
    fprintf(stderr, "kvm-probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* An ioctl that must succeed; gives its result. */
static int must(int fd, unsigned long request, void *argument, const char *name)
{
    int result = ioctl(fd, request, argument);

    if (result < 0) {
        fail(name);
    }
    return result;
}

static void load_guest(int vm)
{
    static const uint8_t code[] = {
        0xba, 0xf8, 0x03, /* mov dx, PORT */
        0x00, 0xd8,       /* add al, bl */
        0xee,             /* out dx, al */
        0xf4,             /* hlt */
    };
    void *memory =
        mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        fail("mmap");
    }
    memcpy(memory, code, sizeof(code));
    must(vm, KVM_SET_USER_MEMORY_REGION,
         &(struct kvm_userspace_memory_region){.guest_phys_addr = GUEST_ADDRESS,
                                               .memory_size = GUEST_BYTES,
                                               .userspace_addr = (uintptr_t)memory},
         "KVM_SET_USER_MEMORY_REGION");
}

static void set_registers(int vcpu)
{
    struct kvm_sregs system;
    struct kvm_regs general = {.rip = GUEST_ADDRESS, .rax = 40, .rbx = 2, .rflags = 2};

    must(vcpu, KVM_GET_SREGS, &system, "KVM_GET_SREGS");
    system.cs.base = 0;
    system.cs.selector = 0;
    must(vcpu, KVM_SET_SREGS, &system, "KVM_SET_SREGS");
    must(vcpu, KVM_SET_REGS, &general, "KVM_SET_REGS");
}

/* Runs until the guest halts; gives the byte that it wrote to PORT, -1 if none. */
static int run_guest(int vcpu, const struct kvm_run *run)
{
    int written = -1;

    for (;;) {
        must(vcpu, KVM_RUN, NULL, "KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_IO:
            if (run->io.port == PORT && run->io.direction == KVM_EXIT_IO_OUT) {
                written = *((const uint8_t *)run + run->io.data_offset);
            }
            break;
        case KVM_EXIT_HLT:
            return written;
        default:
            fprintf(stderr, "kvm-probe: unexpected exit %u\n", run->exit_reason);
            exit(1);
        }
    }
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm, vcpu, size, written;
    struct kvm_run *run;

    if (kvm < 0) {
        fail("/dev/kvm");
    }
    vm = must(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
    load_guest(vm);
    vcpu = must(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
    size = must(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
    run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) {
        fail("mmap of the vCPU");
    }
    set_registers(vcpu);
    written = run_guest(vcpu, run);
    if (written != 42) {
        fprintf(stderr, "kvm-probe: the guest wrote %d, not 42\n", written);
        return 1;
    }
    puts("kvm-probe: the guest computed 42 and halted");
    return 0;
}
