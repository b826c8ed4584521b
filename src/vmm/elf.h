// SPDX-License-Identifier: Apache-2.0
/* Loading an ELF kernel (vmlinux) to where its program headers say. The file is not trusted: each
 * field is checked before it is used. Side effects: guest memory. Spec: System V ABI, ELF-64. */
#pragma once

#include "vmm/memory.h"

struct elf_kernel {
    uint64_t entry;      /* physical */
    uint64_t start, end; /* what its segments cover, physical */
};

/* Segments must lie in [lowest, highest). `machine` is EM_X86_64 and the like. */
int elf_load(int fd, uint16_t machine, uint64_t lowest, uint64_t highest, struct guest_memory *m,
             struct elf_kernel *ret, struct error **err) NODISCARD;
