// SPDX-License-Identifier: Apache-2.0
/* Any file as an ELF kernel. */
#include "vmm/elf.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    enum { MEMORY = 4 << 20, LOWEST = 1 << 20 };
    static int file = -1;
    static const struct guest_memory_settings settings = {.bytes = MEMORY, .hole = MEMORY};
    struct guest_memory m;
    struct elf_kernel k;
    if (file < 0) {
        file = memfd_create("kernel", MFD_CLOEXEC);
    }
    if (ftruncate(file, 0) < 0 || pwrite(file, input, size, 0) != (ssize_t)size ||
        guest_memory_create(&m, &settings, NULL) < 0) {
        return 0;
    }
    (void)!elf_load(file, EM_X86_64, LOWEST, MEMORY, &m, &k, NULL); /* either is fine */
    guest_memory_done(&m);
    return 0;
}
