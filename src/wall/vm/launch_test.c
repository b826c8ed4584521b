// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/launch.h"

#include "base/test.h"
#include "vmm/machine_spec.h"

/* What we write is what the program reads. */
static void test_launch_text_is_understood(void)
{
    CLEANUP(error) struct error *err = NULL;
    const struct vm_disk disks[] = {{.fd = 30, .serial = "layer0", .read_only = true},
                                    {.fd = 31, .serial = "disk"}};
    const struct vm_port ports[] = {{.name = "console", .in = -1, .out = 40, .is_console = true},
                                    {.name = "agent", .in = 41, .out = 41}};
    const struct vm_card cards[] = {{.tap = 50, .mac = "02:00:00:00:00:01", .mtu = 1500},
                                    {.tap = 51, .mac = "02:00:00:00:00:02", .mtu = 1400}};
    const struct vm_launch l = {.cpus = 3,
                                .memory_bytes = 128 << 20,
                                .kvm = 10,
                                .kernel = 11,
                                .initramfs = -1,
                                .serial = 40,
                                .report = -1,
                                .command_line = "quiet",
                                .disks = disks,
                                .disk_count = 2,
                                .ports = ports,
                                .port_count = 2,
                                .cards = cards,
                                .card_count = 2,
                                .shares = -1,
                                .limits = {.disk_read_bytes = 1000, .net_transmit_bytes = 7},
                                .control = 60};
    struct vm_numbers n = {.first = 4};
    CLEANUP(free) char *text = vm_launch_text(&l, &n);
    const int *fds = n.fds;
    struct machine_spec s;
    CHECK_OK(machine_spec_read(text, strlen(text), &s, &err), err);
    CHECK_INT(s.cpus, 3);
    CHECK_INT(s.memory_bytes, 128 << 20);
    CHECK_STR(s.command_line, "quiet");
    CHECK_INT(fds[s.kvm_fd - 4], 10);
    CHECK_INT(fds[s.kernel_fd - 4], 11);
    CHECK_INT(s.initramfs_fd, -1);
    CHECK_INT(fds[s.serial_fd - 4], 40);
    CHECK_INT(s.device_count, 7);
    CHECK_INT(s.devices[0].type, DEVICE_CONSOLE);
    CHECK_INT(s.devices[0].console.ports[0].in, -1);
    CHECK_INT(s.devices[0].console.ports[0].out, s.serial_fd); /* one number for one descriptor */
    CHECK_INT(s.devices[0].console.ports[1].in, s.devices[0].console.ports[1].out);
    CHECK_INT(fds[s.devices[1].block.fd - 4], 30);
    CHECK(s.devices[1].block.read_only);
    CHECK_INT(s.limits.disk_read.bytes, 1000);
    CHECK_INT(s.limits.net_transmit_bytes, 7);
    CHECK_INT(fds[s.control_fd - 4], 60);
    CHECK_INT(fds[s.devices[3].net.fd - 4], 50);
    CHECK_INT(fds[s.devices[4].net.fd - 4], 51);
    CHECK_INT(s.devices[4].net.mtu, 1400);
    CHECK_INT(n.count, 9);
    free(n.fds);
    machine_spec_done(&s);
}

static const struct test tests[] = {
    TEST(test_launch_text_is_understood),
};
TEST_MAIN(tests)
