// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/acpi.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "vmm/x86/aml.h"
#include "vmm/x86/layout.h"

/* §5.2.6: what every table begins with. */
struct __attribute__((packed)) header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
};

/* §5.2.3.2 generic address structure. */
struct __attribute__((packed)) address {
    uint8_t space, bit_width, bit_offset, access_size;
    uint64_t address;
};

/* §5.2.9: the fixed description; the many fields that hardware-reduced ignores are zero. */
struct __attribute__((packed)) fadt {
    struct header header;
    uint8_t unused1[4 + 4 + 65]; /* FIRMWARE_CTRL … CENTURY, offsets 36 to 108 */
    uint16_t boot_architecture;
    uint8_t reserved;
    uint32_t flags;
    struct address reset;
    uint8_t reset_value;
    uint8_t unused2[2];
    uint8_t minor_version;
    uint64_t x_firmware_control, x_dsdt;
    struct address unused3[8];
    struct address sleep_control, sleep_status;
    uint64_t hypervisor;
};
static_assert(offsetof(struct fadt, boot_architecture) == 109, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, reset) == 116, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct fadt, sleep_control) == 244, "ACPI 6.5 table 5.9");
static_assert(sizeof(struct fadt) == 276, "ACPI 6.5 table 5.9");

enum {
    FADT_REVISION = 6,
    FADT_MINOR = 5,
    FADT_NO_POWER_BUTTON = 1 << 4, /* no fixed-feature one, table 5.10 */
    FADT_NO_SLEEP_BUTTON = 1 << 5,
    FADT_RESET_SUPPORTED = 1 << 10,
    FADT_HARDWARE_REDUCED = 1 << 20,
    BOOT_NO_VGA = 1 << 2, /* table 5.11; the 8042 and legacy bits are clear */
    BOOT_NO_MSI = 1 << 3,
    BOOT_NO_CMOS_RTC = 1 << 5,
    SPACE_IO = 1,
    ACCESS_BYTE = 1,
    MADT_REVISION = 5,
    DSDT_REVISION = 2, /* integers of 64 bits */
};

struct __attribute__((packed)) madt_lapic { /* §5.2.12.2 */
    uint8_t type, length, uid, apic_id;
    uint32_t flags; /* 1: enabled */
};

struct __attribute__((packed)) madt_ioapic { /* §5.2.12.3 */
    uint8_t type, length, id, reserved;
    uint32_t address, gsi_base;
};

struct __attribute__((packed)) rsdp { /* §5.2.5.3 */
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
};

static uint8_t checksum(const void *bytes, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    }
    return (uint8_t)-sum;
}

static struct header header_of(const char *signature, uint8_t revision)
{
    struct header h = {.revision = revision, .oem_revision = 1, .creator_revision = 1};
    memcpy(h.signature, signature, sizeof(h.signature));
    memcpy(h.oem_id, "CLOISN", sizeof(h.oem_id));
    memcpy(h.oem_table_id, "CLOISON ", sizeof(h.oem_table_id));
    memcpy(h.creator_id, "CLSN", sizeof(h.creator_id));
    return h;
}

/* Appends a whole table behind the others, with its length and checksum; gives its address. */
static uint64_t add_table(struct strbuf *out, uint64_t address, const void *table, size_t len)
{
    while (out->len % 16 != 0) {
        strbuf_addc(out, 0);
    }
    uint64_t at = address + out->len;
    strbuf_add(out, table, len);
    struct header *h = (struct header *)(void *)(out->data + out->len - len);
    h->length = (uint32_t)len;
    h->checksum = 0;
    h->checksum = checksum(h, len);
    return at;
}

uint32_t acpi_virtio_gsi(unsigned index)
{
    return GSI_VIRTIO_FIRST + index % (GSI_COUNT - GSI_VIRTIO_FIRST);
}

static void add_virtio(struct strbuf *aml, unsigned index)
{
    CLEANUP(strbuf) struct strbuf body = {0}, resources = {0};
    char name[5];
    aml_name_string(&body, "_HID", "LNRO0005");
    aml_name_integer(&body, "_UID", index);
    aml_name_integer(&body, "_CCA", 1); /* coherent */
    aml_memory(&resources, (uint32_t)(LAYOUT_VIRTIO + index * LAYOUT_VIRTIO_STRIDE),
               (uint32_t)LAYOUT_VIRTIO_STRIDE);
    aml_interrupt(&resources, acpi_virtio_gsi(index));
    aml_name_resources(&body, "_CRS", &resources);
    (void)snprintf(name, sizeof(name), "V%03u", index % 1000);
    aml_device(aml, name, &body);
}

static uint64_t add_dsdt(struct strbuf *out, const struct acpi_machine *machine)
{
    CLEANUP(strbuf) struct strbuf table = {0}, devices = {0};
    struct header h = header_of("DSDT", DSDT_REVISION);
    strbuf_add(&table, &h, sizeof(h));
    for (unsigned i = 0; i < machine->virtio_count; i++) {
        add_virtio(&devices, i);
    }
    aml_scope(&table, "_SB_", &devices);
    aml_sleep_state(&table, "_S5_", SLEEP_TYPE_S5);
    return add_table(out, machine->address, table.data, table.len);
}

static uint64_t add_fadt(struct strbuf *out, const struct acpi_machine *machine, uint64_t dsdt)
{
    const struct address port = {.space = SPACE_IO, .bit_width = 8, .access_size = ACCESS_BYTE};
    struct fadt f = {
        .header = header_of("FACP", FADT_REVISION),
        .boot_architecture = BOOT_NO_VGA | BOOT_NO_MSI | BOOT_NO_CMOS_RTC,
        .flags = FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_RESET_SUPPORTED |
                 FADT_HARDWARE_REDUCED,
        .reset = port,
        .reset_value = RESET_VALUE,
        .minor_version = FADT_MINOR,
        .x_dsdt = dsdt,
        .sleep_control = port,
        .sleep_status = port,
    };
    f.reset.address = PORT_RESET;
    f.sleep_control.address = PORT_SLEEP_CONTROL;
    f.sleep_status.address = PORT_SLEEP_STATUS;
    return add_table(out, machine->address, &f, sizeof(f));
}

static uint64_t add_madt(struct strbuf *out, const struct acpi_machine *machine)
{
    CLEANUP(strbuf) struct strbuf table = {0};
    struct header h = header_of("APIC", MADT_REVISION);
    const uint32_t lapic[2] = {(uint32_t)LAYOUT_LAPIC, 0}; /* flags 0: no 8259 */
    strbuf_add(&table, &h, sizeof(h));
    strbuf_add(&table, lapic, sizeof(lapic));
    for (unsigned i = 0; i < machine->cpus; i++) {
        struct madt_lapic cpu = {
            .length = sizeof(cpu), .uid = (uint8_t)i, .apic_id = (uint8_t)i, .flags = 1};
        strbuf_add(&table, &cpu, sizeof(cpu));
    }
    struct madt_ioapic io = {.type = 1, .length = sizeof(io), .address = (uint32_t)LAYOUT_IOAPIC};
    strbuf_add(&table, &io, sizeof(io));
    return add_table(out, machine->address, table.data, table.len);
}

static void add_rsdp(struct strbuf *out)
{
    struct rsdp r = {.revision = 2, .length = sizeof(r)};
    strbuf_add(out, &r, sizeof(r)); /* filled in when the others stand */
}

static void fill_rsdp(struct strbuf *out, uint64_t xsdt)
{
    struct rsdp *r = (struct rsdp *)(void *)out->data;
    memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
    memcpy(r->oem_id, "CLOISN", sizeof(r->oem_id));
    r->xsdt = xsdt;
    r->checksum = checksum(r, 20); /* the first version's part */
    r->extended_checksum = checksum(r, sizeof(*r));
}

int acpi_build(const struct acpi_machine *machine, uint8_t *to, size_t len, struct error **err)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    struct __attribute__((packed)) {
        struct header header;
        uint64_t tables[2];
    } xsdt = {.header = header_of("XSDT", 1)};
    add_rsdp(&out);
    uint64_t dsdt = add_dsdt(&out, machine);
    xsdt.tables[0] = add_fadt(&out, machine, dsdt);
    xsdt.tables[1] = add_madt(&out, machine);
    fill_rsdp(&out, add_table(&out, machine->address, &xsdt, sizeof(xsdt)));
    if (out.len > len) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG,
                         "the ACPI tables of %u devices are too long", machine->virtio_count);
    }
    memcpy(to, out.data, out.len);
    return 0;
}
