// SPDX-License-Identifier: Apache-2.0
/* The guest-physical map and the fixed numbers of the x86-64 machine, each once, with the section
 * of the specification it comes from.
 *
 *   0x0000_0500  GDT                       0x000e_0000  ACPI tables (reserved in the e820 map)
 *   0x0000_7000  boot_params               0x0010_0000  memory, the kernel at 16 MiB,
 *   0x0000_9000  page tables (3 pages)                  the initramfs at the end of low memory
 *   0x0002_0000  command line              0xc000_0000  the hole: devices, APICs
 *   0x0009_fc00  end of low RAM            0x1_0000_0000  memory beyond 3 GiB */
#pragma once

#include <stdint.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

/* --- memory ---------------------------------------------------------------------------------- */

#define LAYOUT_GDT UINT64_C(0x500)
#define LAYOUT_BOOT_PARAMS UINT64_C(0x7000) /* Linux x86/zero-page.rst: one page */
#define LAYOUT_PAGE_TABLES UINT64_C(0x9000) /* PML4, PDPT, PD */
#define LAYOUT_COMMAND_LINE UINT64_C(0x20000)
#define LAYOUT_LOW_RAM_END UINT64_C(0x9fc00) /* where a PC's extended BIOS data begins */
#define LAYOUT_ACPI UINT64_C(0xe0000)        /* ACPI 6.5 §5.2.5.1: the BIOS read-only area */
#define LAYOUT_ACPI_BYTES UINT64_C(0x20000)
#define LAYOUT_HIGH_RAM UINT64_C(0x100000)
#define LAYOUT_HOLE UINT64_C(0xc0000000) /* no RAM from here to 4 GiB */
#define LAYOUT_HOLE_END (4 * GIB)

#define COMMAND_LINE_MAX 2048 /* Linux arch/x86/include/asm/setup.h, COMMAND_LINE_SIZE */

/* --- devices ---------------------------------------------------------------------------------- */

#define LAYOUT_VIRTIO UINT64_C(0xd0000000)
#define LAYOUT_VIRTIO_STRIDE UINT64_C(0x1000)
#define LAYOUT_IOAPIC UINT64_C(0xfec00000) /* Intel 82093AA §3.0 */
#define LAYOUT_LAPIC UINT64_C(0xfee00000)  /* Intel SDM 3A §11.4.1 */
#define LAYOUT_IDENTITY_MAP 0xfffbc000     /* KVM_SET_IDENTITY_MAP_ADDR: one page */
#define LAYOUT_TSS 0xfffbd000              /* KVM_SET_TSS_ADDR: three pages */

/* The I/O APIC has 24 pins; those below are left to what a PC has there. Devices beyond 19 share.
 */
#define GSI_VIRTIO_FIRST 5
#define GSI_COUNT 24

/* --- ports ------------------------------------------------------------------------------------ */

#define PORT_SERIAL 0x3f8 /* the first UART of a PC, 8 registers */
#define PORT_CMOS_INDEX 0x70
#define PORT_CMOS_DATA 0x71
/* ACPI 6.5 §4.8.3.7 sleep control and status, §4.8.3.6 reset: hardware-reduced, at ports of ours.
 */
#define PORT_SLEEP_CONTROL 0x600
#define PORT_SLEEP_STATUS 0x601
#define PORT_RESET 0x602
#define RESET_VALUE 0x01
#define SLEEP_ENABLE 0x20  /* SLP_EN, bit 5 */
#define SLEEP_TYPE_SHIFT 2 /* SLP_TYP, bits 2 to 4 */
#define SLEEP_TYPE_S5 5    /* what \_S5 of our DSDT says */

/* --- processor (Intel SDM 3A) ------------------------------------------------------------------
 */

#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_ET 0x10u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define PAGE_PRESENT 0x1u
#define PAGE_WRITE 0x2u
#define PAGE_LARGE 0x80u
#define MSR_MTRR_DEFAULT_TYPE 0x2ff /* §12.11.2.1: enabled, write-back */
#define MTRR_ENABLED_WRITE_BACK 0x806u
