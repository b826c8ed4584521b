// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/file.h"

enum { WAIT_MS = 10000, LIST_BYTES_MAX = 64 * 1024, UEVENTS_KERNEL = 1 };

struct file_system {
    const char *type, *target, *options;
    unsigned long flags;
};

static int mount_all(const struct file_system *list, size_t count, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        const struct file_system *f = &list[i];
        int r = mkdir_all(f->target, 0755, err);
        if (r < 0) {
            return r;
        }
        if (mount(f->type, f->target, f->type, f->flags, f->options) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "mounting %s on '%s'", f->type,
                                   f->target);
        }
    }
    return 0;
}

static int load_module(const char *name, struct error **err)
{
    CLEANUP(free) char *path = str_format("/modules/%s.ko", name);
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "loading the module '%s'", name);
    }
    (void)unlink(path); /* only for its memory */
    return 0;
}

int boot_modules(struct error **err)
{
    static const struct file_system early[] = {
        {"proc", "/proc", NULL, 0}, {"sysfs", "/sys", NULL, 0}, {"devtmpfs", "/dev", NULL, 0}};
    CLEANUP(free) char *order = NULL;
    CLEANUP(strv) struct strv names = {0};
    int r = mount_all(early, ARRAY_SIZE(early), err);
    r = r < 0 ? r : file_read(AT_FDCWD, "/modules/order", LIST_BYTES_MAX, &order, NULL, err);
    if (r < 0) {
        return r;
    }
    strv_split(&names, order, '\n');
    for (size_t i = 0; r >= 0 && i < names.count; i++) {
        r = names.items[i][0] ? load_module(names.items[i], err) : 0;
    }
    return r;
}

int boot_root(struct error **err)
{
    static const struct file_system root = {"tmpfs", "/root", "mode=0755", 0};
    static const struct file_system late[] = {
        {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"devtmpfs", "/dev", NULL, MS_NOSUID},
        {"devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
        {"tmpfs", "/dev/shm", NULL, MS_NOSUID | MS_NODEV},
        {"mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
        {"tmpfs", "/tmp", NULL, MS_NOSUID | MS_NODEV},
        {"cgroup2", "/sys/fs/cgroup", "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC},
    };
    (void)unlink("/init"); /* only for its memory; it runs on */
    int r = mount_all(&root, 1, err);
    if (r < 0) {
        return r;
    }
    if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a root that can be left");
    }
    return mount_all(late, ARRAY_SIZE(late), err);
}

/* --- what the kernel finds, it says by uevents
 * ---------------------------------------------------- */

/* One try of a finder: 1 and *ret, 0 not there yet, or an error. */
typedef int find_function(const char *wanted, char **ret, struct error **err);

/* In a folder of /sys, the entry whose `attribute` is `wanted`, as "/dev/<entry>". */
static int find_by(const char *folder, const char *attribute, const char *wanted, char **ret)
{
    CLEANUP(dir) DIR *d = opendir(folder);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        CLEANUP(free) char *path = str_format("%s/%s/%s", folder, e->d_name, attribute);
        CLEANUP(free) char *value = NULL;
        if (file_read_line(AT_FDCWD, path, &value, NULL) >= 0 && str_equal(value, wanted)) {
            *ret = str_format("/dev/%s", e->d_name);
            return 1;
        }
    }
    return 0;
}

static int find_port(const char *wanted, char **ret, struct error **err)
{
    (void)err;
    return find_by("/sys/class/virtio-ports", "name", wanted, ret);
}

static int find_disk(const char *wanted, char **ret, struct error **err)
{
    (void)err;
    return find_by("/sys/block", "serial", wanted, ret);
}

static int wait_until(find_function *find, const char *wanted, char **ret, struct error **err)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = UEVENTS_KERNEL};
    CLEANUP(fd)
    int events =
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (events < 0 || bind(events, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "listening to the kernel's events");
    }
    char event[8192];
    int64_t end = clock_ms() + WAIT_MS;
    for (;;) {
        int r = find(wanted, ret, err);
        int64_t left = end - clock_ms();
        if (r != 0 || left <= 0) {
            return r;
        }
        struct pollfd p = {.fd = events, .events = POLLIN};
        (void)poll(&p, 1, (int)left); /* whatever it says: we look again */
        while (recv(events, event, sizeof(event), 0) > 0) {
        }
    }
}

int boot_open_port(const char *name, struct error **err)
{
    CLEANUP(free) char *path = NULL;
    int r = wait_until(find_port, name, &path, err);
    if (r == 0) {
        return error_set(err, ERROR_NOT_FOUND, 0, "the machine has no port '%s'", name);
    }
    return r < 0 ? r : open_file(AT_FDCWD, path, O_RDWR | O_NONBLOCK, 0, err);
}

int boot_find_disk(const char *serial, char **ret, struct error **err)
{
    int r = wait_until(find_disk, serial, ret, err);
    return r == 0 ? error_set(err, ERROR_NOT_FOUND, 0, "the machine has no disk '%s'", serial) : r;
}
