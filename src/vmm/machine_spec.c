// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { FD_MAX = 1 << 20 };
#define MEMORY_MIN (INT64_C(32) << 20)
#define MEMORY_MAX (INT64_C(1) << 42)
#define PAGE_BYTES INT64_C(4096)

static int invalid(struct error **err, const char *where, const char *what)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "%s: %s", where, what);
}

static int check_keys(json_t *object, const char *where, const char *const *known,
                      struct error **err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return invalid(err, where, "is no object");
    }
    json_object_foreach(object, key, value)
    {
        if (!str_in(key, known)) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "%s: unknown key '%s'", where, key);
        }
    }
    return 0;
}

static int get_fd(json_t *object, const char *key, const char *where, int *ret, struct error **err)
{
    int64_t value = -1;
    int r = json_get_i64(object, key, where, 0, FD_MAX, &value, err);
    *ret = (int)value;
    return r;
}

static int need(int result, const char *where, const char *key, struct error **err)
{
    return result == 0 ? error_set(err, ERROR_INVALID_INPUT, 0, "%s: '%s' is missing", where, key)
                       : result;
}

static int read_block(json_t *object, const char *where, struct device_spec *d, struct error **err)
{
    static const char *const keys[] = {"type", "fd", "read_only", "serial", NULL};
    struct block_settings *b = &d->block;
    int r = check_keys(object, where, keys, err);
    r = r < 0 ? r : need(get_fd(object, "fd", where, &b->fd, err), where, "fd", err);
    r = r < 0 ? r : json_get_bool(object, "read_only", where, &b->read_only, err);
    return r < 0 ? r : json_get_str(object, "serial", where, &b->serial, err);
}

static int read_mac(const char *text, const char *where, uint8_t *mac, struct error **err)
{
    int end = 0;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end) != 6 ||
        text[end] != '\0' || (mac[0] & 1) != 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: '%s' is no unicast MAC address", where,
                         text);
    }
    return 0;
}

static int read_net(json_t *object, const char *where, struct device_spec *d, struct error **err)
{
    static const char *const keys[] = {"type", "tap_fd", "socket_fd", "mac", "mtu", NULL};
    struct net_settings *n = &d->net;
    const char *mac = NULL;
    int64_t mtu = 0;
    int r = check_keys(object, where, keys, err);
    n->is_stream = json_object_get(object, "socket_fd") != NULL;
    if (r >= 0 && n->is_stream && json_object_get(object, "tap_fd")) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: 'tap_fd' or 'socket_fd', not both",
                         where);
    }
    const char *key = n->is_stream ? "socket_fd" : "tap_fd";
    r = r < 0 ? r : need(get_fd(object, key, where, &n->fd, err), where, key, err);
    r = r < 0 ? r : need(json_get_str(object, "mac", where, &mac, err), where, "mac", err);
    r = r < 0 ? r : read_mac(mac, where, n->mac, err);
    r = r < 0 ? r : json_get_i64(object, "mtu", where, 68, 65535, &mtu, err);
    n->mtu = (uint16_t)mtu;
    return r;
}

static int read_port(json_t *object, const char *where, struct console_port_settings *p,
                     struct error **err)
{
    static const char *const keys[] = {"name", "in_fd", "out_fd", "is_console", NULL};
    int r = check_keys(object, where, keys, err);
    r = r < 0 ? r : need(json_get_str(object, "name", where, &p->name, err), where, "name", err);
    r = r < 0 ? r : get_fd(object, "in_fd", where, &p->in, err);
    r = r < 0 ? r : get_fd(object, "out_fd", where, &p->out, err);
    return r < 0 ? r : json_get_bool(object, "is_console", where, &p->is_console, err);
}

static int read_console(json_t *object, const char *where, struct device_spec *d,
                        struct error **err)
{
    static const char *const keys[] = {"type", "ports", NULL};
    json_t *ports = NULL, *port;
    size_t i;
    int r = check_keys(object, where, keys, err);
    r = r < 0 ? r : need(json_get_array(object, "ports", where, &ports, err), where, "ports", err);
    if (r < 0) {
        return r;
    }
    if (json_array_size(ports) < 1 || json_array_size(ports) > CONSOLE_PORTS_MAX) {
        return invalid(err, where, "a console has 1 to 16 ports");
    }
    json_array_foreach(ports, i, port)
    {
        r = read_port(port, where, &d->console.ports[d->console.port_count++], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_fs(json_t *object, const char *where, struct device_spec *d, struct error **err)
{
    static const char *const keys[] = {"type", "socket_fd", "tag", NULL};
    struct fs_settings *f = &d->fs;
    int r = check_keys(object, where, keys, err);
    r = r < 0 ? r
              : need(get_fd(object, "socket_fd", where, &f->socket, err), where, "socket_fd", err);
    r = r < 0 ? r : need(json_get_str(object, "tag", where, &f->tag, err), where, "tag", err);
    return r >= 0 && (!f->tag[0] || strlen(f->tag) > FS_TAG_BYTES_MAX)
               ? invalid(err, where, "a tag has 1 to 36 bytes")
               : r;
}

static int read_plain(json_t *object, const char *where, struct device_spec *d, struct error **err)
{
    static const char *const keys[] = {"type", NULL};
    (void)d;
    return check_keys(object, where, keys, err);
}

static const struct {
    const char *name;
    int (*read)(json_t *object, const char *where, struct device_spec *d, struct error **err);
} types[] = {
    [DEVICE_CONSOLE] = {"console", read_console},
    [DEVICE_BLOCK] = {"block", read_block},
    [DEVICE_NET] = {"net", read_net},
    [DEVICE_FS] = {"fs", read_fs},
    [DEVICE_RNG] = {"rng", read_plain},
    [DEVICE_BALLOON] = {"balloon", read_plain},
};

static int read_device(json_t *object, unsigned index, struct device_spec *d, struct error **err)
{
    CLEANUP(free) char *where = str_format("machine: device %u", index);
    const char *type = NULL;
    int r = json_is_object(object) ? json_get_str(object, "type", where, &type, err)
                                   : invalid(err, where, "is no object");
    r = need(r, where, "type", err);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(types); i++) {
        if (str_equal(type, types[i].name)) {
            d->type = (enum device_type)i;
            return types[i].read(object, where, d, err);
        }
    }
    return r < 0 ? r : error_set(err, ERROR_INVALID_INPUT, 0, "%s: unknown type '%s'", where, type);
}

static int read_devices(struct machine_spec *s, struct error **err)
{
    json_t *devices = NULL, *device;
    size_t i;
    int r = json_get_array(s->json, "devices", "machine", &devices, err);
    if (r <= 0) {
        return r;
    }
    if (json_array_size(devices) > MACHINE_DEVICES_MAX) {
        return invalid(err, "machine", "more than 160 devices");
    }
    s->devices = xcalloc(json_array_size(devices) + 1, sizeof(*s->devices));
    json_array_foreach(devices, i, device)
    {
        r = read_device(device, s->device_count, &s->devices[s->device_count], err);
        if (r < 0) {
            return r;
        }
        s->device_count++;
    }
    return 0;
}

static int read_limits(json_t *machine, struct limit_values *v, struct error **err)
{
    static const char where[] = "machine: limits";
    static const char *const keys[] = {"disk_read_bytes",
                                       "disk_read_operations",
                                       "disk_write_bytes",
                                       "disk_write_operations",
                                       "net_receive_bytes",
                                       "net_transmit_bytes",
                                       NULL};
    uint64_t *const values[] = {&v->disk_read.bytes,   &v->disk_read.operations,
                                &v->disk_write.bytes,  &v->disk_write.operations,
                                &v->net_receive_bytes, &v->net_transmit_bytes};
    json_t *o = json_object_get(machine, "limits");
    int r = o ? check_keys(o, where, keys, err) : 0;
    for (size_t i = 0; o && r >= 0 && i < ARRAY_SIZE(values); i++) {
        int64_t value = 0;
        r = json_get_i64(o, keys[i], where, 0, INT64_MAX, &value, err);
        *values[i] = (uint64_t)value;
    }
    return r;
}

static int read_machine(struct machine_spec *s, struct error **err)
{
    static const char *const keys[] = {"cpus",         "memory_bytes", "kvm_fd",     "kernel_fd",
                                       "initramfs_fd", "serial_fd",    "report_fd",  "command_line",
                                       "devices",      "limits",       "control_fd", NULL};
    static const char where[] = "machine";
    json_t *o = s->json;
    int64_t cpus = 1, memory = 0;
    int r = check_keys(o, where, keys, err);
    r = r < 0 ? r : json_get_i64(o, "cpus", where, 1, MACHINE_CPUS_MAX, &cpus, err);
    r = r < 0 ? r
              : need(json_get_i64(o, "memory_bytes", where, MEMORY_MIN, MEMORY_MAX, &memory, err),
                     where, "memory_bytes", err);
    r = r < 0 ? r : need(get_fd(o, "kvm_fd", where, &s->kvm_fd, err), where, "kvm_fd", err);
    r = r < 0 ? r
              : need(get_fd(o, "kernel_fd", where, &s->kernel_fd, err), where, "kernel_fd", err);
    r = r < 0 ? r : get_fd(o, "initramfs_fd", where, &s->initramfs_fd, err);
    r = r < 0 ? r : get_fd(o, "serial_fd", where, &s->serial_fd, err);
    r = r < 0 ? r : get_fd(o, "report_fd", where, &s->report_fd, err);
    r = r < 0 ? r : get_fd(o, "control_fd", where, &s->control_fd, err);
    r = r < 0 ? r : read_limits(o, &s->limits, err);
    r = r < 0 ? r : json_get_str(o, "command_line", where, &s->command_line, err);
    s->cpus = (unsigned)cpus;
    s->memory_bytes = (uint64_t)(memory / PAGE_BYTES * PAGE_BYTES);
    s->command_line = str_or(s->command_line, "");
    return r;
}

int machine_spec_read(const char *text, size_t len, struct machine_spec *ret, struct error **err)
{
    *ret = (struct machine_spec){.kvm_fd = -1,
                                 .kernel_fd = -1,
                                 .initramfs_fd = -1,
                                 .serial_fd = -1,
                                 .report_fd = -1,
                                 .control_fd = -1};
    int r = json_parse(text, len, "machine", &ret->json, err);
    r = r < 0 ? r : read_machine(ret, err);
    r = r < 0 ? r : read_devices(ret, err);
    if (r < 0) {
        machine_spec_done(ret);
    }
    return r < 0 ? r : 0;
}

void machine_spec_done(struct machine_spec *s)
{
    free(s->devices);
    json_decref(s->json);
    *s = (struct machine_spec){0};
}
