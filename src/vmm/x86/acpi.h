// SPDX-License-Identifier: Apache-2.0
/* The ACPI tables of the machine: hardware-reduced, with the processors, the I/O APIC and the
 * virtio-mmio devices that a stock kernel finds by LNRO0005. Pure.
 *
 * Spec: ACPI 6.5 §5.2 (RSDP, XSDT, FADT, MADT, DSDT), §6.4 (resources), §20.2 (AML). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct acpi_machine {
    unsigned cpus;
    unsigned virtio_count; /* at LAYOUT_VIRTIO, one a page, interrupts by acpi_virtio_gsi() */
    uint64_t address;      /* where the tables will stand, a multiple of 16 */
};

/* The interrupt line of a device: beyond the I/O APIC's pins they share. */
uint32_t acpi_virtio_gsi(unsigned index);

/* Writes the tables, the RSDP first, into `to`; -E2BIG when they are more than `len` bytes. */
int acpi_build(const struct acpi_machine *machine, uint8_t *to, size_t len,
               struct error **err) NODISCARD;
