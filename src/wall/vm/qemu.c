// SPDX-License-Identifier: Apache-2.0
/* The same machine by QEMU's microvm and its emulator: slow, and anywhere. The kernel is the same
 * ELF (QEMU finds its PVH entry), the devices are virtio-mmio announced by ACPI as ours are. */
#include <stdio.h>

#include "base/file.h"
#include "wall/vm/launch.h"

#define QEMU "/usr/bin/qemu-system-x86_64"

/* A descriptor as a set of its own, which QEMU opens as a file without opening anything. */
static int add_set(struct vm_numbers *n, struct strv *v, int fd)
{
    int number = vm_number(n, fd);
    strv_add(v, "-add-fd");
    strv_addf(v, "fd=%d,set=%d", number, number);
    return number;
}

static void add(struct strv *v, const char *option, const char *value)
{
    strv_add(v, option);
    strv_add(v, value);
}

static void add_serial(const struct vm_launch *l, struct vm_numbers *n, struct strv *v)
{
    if (l->serial < 0) {
        add(v, "-serial", "null");
        return;
    }
    int set = add_set(n, v, l->serial);
    strv_add(v, "-chardev");
    strv_addf(v, "file,id=serial,path=/dev/fdset/%d,append=on", set);
    add(v, "-serial", "chardev:serial");
}

/* Sockets alone: nothing of ours uses another kind of port with QEMU. */
static void add_ports(const struct vm_launch *l, struct vm_numbers *n, struct strv *v)
{
    add(v, "-device", "virtio-serial-device");
    for (size_t i = 0; i < l->port_count; i++) {
        strv_add(v, "-chardev");
        strv_addf(v, "socket,id=port%zu,fd=%d", i, vm_number(n, l->ports[i].in));
        strv_add(v, "-device");
        strv_addf(v, "%s,chardev=port%zu,name=%s",
                  l->ports[i].is_console ? "virtconsole" : "virtserialport", i, l->ports[i].name);
    }
}

/* One group's throttle: all disks share it. */
static char *throttle_text(const struct vm_limits *l)
{
    static const char *const names[] = {"bps-read", "iops-read", "bps-write", "iops-write"};
    const uint64_t values[] = {l->disk_read_bytes, l->disk_read_operations, l->disk_write_bytes,
                               l->disk_write_operations};
    struct strbuf text = {0};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (values[i] > 0) {
            strbuf_addf(&text, ",throttling.%s=%llu", names[i], (unsigned long long)values[i]);
        }
    }
    if (text.len > 0) {
        strbuf_adds(&text, ",throttling.group=disks");
    }
    return strbuf_take(&text);
}

static void add_disks(const struct vm_launch *l, struct vm_numbers *n, struct strv *v)
{
    CLEANUP(free) char *limit = throttle_text(&l->limits);
    for (size_t i = 0; i < l->disk_count; i++) {
        const struct vm_disk *d = &l->disks[i];
        /* By path, not by set: QEMU opens a disk more than once, in more than one mode. A host
         * without room is the guest's error: else QEMU stops the machine for good. */
        strv_add(v, "-drive");
        strv_addf(v,
                  "id=disk%zu,file=/dev/fd/"
                  "%d,format=raw,if=none,discard=unmap,werror=report,readonly=%s%s",
                  i, vm_number(n, d->fd), d->read_only ? "on,file.locking=off" : "off",
                  str_or(limit, ""));
        strv_add(v, "-device");
        strv_addf(v, "virtio-blk-device,drive=disk%zu,serial=%s", i, d->serial);
    }
}

static void add_net(const struct vm_launch *l, struct vm_numbers *n, struct strv *v)
{
    for (size_t i = 0; i < l->card_count; i++) {
        const struct vm_card *c = &l->cards[i];
        strv_add(v, "-netdev");
        strv_addf(v, "tap,id=net%zu,fd=%d,vhost=off", i, vm_number(n, c->tap));
        strv_add(v, "-device");
        strv_addf(v, "virtio-net-device,netdev=net%zu,mac=%s,host_mtu=%u", i, c->mac, c->mtu);
    }
}

/* A vhost-user server has the guest's memory mapped too: it must be a file's. */
static void add_memory(const struct vm_launch *l, struct vm_numbers *n, struct strv *v)
{
    unsigned long long kib = l->memory_bytes / 1024;
    strv_add(v, "-machine");
    strv_addf(v, "microvm,acpi=on,rtc=on,pit=on,pic=on,ioapic2=on%s",
              l->shares >= 0 ? ",memory-backend=memory" : "");
    strv_add(v, "-m");
    strv_addf(v, "%lluk", kib);
    if (l->shares >= 0) {
        strv_add(v, "-object");
        strv_addf(v, "memory-backend-memfd,id=memory,share=on,size=%lluk", kib);
        strv_add(v, "-chardev");
        strv_addf(v, "socket,id=shares,fd=%d", vm_number(n, l->shares));
        add(v, "-device", "vhost-user-fs-device,chardev=shares,tag=" VM_SHARES_TAG);
    }
}

/* A graphics card, its screen shown by VNC, keyboard and a pointer with absolute positions. */
static void add_display(const struct vm_launch *l, struct strv *v)
{
    if (l->display) {
        strv_add(v, "-vnc");
        strv_addf(v, "unix:%s", l->display);
        add(v, "-device", "virtio-gpu-device");
        add(v, "-device", "virtio-keyboard-device");
        add(v, "-device", "virtio-tablet-device");
    }
}

unsigned qemu_tsc_khz(void)
{
    CLEANUP(stream) FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    double mhz = 0;
    while (f && mhz == 0 && fgets(line, sizeof(line), f)) {
        (void)sscanf(line, "cpu MHz : %lf", &mhz);
    }
    return (unsigned)(mhz * 1000);
}

void qemu_arguments(const struct vm_launch *l, struct vm_numbers *n, struct strv *ret)
{
    static const char *const fixed[] = {
        QEMU,
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-accel",
        "tcg,thread=multi,tb-size=128",
        "-cpu",
        "max",
        "-global",
        "virtio-mmio.force-legacy=false",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-device",
        "virtio-rng-device",
        "-device",
        "virtio-balloon-device,free-page-reporting=on",
    };
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        strv_add(ret, fixed[i]);
    }
    strv_add(ret, "-smp");
    strv_addf(ret, "%u", l->cpus);
    add_memory(l, n, ret);
    strv_add(ret, "-kernel");
    strv_addf(ret, "/dev/fd/%d", vm_number(n, l->kernel));
    strv_add(ret, "-initrd");
    strv_addf(ret, "/dev/fd/%d", vm_number(n, l->initramfs));
    strv_add(ret, "-append");
    CLEANUP(free) char *tsc = l->tsc_khz ? str_format(" tsc_early_khz=%u", l->tsc_khz) : NULL;
    strv_addf(ret, "%s%s", l->command_line, str_or(tsc, ""));
    add_serial(l, n, ret);
    add_ports(l, n, ret);
    add_disks(l, n, ret);
    add_net(l, n, ret);
    add_display(l, ret);
}
