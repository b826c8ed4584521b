// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/boot.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/elf.h"
#include "vmm/kvm.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/layout.h"

enum {
    E820_RAM = 1,
    E820_RESERVED = 2,
    BOOT_FLAG = 0xaa55,
    BOOT_MAGIC = 0x53726448, /* "HdrS" */
    BOOT_VERSION = 0x20f,
    LOADER_UNDEFINED = 0xff,
    SELECTOR_CODE = 0x10, /* the protocol's __BOOT_CS and __BOOT_DS */
    SELECTOR_DATA = 0x18,
    PAGE_TABLE_BYTES = 4096,
    PAGE_TABLE_ENTRIES = 512,
};

static void add_e820(struct boot_params *p, uint64_t start, uint64_t end, uint32_t type)
{
    if (start < end) {
        p->e820_table[p->e820_entries++] =
            (struct boot_e820_entry){.addr = start, .size = end - start, .type = type};
    }
}

static void add_memory_map(struct boot_params *p, const struct guest_memory *m)
{
    add_e820(p, 0, LAYOUT_LOW_RAM_END, E820_RAM);
    add_e820(p, LAYOUT_LOW_RAM_END, LAYOUT_HIGH_RAM, E820_RESERVED);
    for (unsigned i = 0; i < m->region_count; i++) {
        const struct guest_region *r = &m->regions[i];
        add_e820(p, i == 0 ? LAYOUT_HIGH_RAM : r->address, r->address + r->bytes, E820_RAM);
    }
}

/* At the end of low memory, where the kernel leaves it until it is unpacked. */
static int load_initramfs(int fd, uint64_t kernel_end, struct guest_memory *m,
                          struct boot_params *p, struct error **err)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the initramfs");
    }
    uint64_t len = (uint64_t)st.st_size, end = m->regions[0].bytes;
    if (len == 0) {
        return 0;
    }
    uint64_t at = len < end ? (end - len) / GUEST_PAGE * GUEST_PAGE : 0;
    if (at < kernel_end) {
        return error_set(err, ERROR_INVALID_INPUT, ENOMEM,
                         "the machine's memory does not hold its kernel and initramfs (%llu MiB)",
                         (unsigned long long)((kernel_end + len) / MIB + 1));
    }
    p->hdr.ramdisk_image = (uint32_t)at;
    p->hdr.ramdisk_size = (uint32_t)len;
    return error_wrap(err, guest_memory_copy(m, at, fd, len, err), "loading the initramfs");
}

static int load_command_line(const char *line, struct guest_memory *m, struct boot_params *p,
                             struct error **err)
{
    size_t len = strlen(line);
    char *to = guest_memory_at(m, LAYOUT_COMMAND_LINE, COMMAND_LINE_MAX);
    if (len >= COMMAND_LINE_MAX || !to) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG,
                         "the kernel's command line has %zu bytes, %d is the most", len,
                         COMMAND_LINE_MAX - 1);
    }
    memcpy(to, line, len + 1);
    p->hdr.cmd_line_ptr = (uint32_t)LAYOUT_COMMAND_LINE;
    p->hdr.cmdline_size = (uint32_t)len;
    return 0;
}

/* Identity-maps the first GiB with pages of 2 MiB: the kernel makes its own at once. */
static void write_page_tables(const struct guest_memory *m)
{
    uint64_t *tables = guest_memory_at(m, LAYOUT_PAGE_TABLES, 3ull * PAGE_TABLE_BYTES);
    uint64_t *directory = tables + 2 * PAGE_TABLE_ENTRIES;
    tables[0] = (LAYOUT_PAGE_TABLES + PAGE_TABLE_BYTES) | PAGE_PRESENT | PAGE_WRITE;
    tables[PAGE_TABLE_ENTRIES] =
        (LAYOUT_PAGE_TABLES + 2 * PAGE_TABLE_BYTES) | PAGE_PRESENT | PAGE_WRITE;
    for (uint64_t i = 0; i < PAGE_TABLE_ENTRIES; i++) {
        directory[i] = i * 2 * MIB | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
    }
}

static void write_gdt(const struct guest_memory *m)
{
    /* Flat: present, ring 0; long-mode code, and data. Intel SDM 3A §3.4.5. */
    static const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
    memcpy(guest_memory_at(m, LAYOUT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
}

int boot_load(const struct boot_settings *s, struct guest_memory *m, uint64_t *ret_entry,
              struct error **err)
{
    struct elf_kernel kernel;
    if (m->regions[0].bytes < 2 * LAYOUT_HIGH_RAM) {
        return error_set(err, ERROR_INVALID_INPUT, ENOMEM, "no kernel fits into %llu bytes",
                         (unsigned long long)m->regions[0].bytes);
    }
    int r =
        elf_load(s->kernel_fd, EM_X86_64, LAYOUT_HIGH_RAM, m->regions[0].bytes, m, &kernel, err);
    struct boot_params *p = guest_memory_at(m, LAYOUT_BOOT_PARAMS, sizeof(*p));
    if (r >= 0) {
        r = load_command_line(s->command_line, m, p, err);
    }
    if (r >= 0 && s->initramfs_fd >= 0) {
        r = load_initramfs(s->initramfs_fd, kernel.end, m, p, err);
    }
    if (r < 0) {
        return r;
    }
    p->hdr.boot_flag = BOOT_FLAG;
    p->hdr.header = BOOT_MAGIC;
    p->hdr.version = BOOT_VERSION;
    p->hdr.type_of_loader = LOADER_UNDEFINED;
    p->acpi_rsdp_addr = LAYOUT_ACPI;
    add_memory_map(p, m);
    write_page_tables(m);
    write_gdt(m);
    *ret_entry = kernel.entry;
    struct acpi_machine acpi = {
        .cpus = s->cpus, .virtio_count = s->virtio_count, .address = LAYOUT_ACPI};
    return acpi_build(&acpi, guest_memory_at(m, LAYOUT_ACPI, LAYOUT_ACPI_BYTES), LAYOUT_ACPI_BYTES,
                      err);
}

int boot_set_registers(int vcpu_fd, uint64_t entry, struct error **err)
{
    struct kvm_sregs system;
    struct kvm_regs general = {.rip = entry, .rsi = LAYOUT_BOOT_PARAMS, .rflags = 2};
    const struct kvm_segment data = {.limit = UINT32_MAX,
                                     .selector = SELECTOR_DATA,
                                     .type = 3,
                                     .present = 1,
                                     .db = 1,
                                     .s = 1,
                                     .g = 1};
    int r = kvm_call(vcpu_fd, KVM_GET_SREGS, &system, "KVM_GET_SREGS", err);
    if (r < 0) {
        return r;
    }
    system.cs = data;
    system.cs.selector = SELECTOR_CODE;
    system.cs.type = 11;
    system.cs.db = 0;
    system.cs.l = 1;
    system.ds = system.es = system.fs = system.gs = system.ss = data;
    system.gdt.base = LAYOUT_GDT;
    system.gdt.limit = 4 * sizeof(uint64_t) - 1;
    system.cr3 = LAYOUT_PAGE_TABLES;
    system.cr4 = CR4_PAE;
    system.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    system.efer = EFER_LME | EFER_LMA;
    r = kvm_call(vcpu_fd, KVM_SET_SREGS, &system, "KVM_SET_SREGS", err);
    return r < 0 ? r : kvm_call(vcpu_fd, KVM_SET_REGS, &general, "KVM_SET_REGS", err);
}
