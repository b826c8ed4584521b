// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/ports.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"
#include "vmm/x86/layout.h"

static struct ports ports;

static uint8_t in(uint16_t port)
{
    uint8_t value;
    ports_read(&ports, port, &value, 1);
    return value;
}

static enum port_result out(uint16_t port, uint8_t value)
{
    return ports_write(&ports, port, &value, 1);
}

static void test_ports_serial_passes_bytes_on(void)
{
    int ends[2];
    char text[8] = "";
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    ports_init(&ports, ends[1]);
    CHECK_INT(in(PORT_SERIAL + 5) & 0x20, 0x20); /* ready for the next */
    CHECK_INT(out(PORT_SERIAL + 3, 0x80), PORT_CONTINUE);
    CHECK_INT(out(PORT_SERIAL, 1), PORT_CONTINUE); /* the divisor's, not a byte to send */
    CHECK_INT(out(PORT_SERIAL + 3, 3), PORT_CONTINUE);
    CHECK_INT(out(PORT_SERIAL, 'o'), PORT_CONTINUE);
    CHECK_INT(out(PORT_SERIAL, 'k'), PORT_CONTINUE);
    CHECK_INT(read(ends[0], text, sizeof(text) - 1), 2);
    CHECK_STR(text, "ok");
    fd_close(ends[0]);
    fd_close(ends[1]);
}

static void test_ports_end_the_machine(void)
{
    ports_init(&ports, -1);
    CHECK_INT(out(PORT_SLEEP_CONTROL, SLEEP_TYPE_S5 << SLEEP_TYPE_SHIFT), PORT_CONTINUE);
    CHECK_INT(out(PORT_SLEEP_CONTROL, SLEEP_TYPE_S5 << SLEEP_TYPE_SHIFT | SLEEP_ENABLE),
              PORT_POWER_OFF);
    CHECK_INT(out(PORT_RESET, 0), PORT_CONTINUE);
    CHECK_INT(out(PORT_RESET, RESET_VALUE), PORT_RESET_MACHINE);
}

static void test_ports_where_nothing_is(void)
{
    uint32_t wide = 0;
    ports_init(&ports, -1);
    ports_read(&ports, 0xcfc, (uint8_t *)&wide, 4);
    CHECK_INT(wide, UINT32_MAX);
    CHECK_INT(in(PORT_CMOS_DATA), 0); /* all ones: "update in progress", and the guest spins */
    CHECK_INT(ports_write(&ports, 0xcf8, (uint8_t *)&wide, 4), PORT_CONTINUE);
    CHECK_INT(ports_write(&ports, PORT_SERIAL, (uint8_t *)&wide, 4), PORT_CONTINUE);
}

static const struct test tests[] = {
    TEST(test_ports_serial_passes_bytes_on),
    TEST(test_ports_end_the_machine),
    TEST(test_ports_where_nothing_is),
};
TEST_MAIN(tests)
