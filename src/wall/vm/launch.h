// SPDX-License-Identifier: Apache-2.0
/* Starting a machine's monitor: a description and the descriptors in it become a cloison-vmm, or,
 * where KVM cannot run a stock kernel, a QEMU that emulates the same machine.
 *
 * Everything the machine opens is opened here or by the caller; the program inherits exactly that,
 * under numbers that the description names. It is the first process of a PID namespace of its own
 * where we may make one, else cloison-vmm sees to that by itself; it dies with its parent.
 * Side effects: a process. Spec: docs/vm.md "The description"; clone(2); qemu-system-x86_64(1). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define VM_DISKS_MAX 140
#define VM_PORTS_MAX 16

struct vm_disk {
    int fd;
    const char *serial; /* by which the guest finds it: at most 20 bytes */
    bool read_only;
};

/* Rates a second of all disks together, and of the network as the machine sees it; 0: no limit. */
struct vm_limits {
    uint64_t disk_read_bytes, disk_read_operations, disk_write_bytes, disk_write_operations;
    uint64_t net_receive_bytes, net_transmit_bytes;
};

struct vm_port {
    const char *name;
    int in, out; /* -1: none; the same for a socket */
    bool is_console;
};

struct vm_card { /* of a network */
    int tap;
    const char *mac; /* of the tap's other end */
    uint16_t mtu;
};

enum vm_monitor { VM_KVM, VM_QEMU };

struct vm_launch { /* descriptors are borrowed; -1 is none */
    enum vm_monitor monitor;
    unsigned cpus;
    uint64_t memory_bytes;
    int kvm, kernel, initramfs, serial, report;
    int log; /* the program's standard error */
    const char *command_line;
    unsigned tsc_khz; /* QEMU: see qemu_tsc_khz(); 0: not told */
    const struct vm_disk *disks;
    size_t disk_count;
    const struct vm_port *ports;
    size_t port_count;
    const struct vm_card *cards;
    size_t card_count;
    int shares; /* a socket to cloison-fs; -1: none */
    struct vm_limits limits;
    const char *display; /* QEMU: the socket of its VNC server; NULL: no screen */
    int control; /* a socket (SOCK_SEQPACKET) that brings other limits; -1: none; not to QEMU */
};

#define VM_SHARES_TAG "shares" /* what the guest mounts */

/* Which numbers the program has its descriptors under: fds[n] as first + n. */
struct vm_numbers {
    int first;
    int *fds; /* the caller frees */
    size_t count;
};
/* The number of this one; the same for the same. */
int vm_number(struct vm_numbers *n, int fd);

/* cloison-vmm's description as text, which the caller frees; QEMU's arguments. Pure. */
char *vm_launch_text(const struct vm_launch *l, struct vm_numbers *n);
void qemu_arguments(const struct vm_launch *l, struct vm_numbers *n, struct strv *ret);

/* How fast the emulated time stamp counter runs: as the host's. A guest that has to find out by the
 * emulated timers now and then hangs. 0: not known. */
unsigned qemu_tsc_khz(void);

/* Executes a program with these descriptors under their numbers, and `log` as its standard error:
 * its pid, a child of the caller, in a PID namespace of its own where we may make one. */
int vm_start_program(const char *path, char *const *arguments, const struct vm_numbers *n, int log,
                     pid_t *ret_pid, struct error **err) NODISCARD;
#define VM_FD_FIRST 4 /* the number of its first descriptor */

/* Executes the monitor; its pid, a child of the caller. */
int vm_launch(const struct vm_launch *l, pid_t *ret_pid, struct error **err) NODISCARD;
