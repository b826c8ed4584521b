// SPDX-License-Identifier: Apache-2.0
/* The program cloison-vmm, the monitor of one virtual machine:
 *
 *     cloison-vmm FD
 *     cloison-vmm probe FD
 *
 * FD holds the machine's description (machine_spec.h), which names the other descriptors. It builds
 * the machine, locks itself in, and runs it. Exit status: 0 the guest powered off, 3 it asked for a
 * reset, 4 it crashed, 5 the machine could not go on, 125 it could not be started.
 * With "probe", FD is /dev/kvm: 0 it can run a kernel, 1 with a line why not. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/lock_in.h"
#include "vmm/report.h"
#include "vmm/x86/probe.h"

enum { STATUS_RESET = 3, STATUS_CRASHED = 4, STATUS_FAILED = 5, STATUS_NOT_STARTED = 125 };

static int read_spec(int fd, struct machine_spec *ret, struct error **err)
{
    CLEANUP(free) char *text = xmalloc(MACHINE_SPEC_BYTES_MAX);
    ssize_t len = read_all(fd, text, MACHINE_SPEC_BYTES_MAX);
    if (len < 0) {
        return error_set_errno(err, ERROR_KERNEL, (int)-len, "reading the machine's description");
    }
    if (len == MACHINE_SPEC_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG, "the machine's description is too long");
    }
    return machine_spec_read(text, (size_t)len, ret, err);
}

enum { FDS_MAX = 6 + MACHINE_DEVICES_MAX * 2 * CONSOLE_PORTS_MAX };

static size_t list_fds(const struct machine_spec *s, int *fds)
{
    size_t count = 0;
    const int own[] = {s->kvm_fd,    s->kernel_fd, s->initramfs_fd,
                       s->serial_fd, s->report_fd, s->control_fd};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        fds[count++] = own[i];
    }
    for (unsigned i = 0; i < s->device_count; i++) {
        const struct device_spec *d = &s->devices[i];
        if (d->type == DEVICE_BLOCK || d->type == DEVICE_NET) {
            fds[count++] = d->type == DEVICE_BLOCK ? d->block.fd : d->net.fd;
        }
        if (d->type == DEVICE_FS) {
            fds[count++] = d->fs.socket;
        }
        for (unsigned k = 0; d->type == DEVICE_CONSOLE && k < d->console.port_count; k++) {
            fds[count++] = d->console.ports[k].in;
            fds[count++] = d->console.ports[k].out;
        }
    }
    return count;
}

static int run(int spec_fd, enum machine_end *ret_end, struct error **err)
{
    static struct machine machine;
    static struct machine_spec spec;
    CLEANUP(free) int *fds = xcalloc(FDS_MAX, sizeof(*fds));
    struct report_start start;
    int r = read_spec(spec_fd, &spec, err);
    r = r < 0 ? r : lock_in_descriptors(fds, list_fds(&spec, fds), err);
    r = r < 0 ? r : machine_build(&machine, &spec, err);
    report_start(&start);
    r = r < 0 ? r : machine_run(&machine, ret_end, err);
    if (r >= 0) {
        report_write(&start, &machine, *ret_end);
    }
    return r;
}

static int probe(const char *fd_text)
{
    CLEANUP(error) struct error *err = NULL;
    int64_t fd = -1;
    if (str_to_i64(fd_text, 10, &fd) == 0 && kvm_probe((int)fd, &err) >= 0) {
        return 0;
    }
    if (err) {
        error_print(err, stderr);
    }
    return 1;
}

static int status_of(enum machine_end end)
{
    switch (end) {
    case MACHINE_POWER_OFF:
        return 0;
    case MACHINE_RESET:
        return STATUS_RESET;
    case MACHINE_CRASHED:
        return STATUS_CRASHED;
    case MACHINE_FAILED:
    case MACHINE_RUNS:
    default:
        return STATUS_FAILED;
    }
}

int main(int argc, char **argv)
{
    CLEANUP(error) struct error *err = NULL;
    enum machine_end end = MACHINE_FAILED;
    int64_t fd = -1;
    int status = STATUS_NOT_STARTED;
    error_set_program("cloison-vmm");
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a result of write(2) */
    if (argc == 3 && str_equal(argv[1], "probe")) {
        return probe(argv[2]);
    }
    if (argc != 2 || str_to_i64(argv[1], 10, &fd) < 0 || fd < 0 || fd > INT32_MAX) {
        fprintf(stderr, "usage: cloison-vmm FD (the machine's description as JSON)\n");
        return STATUS_NOT_STARTED;
    }
    int r = lock_in_enter(&status, &err);
    if (r == 0) {
        r = run((int)fd, &end, &err);
        status = status_of(end);
    }
    if (r < 0) {
        error_print(err, stderr);
        status = STATUS_NOT_STARTED;
    }
    _exit(status); /* vCPU threads are in the guest: nothing of theirs is to be torn down */
}
