// SPDX-License-Identifier: Apache-2.0
#include "vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 64 }; /* a kernel has five */

static int bad(struct error **err, const char *why)
{
    return error_set(err, ERROR_INVALID_INPUT, ENOEXEC, "the kernel is no ELF kernel: %s", why);
}

static int read_header(int fd, uint16_t machine, Elf64_Ehdr *ret, struct error **err)
{
    ssize_t n = pread(fd, ret, sizeof(*ret), 0);
    if (n < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "reading the kernel");
    }
    if (n != sizeof(*ret) || memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0) {
        return bad(err, "it does not begin with an ELF header");
    }
    if (ret->e_ident[EI_CLASS] != ELFCLASS64 || ret->e_ident[EI_DATA] != ELFDATA2LSB) {
        return bad(err, "it is not little-endian ELF-64");
    }
    if (ret->e_machine != machine || ret->e_type != ET_EXEC) {
        return bad(err, "it is not an executable of this machine");
    }
    if (ret->e_phentsize != sizeof(Elf64_Phdr) || ret->e_phnum == 0 ||
        ret->e_phnum > SEGMENTS_MAX) {
        return bad(err, "its program headers are malformed");
    }
    return 0;
}

static int load_segment(int fd, const Elf64_Phdr *p, uint64_t lowest, uint64_t highest,
                        struct guest_memory *m, struct elf_kernel *k, struct error **err)
{
    if (p->p_paddr < lowest || p->p_memsz > highest || p->p_paddr > highest - p->p_memsz ||
        p->p_filesz > p->p_memsz) {
        return error_set(err, ERROR_INVALID_INPUT, EFBIG,
                         "the kernel wants %llu bytes at %#llx, outside of the machine's memory",
                         (unsigned long long)p->p_memsz, (unsigned long long)p->p_paddr);
    }
    /* What is beyond the file's part is zero: fresh memory is. */
    int r =
        p->p_filesz > 0 ? guest_memory_load(m, p->p_paddr, fd, p->p_offset, p->p_filesz, err) : 0;
    k->start = p->p_paddr < k->start ? p->p_paddr : k->start;
    k->end = p->p_paddr + p->p_memsz > k->end ? p->p_paddr + p->p_memsz : k->end;
    return r;
}

int elf_load(int fd, uint16_t machine, uint64_t lowest, uint64_t highest, struct guest_memory *m,
             struct elf_kernel *ret, struct error **err)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[SEGMENTS_MAX];
    int r = read_header(fd, machine, &header, err);
    if (r < 0) {
        return r;
    }
    size_t len = header.e_phnum * sizeof(segments[0]);
    if (pread(fd, segments, len, (off_t)header.e_phoff) != (ssize_t)len) {
        return bad(err, "it is truncated");
    }
    *ret = (struct elf_kernel){.entry = header.e_entry, .start = UINT64_MAX};
    for (size_t i = 0; i < header.e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD && segments[i].p_memsz > 0) {
            r = load_segment(fd, &segments[i], lowest, highest, m, ret, err);
            if (r < 0) {
                return error_wrap(err, r, "loading the kernel");
            }
        }
    }
    if (ret->entry < ret->start || ret->entry >= ret->end) {
        return bad(err, "its entry is outside of what it loads");
    }
    return 0;
}
