// SPDX-License-Identifier: Apache-2.0
#include "spec/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/json.h"

#define DEPTH_MAX 8              /* of folders below /dev */
#define JSON_BYTES_MAX (4 << 20) /* of a seccomp profile: Docker's has 15 KiB */
#define PERMISSIONS 07777

static bool is_device(mode_t mode)
{
    return S_ISCHR(mode) || S_ISBLK(mode);
}

static void add_device(struct arena *a, const char *path, const struct stat *st,
                       struct spec_device **items, size_t *count)
{
    *arena_push(a, *items, *count) = (struct spec_device){
        .type = S_ISBLK(st->st_mode) ? 'b' : 'c',
        .path = arena_strdup(a, path),
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .file_mode = {true, st->st_mode & PERMISSIONS},
        .uid = {true, st->st_uid},
        .gid = {true, st->st_gid},
    };
}

/* What a container has of its own in /dev. */
static bool is_own(const char *name)
{
    static const char *const names[] = {".",    "..",     "pts",     "shm",  "fd",   "mqueue",
                                        ".lxc", ".udev",  "console", "ptmx", "null", "zero",
                                        "full", "random", "urandom", "tty",  NULL};
    return str_in(name, names);
}

static int walk(struct arena *a, const char *path, int depth, struct spec_device **items,
                size_t *count, struct error **err)
{
    CLEANUP(dir) DIR *d = opendir(path);
    if (!d) {
        return errno == ENOENT ? 0 : error_set_errno(err, ERROR_KERNEL, errno, "'%s'", path);
    }
    int r = 0;
    for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
        struct stat st;
        /* Links are left out, as they would be the same device twice; a device may vanish. */
        if (is_own(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        CLEANUP(free) char *below = str_format("%s/%s", path, e->d_name);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            r = walk(a, below, depth + 1, items, count, err);
        } else if (is_device(st.st_mode)) {
            add_device(a, below, &st, items, count);
        }
    }
    return r;
}

int host_devices_list(void *context, const char *path, struct arena *a, struct spec_device **items,
                      size_t *count, struct error **err)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, 0, "no such device: '%s'", path)
                               : error_set_errno(err, ERROR_KERNEL, errno, "device '%s'", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return walk(a, path, 0, items, count, err);
    }
    if (!is_device(st.st_mode)) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is not a device", path);
    }
    add_device(a, path, &st, items, count);
    return 0;
}

int host_json_read(void *context, const char *path, json_t **ret, struct error **err)
{
    return json_load_path(AT_FDCWD, path, JSON_BYTES_MAX, ret, err);
}

/* The permitted set: what this process can hand on. */
static uint64_t own_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) < 0) {
        return 0; /* unknown: nothing is left out beforehand */
    }
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

/* The CPUs this process may use, as `nproc` counts them. */
static int own_cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) < 0 ? 0 : CPU_COUNT(&set);
}

static const char *read_line(struct arena *a, const char *path)
{
    CLEANUP(free) char *line = NULL;
    return file_read_line(AT_FDCWD, path, &line, NULL) < 0 ? NULL : arena_strdup(a, line);
}

/* Whether any bind mount may be relative to the working directory. */
static bool needs_cwd(const struct run_request *request)
{
    for (size_t i = 0; i < request->volumes.count; i++) {
        if (request->volumes.items[i][0] == '.') {
            return true;
        }
    }
    for (size_t i = 0; i < request->mounts.count; i++) {
        if (strstr(request->mounts.items[i], "=.")) {
            return true;
        }
    }
    return false;
}

static const char *hostname(struct arena *a)
{
    struct utsname name;
    return uname(&name) < 0 ? "localhost" : arena_strdup(a, name.nodename);
}

void spec_environment_host(struct arena *a, const struct run_request *request,
                           struct spec_environment *ret)
{
    ret->host_cpu_count = request->cpus_thousandths.set ? own_cpu_count() : 0;
    ret->host_capabilities = own_capabilities();
    ret->host_hostname = hostname(a);
    ret->host_apparmor = access("/sys/kernel/security/apparmor", F_OK) == 0;
    ret->host_selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
    ret->cgroup_namespace = access("/proc/self/ns/cgroup", F_OK) == 0;
    if (!request->privileged &&
        access("/sys/devices/system/cpu/cpu0/thermal_throttle", F_OK) == 0) {
        long possible = sysconf(_SC_NPROCESSORS_CONF);
        ret->thermal_throttle_cpus = possible > 0 ? (int)possible : 0;
    }
    if (request->cpuset_cpus) {
        ret->host_cpus = read_line(a, "/sys/devices/system/cpu/online");
    }
    if (request->cpuset_mems) {
        ret->host_mems = read_line(a, "/sys/devices/system/node/online");
    }
    if (needs_cwd(request)) {
        CLEANUP(free) char *cwd = getcwd(NULL, 0);
        ret->cwd = arena_strdup(a, cwd);
    }
    ret->devices = host_devices_list;
    ret->read_json = host_json_read;
}
