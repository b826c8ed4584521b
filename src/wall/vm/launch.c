// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/str.h"

enum { FD_DESCRIPTION = 3 }; /* of the program; the description's own follow */

int vm_number(struct vm_numbers *n, int fd)
{
    for (size_t i = 0; i < n->count; i++) {
        if (n->fds[i] == fd) {
            return n->first + (int)i;
        }
    }
    n->fds = xrealloc(n->fds, (n->count + 1) * sizeof(*n->fds));
    n->fds[n->count++] = fd;
    return n->first + (int)n->count - 1;
}

/* An absent descriptor is an absent key. */
static void set_fd(json_t *object, const char *key, struct vm_numbers *n, int fd)
{
    if (fd >= 0) {
        (void)json_object_set_new(
            object, key, json_integer(vm_number(n, fd))); /* memory: the dump would show it */
    }
}

static json_t *disk_json(const struct vm_disk *d, struct vm_numbers *n)
{
    json_t *o = json_pack("{s:s, s:b, s:s}", "type", "block", "read_only", d->read_only, "serial",
                          d->serial);
    set_fd(o, "fd", n, d->fd);
    return o;
}

static json_t *console_json(const struct vm_launch *l, struct vm_numbers *n)
{
    json_t *ports = json_array();
    for (size_t i = 0; i < l->port_count; i++) {
        const struct vm_port *p = &l->ports[i];
        json_t *o = json_pack("{s:s, s:b}", "name", p->name, "is_console", p->is_console);
        set_fd(o, "in_fd", n, p->in);
        set_fd(o, "out_fd", n, p->out);
        (void)json_array_append_new(ports, o);
    }
    return json_pack("{s:s, s:o}", "type", "console", "ports", ports);
}

static json_t *devices_json(const struct vm_launch *l, struct vm_numbers *n)
{
    json_t *devices = json_array();
    (void)json_array_append_new(devices, console_json(l, n));
    for (size_t i = 0; i < l->disk_count; i++) {
        (void)json_array_append_new(devices, disk_json(&l->disks[i], n));
    }
    for (size_t i = 0; i < l->card_count; i++) {
        const struct vm_card *c = &l->cards[i];
        json_t *net = json_pack("{s:s, s:s, s:i}", "type", "net", "mac", c->mac, "mtu", c->mtu);
        set_fd(net, "tap_fd", n, c->tap);
        (void)json_array_append_new(devices, net);
    }
    if (l->shares >= 0) {
        json_t *fs = json_pack("{s:s, s:s}", "type", "fs", "tag", VM_SHARES_TAG);
        set_fd(fs, "socket_fd", n, l->shares);
        (void)json_array_append_new(devices, fs);
    }
    (void)json_array_append_new(devices, json_pack("{s:s}", "type", "rng"));
    (void)json_array_append_new(devices, json_pack("{s:s}", "type", "balloon"));
    return devices;
}

static json_t *limits_json(const struct vm_limits *l)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "disk_read_bytes", (json_int_t)l->disk_read_bytes,
        "disk_read_operations", (json_int_t)l->disk_read_operations, "disk_write_bytes",
        (json_int_t)l->disk_write_bytes, "disk_write_operations",
        (json_int_t)l->disk_write_operations, "net_receive_bytes", (json_int_t)l->net_receive_bytes,
        "net_transmit_bytes", (json_int_t)l->net_transmit_bytes);
}

char *vm_launch_text(const struct vm_launch *l, struct vm_numbers *n)
{
    json_t *o = json_pack("{s:i, s:I, s:s}", "cpus", (int)l->cpus, "memory_bytes",
                          (json_int_t)l->memory_bytes, "command_line", l->command_line);
    set_fd(o, "kvm_fd", n, l->kvm);
    set_fd(o, "kernel_fd", n, l->kernel);
    set_fd(o, "initramfs_fd", n, l->initramfs);
    set_fd(o, "serial_fd", n, l->serial);
    set_fd(o, "report_fd", n, l->report);
    set_fd(o, "control_fd", n, l->control);
    (void)json_object_set_new(o, "limits", limits_json(&l->limits));
    (void)json_object_set_new(o, "devices", devices_json(l, n));
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(o);
    return text;
}

/* --- the child -----------------------------------------------------------------------------------
 */

struct program {
    const char *path;
    char *const *arguments;
    int description; /* -1: none */
    int log;
    const int *fds;
    int *moved; /* room for as many */
    size_t count;
    bool unprivileged; /* without any capability */
};

/* Puts the descriptors where their numbers say, out of the way of each other first. Never returns;
 * allocates nothing. */
static void execute(const struct program *p)
{
    static char *const environment[] = {NULL};
    int above = VM_FD_FIRST + (int)p->count;
    int description = fcntl(p->description, F_DUPFD_CLOEXEC, above);
    int log = fcntl(p->log, F_DUPFD_CLOEXEC, above);
    bool failed = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0;
    for (size_t i = 0; i < p->count; i++) {
        p->moved[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, above);
    }
    for (size_t i = 0; i < p->count; i++) {
        failed |= dup2(p->moved[i], VM_FD_FIRST + (int)i) < 0;
    }
    failed |= (p->description >= 0 && dup2(description, FD_DESCRIPTION) < 0) ||
              dup2(log, STDERR_FILENO) < 0;
    for (int c = 0; p->unprivileged && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        failed |= prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM; /* then it has none */
    }
    if (!failed) {
        (void)execve(p->path, p->arguments, environment);
    }
    _exit(127);
}

/* A process of its own PID namespace, where we may. */
static pid_t clone_child(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    return pid < 0 && errno == EPERM ? fork() : pid;
}

static int start(struct program *p, const struct vm_numbers *n, pid_t *ret_pid, struct error **err)
{
    CLEANUP(free) int *moved = xcalloc(n->count + 1, sizeof(*moved));
    p->fds = n->fds;
    p->moved = moved;
    p->count = n->count;
    if (access(p->path, X_OK) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "'%s'", p->path);
    }
    pid_t pid = clone_child();
    if (pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "starting the machine's monitor");
    }
    if (pid == 0) {
        execute(p);
    }
    *ret_pid = pid;
    return 0;
}

int vm_start_program(const char *path, char *const *arguments, const struct vm_numbers *n, int log,
                     pid_t *ret_pid, struct error **err)
{
    struct program p = {.path = path, .arguments = arguments, .description = -1, .log = log};
    return start(&p, n, ret_pid, err);
}

static int launch_kvm(const struct vm_launch *l, struct vm_numbers *n, pid_t *ret_pid,
                      struct error **err)
{
    char argument[] = "3";
    CLEANUP(free) char *text = vm_launch_text(l, n);
    CLEANUP(free) char *path = program_path("cloison-vmm");
    CLEANUP(fd) int description = memfd_create("machine", MFD_CLOEXEC);
    if (description < 0 || write_all(description, text, strlen(text)) < 0 ||
        lseek(description, 0, SEEK_SET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's description");
    }
    char *const arguments[] = {path, argument, NULL};
    struct program p = {
        .path = path, .arguments = arguments, .description = description, .log = l->log};
    return start(&p, n, ret_pid, err);
}

static int launch_qemu(const struct vm_launch *l, struct vm_numbers *n, pid_t *ret_pid,
                       struct error **err)
{
    CLEANUP(strv) struct strv arguments = {0};
    qemu_arguments(l, n, &arguments);
    /* Unlike cloison-vmm it does not lock itself in: all it may open is open, so it needs none. */
    struct program p = {.path = arguments.items[0],
                        .arguments = arguments.items,
                        .description = -1,
                        .log = l->log,
                        .unprivileged = true};
    int r = start(&p, n, ret_pid, err);
    return r == -ENOENT ? error_hint(err, r, "install the package qemu-system-x86") : r;
}

int vm_launch(const struct vm_launch *l, pid_t *ret_pid, struct error **err)
{
    struct vm_numbers n = {.first = VM_FD_FIRST};
    int r =
        l->monitor == VM_QEMU ? launch_qemu(l, &n, ret_pid, err) : launch_kvm(l, &n, ret_pid, err);
    free(n.fds);
    return r;
}
