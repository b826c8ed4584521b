// SPDX-License-Identifier: Apache-2.0
/* What a root behind the wall sees and reaches, read where it stands. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compare/probe/probe.h"

#define TEXT_BYTES 8192

static void fact(const char *name, const char *value)
{
    printf("fact %s %s\n", name, value);
}

static ssize_t read_text(const char *path, char text[TEXT_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n;
}

static void fact_of_file(const char *name, const char *path)
{
    char text[TEXT_BYTES];
    if (read_text(path, text) > 0) {
        text[strcspn(text, "\n")] = '\0';
        fact(name, text);
    }
}

/* The value behind "Key:\t" in /proc/self/status. */
static void fact_of_status(const char *name, const char *status, const char *key)
{
    const char *at = strstr(status, key);
    char value[64];
    if (at && sscanf(at + strlen(key), ":%63s", value) == 1) {
        fact(name, value);
    }
}

static void fact_of_number(const char *name, unsigned value)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", value);
    fact(name, text);
}

/* The nodes of /dev, counted, not opened: a watchdog's opening has an effect. */
static void devices(void)
{
    DIR *d = opendir("/dev");
    unsigned count = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        struct stat st;
        count += fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
    }
    if (d) {
        (void)closedir(d);
        fact_of_number("devices", count);
    }
}

static bool opens(const char *path, unsigned major_number, unsigned minor_number)
{
    if (mknod(path, S_IFBLK | 0600, makedev(major_number, minor_number)) < 0) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    (void)unlink(path);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* The disks of its kernel, each tried as a root would: by making a node and opening it to read. */
static void disks(const char *folder)
{
    char text[TEXT_BYTES], path[512];
    unsigned major_number, minor_number, seen = 0, opened = 0;
    int n = snprintf(path, sizeof(path), "%s/.cloison-probe-disk", folder);
    if (n < 0 || n >= (int)sizeof(path) || read_text("/proc/partitions", text) <= 0) {
        return;
    }
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%u %u", &major_number, &minor_number) == 2) {
            seen++;
            opened += opens(path, major_number, minor_number);
        }
    }
    fact_of_number("disks", seen);
    fact_of_number("disks-opened", opened);
}

/* Settings of the kernel for everybody on it: opened for writing, not written to. */
static void writable(const char *name, const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    fact(name, fd >= 0 ? "yes" : "no");
    if (fd >= 0) {
        (void)close(fd);
    }
}

void probe_facts(const char *folder)
{
    char status[TEXT_BYTES];
    struct utsname u;
    if (uname(&u) == 0) {
        fact("kernel", u.release);
    }
    fact_of_file("boot", "/proc/sys/kernel/random/boot_id");
    if (read_text("/proc/self/status", status) > 0) {
        fact_of_status("seccomp", status, "\nSeccomp");
        fact_of_status("capabilities", status, "\nCapEff");
        fact_of_status("no-new-privileges", status, "\nNoNewPrivs");
    }
    fact_of_file("label", "/proc/self/attr/current");
    fact_of_file("user-ids", "/proc/self/uid_map");
    fact_of_number("user", getuid());
    devices();
    disks(folder);
    writable("kernel-settings-writable", "/proc/sys/kernel/core_pattern");
    writable("kernel-trigger-writable", "/proc/sysrq-trigger");
}
