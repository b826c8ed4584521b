// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/acpi.h"

#include "base/test.h"
#include "vmm/x86/layout.h"

static uint8_t tables[LAYOUT_ACPI_BYTES];

static uint64_t get(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return value;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;
    while (len-- > 0) {
        s = (uint8_t)(s + *p++);
    }
    return s;
}

static void build(unsigned cpus, unsigned devices)
{
    CLEANUP(error) struct error *err = NULL;
    struct acpi_machine m = {.cpus = cpus, .virtio_count = devices, .address = LAYOUT_ACPI};
    memset(tables, 0, sizeof(tables));
    CHECK_OK(acpi_build(&m, tables, sizeof(tables), &err), err);
}

/* The table that a pointer leads to, checked as a kernel checks it. */
static const uint8_t *table_at(uint64_t address, const char *signature)
{
    CHECK(address >= LAYOUT_ACPI && address < LAYOUT_ACPI + LAYOUT_ACPI_BYTES);
    const uint8_t *t = tables + (address - LAYOUT_ACPI);
    uint64_t len = get(t + 4, 4);
    CHECK(len >= 36 && len <= LAYOUT_ACPI_BYTES);
    CHECK_INT(memcmp(t, signature, 4), 0);
    CHECK_INT(sum(t, len), 0);
    return t;
}

static const uint8_t *xsdt(void)
{
    CHECK_INT(memcmp(tables, "RSD PTR ", 8), 0);
    CHECK_INT(sum(tables, 20), 0);
    CHECK_INT(sum(tables, 36), 0);
    return table_at(get(tables + 24, 8), "XSDT");
}

static void test_acpi_tables_lead_to_each_other(void)
{
    build(2, 3);
    const uint8_t *x = xsdt();
    CHECK_INT(get(x + 4, 4), 36 + 2 * 8);
    const uint8_t *fadt = table_at(get(x + 36, 8), "FACP");
    CHECK_INT(get(fadt + 4, 4), 276);
    CHECK(get(fadt + 112, 4) & 1 << 20); /* hardware-reduced */
    CHECK_INT(get(fadt + 116 + 4, 8), PORT_RESET);
    CHECK_INT(get(fadt + 244 + 4, 8), PORT_SLEEP_CONTROL);
    (void)table_at(get(fadt + 140, 8), "DSDT");
    (void)table_at(get(x + 44, 8), "APIC");
}

static void test_acpi_madt_lists_every_processor(void)
{
    build(5, 0);
    const uint8_t *madt = table_at(get(xsdt() + 44, 8), "APIC");
    CHECK_INT(get(madt + 4, 4), 44 + 5 * 8 + 12);
    for (unsigned i = 0; i < 5; i++) {
        const uint8_t *lapic = madt + 44 + i * 8;
        CHECK_INT(lapic[0], 0);
        CHECK_INT(lapic[3], i);
        CHECK_INT(get(lapic + 4, 4), 1);
    }
    CHECK_INT(madt[44 + 40], 1); /* the I/O APIC */
}

static unsigned count_of(const uint8_t *t, const char *text)
{
    uint64_t len = get(t + 4, 4);
    unsigned count = 0;
    for (uint64_t i = 36; i + strlen(text) <= len; i++) {
        count += memcmp(t + i, text, strlen(text)) == 0;
    }
    return count;
}

static void test_acpi_dsdt_announces_every_device(void)
{
    build(1, 160);
    const uint8_t *fadt = table_at(get(xsdt() + 36, 8), "FACP");
    const uint8_t *dsdt = table_at(get(fadt + 140, 8), "DSDT");
    CHECK_INT(count_of(dsdt, "LNRO0005"), 160);
    CHECK_INT(count_of(dsdt, "V159"), 1);
    CHECK_INT(count_of(dsdt, "_S5_"), 1);
    /* The scope's length covers the devices: AML's four-byte PkgLength. */
    const uint8_t *scope = dsdt + 36;
    CHECK_INT(scope[0], 0x10);
    uint64_t len = (scope[1] & 0xf) | get(scope + 2, 3) << 4;
    CHECK_INT(memcmp(scope + 1 + len, "\x08_S5_", 5), 0);
}

static void test_acpi_interrupt_lines(void)
{
    CHECK_INT(acpi_virtio_gsi(0), 5);
    CHECK_INT(acpi_virtio_gsi(18), 23);
    CHECK_INT(acpi_virtio_gsi(19), 5); /* shared from here on */
}

static void test_acpi_says_when_it_does_not_fit(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct acpi_machine m = {.cpus = 1, .virtio_count = 50, .address = LAYOUT_ACPI};
    CHECK(acpi_build(&m, tables, 1000, &err) < 0);
    CHECK_STR(err->message, "the ACPI tables of 50 devices are too long");
}

static const struct test tests[] = {
    TEST(test_acpi_tables_lead_to_each_other),   TEST(test_acpi_madt_lists_every_processor),
    TEST(test_acpi_dsdt_announces_every_device), TEST(test_acpi_interrupt_lines),
    TEST(test_acpi_says_when_it_does_not_fit),
};
TEST_MAIN(tests)
