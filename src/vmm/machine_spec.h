// SPDX-License-Identifier: Apache-2.0
/* The description of a machine, as whoever starts cloison-vmm hands it over: JSON on a descriptor,
 * everything to be opened named by the number of an inherited descriptor.
 *
 *     {"cpus": 2, "memory_bytes": 268435456, "kvm_fd": 3, "kernel_fd": 4, "initramfs_fd": 5,
 *      "command_line": "console=hvc0", "serial_fd": 2, "report_fd": 6,
 *      "devices": [
 *        {"type": "console", "ports": [{"name": "console", "in_fd": 0, "out_fd": 1,
 *                                       "is_console": true}]},
 *        {"type": "block", "fd": 7, "read_only": true, "serial": "layer0"},
 *        {"type": "net", "tap_fd": 8, "mac": "02:00:00:00:00:01", "mtu": 1500},
 *        (or "socket_fd": a stream that carries frames)
 *        {"type": "fs", "socket_fd": 15, "tag": "shares"}, {"type": "rng"}, {"type": "balloon"}],
 *      "limits": {"disk_read_bytes": 0, "disk_read_operations": 0, "disk_write_bytes": 0,
 *                 "disk_write_operations": 0, "net_receive_bytes": 0, "net_transmit_bytes": 0},
 *      "control_fd": 9}
 *
 * initramfs_fd, serial_fd, report_fd, control_fd and what is 0 above may be left out. An unknown
 * key is an error. docs/vm.md explains each. Reading is pure. */
#pragma once

#include <jansson.h>

#include "vmm/devices/block.h"
#include "vmm/devices/console.h"
#include "vmm/devices/fs.h"
#include "vmm/devices/net.h"
#include "vmm/limits.h"

#define MACHINE_CPUS_MAX 64
#define MACHINE_DEVICES_MAX 160 /* an image has at most 127 layers, each a disk */
#define MACHINE_SPEC_BYTES_MAX (256 * 1024)

enum device_type {
    DEVICE_CONSOLE,
    DEVICE_BLOCK,
    DEVICE_NET,
    DEVICE_FS,
    DEVICE_RNG,
    DEVICE_BALLOON,
};

struct device_spec {
    enum device_type type;
    union {
        struct block_settings block;
        struct net_settings net;
        struct fs_settings fs;
        struct {
            struct console_port_settings ports[CONSOLE_PORTS_MAX];
            unsigned port_count;
        } console;
    };
};

struct machine_spec {
    unsigned cpus;
    uint64_t memory_bytes;
    int kvm_fd, kernel_fd, initramfs_fd, serial_fd, report_fd, control_fd; /* -1: none */
    const char *command_line;
    struct device_spec *devices;
    unsigned device_count;
    struct limit_values limits;
    json_t *json; /* owns the strings */
};

int machine_spec_read(const char *text, size_t len, struct machine_spec *ret,
                      struct error **err) NODISCARD;
void machine_spec_done(struct machine_spec *s);
