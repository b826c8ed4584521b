// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine_spec.h"

#include "base/test.h"

static const char whole[] =
    "{\"cpus\":2,\"memory_bytes\":268435456,\"kvm_fd\":3,\"kernel_fd\":4,\"initramfs_fd\":5,"
    "\"command_line\":\"console=hvc0\",\"serial_fd\":2,\"report_fd\":6,\"devices\":["
    "{\"type\":\"console\",\"ports\":[{\"name\":\"c\",\"in_fd\":0,\"out_fd\":1,\"is_console\":true}"
    ","
    "{\"name\":\"agent\",\"in_fd\":9,\"out_fd\":9}]},"
    "{\"type\":\"block\",\"fd\":7,\"read_only\":true,\"serial\":\"layer0\"},"
    "{\"type\":\"net\",\"tap_fd\":8,\"mac\":\"02:00:00:00:00:0f\",\"mtu\":1500},"
    "{\"type\":\"rng\"},{\"type\":\"balloon\"}],\"control_fd\":11,"
    "\"limits\":{\"disk_read_bytes\":1000,\"net_transmit_bytes\":5}}";

static void test_machine_spec_whole(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct machine_spec s;
    CHECK_OK(machine_spec_read(whole, sizeof(whole) - 1, &s, &err), err);
    CHECK_INT(s.cpus, 2);
    CHECK_INT(s.memory_bytes, 256 << 20);
    CHECK_INT(s.kernel_fd, 4);
    CHECK_STR(s.command_line, "console=hvc0");
    CHECK_INT(s.device_count, 5);
    CHECK_INT(s.devices[0].console.port_count, 2);
    CHECK_INT(s.devices[0].console.ports[1].in, 9);
    CHECK(!s.devices[0].console.ports[1].is_console);
    CHECK(s.devices[1].block.read_only);
    CHECK_INT(s.limits.disk_read.bytes, 1000);
    CHECK_INT(s.devices[2].net.mac[5], 15);
    CHECK_INT(s.limits.net_transmit_bytes, 5);
    CHECK_INT(s.limits.disk_write.operations, 0);
    CHECK_INT(s.control_fd, 11);
    CHECK_INT(s.devices[4].type, DEVICE_BALLOON);
    machine_spec_done(&s);
}

#define BASE "\"memory_bytes\":268435456,\"kvm_fd\":3,\"kernel_fd\":4"

static void test_machine_spec_says_what_is_wrong(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"[]", "machine: is no object"},
        {"{" BASE ",\"cpu\":1}", "machine: unknown key 'cpu'"},
        {"{\"memory_bytes\":268435456,\"kvm_fd\":3}", "machine: 'kernel_fd' is missing"},
        {"{" BASE ",\"limits\":{\"disk\":1}}", "machine: limits: unknown key 'disk'"},
        {"{" BASE ",\"limits\":5}", "machine: limits: is no object"},
        {"{" BASE ",\"devices\":[{}]}", "machine: device 0: 'type' is missing"},
        {"{" BASE ",\"devices\":[7]}", "machine: device 0: is no object"},
        {"{" BASE ",\"devices\":[{\"type\":\"gpu\"}]}", "machine: device 0: unknown type 'gpu'"},
        {"{" BASE ",\"devices\":[{\"type\":\"block\"}]}", "machine: device 0: 'fd' is missing"},
        {"{" BASE ",\"devices\":[{\"type\":\"console\",\"ports\":[]}]}",
         "machine: device 0: a console has 1 to 16 ports"},
        {"{" BASE ",\"devices\":[{\"type\":\"net\",\"tap_fd\":3,\"mac\":\"01:00:00:00:00:00\"}]}",
         "machine: device 0: '01:00:00:00:00:00' is no unicast MAC address"},
        {"{" BASE ",\"devices\":[{\"type\":\"net\",\"tap_fd\":3,\"socket_fd\":4}]}",
         "machine: device 0: 'tap_fd' or 'socket_fd', not both"},
        {"{" BASE ",\"devices\":[{\"type\":\"rng\",\"fd\":3}]}",
         "machine: device 0: unknown key 'fd'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(error) struct error *err = NULL;
        struct machine_spec s;
        CHECK(machine_spec_read(rows[i].text, strlen(rows[i].text), &s, &err) < 0);
        CHECK_STR(err->message, rows[i].message);
    }
}

static void test_machine_spec_ranges(void)
{
    static const char *const bad[] = {
        "{" BASE ",\"cpus\":0}",
        "{" BASE ",\"cpus\":65}",
        "{" BASE ",\"serial_fd\":-1}",
        "{\"memory_bytes\":4096,\"kvm_fd\":3,\"kernel_fd\":4}",
        "{" BASE ",\"devices\":[{\"type\":\"block\",\"fd\":4,\"bytes_per_second\":-1}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct machine_spec s;
        CHECK(machine_spec_read(bad[i], strlen(bad[i]), &s, NULL) < 0);
    }
}

static const struct test tests[] = {
    TEST(test_machine_spec_whole),
    TEST(test_machine_spec_says_what_is_wrong),
    TEST(test_machine_spec_ranges),
};
TEST_MAIN(tests)
