// SPDX-License-Identifier: Apache-2.0
/* Booting an ELF Linux kernel by the 64-bit boot protocol: what the guest's memory holds and what
 * the first vCPU's registers are before the first instruction.
 *
 * boot_load() puts kernel, initramfs, command line, memory map, tables into guest memory;
 * boot_set_registers() points the first vCPU at them. Spec: Linux Documentation/arch/x86/boot.rst
 * ("64-bit Boot Protocol"), zero-page.rst. */
#pragma once

#include "vmm/memory.h"

struct boot_settings {
    int kernel_fd;    /* an ELF vmlinux, borrowed */
    int initramfs_fd; /* borrowed; -1: none */
    const char *command_line;
    unsigned cpus, virtio_count;
};

int boot_load(const struct boot_settings *s, struct guest_memory *m, uint64_t *ret_entry,
              struct error **err) NODISCARD;
int boot_set_registers(int vcpu_fd, uint64_t entry, struct error **err) NODISCARD;
