// SPDX-License-Identifier: Apache-2.0
/* Namespaces, control groups, system calls of processes, KVM. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/host_internal.h"
#include "wall/container/cgroup.h"

/* Whether a child can have the namespace made: 0, or a positive errno. */
static int try_unshare(int flag)
{
    pid_t pid = fork();
    if (pid < 0) {
        return errno;
    }
    if (pid == 0) {
        _exit(unshare(flag) < 0 ? errno : 0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

void host_probe_namespaces(struct host_report *r)
{
    static const struct {
        const char *name, *file;
        int flag;
    } namespaces[] = {
        {"mount", "mnt", CLONE_NEWNS},
        {"pid", "pid", CLONE_NEWPID},
        {"network", "net", 0},
        {"ipc", "ipc", CLONE_NEWIPC},
        {"uts", "uts", CLONE_NEWUTS},
        {"user", "user", CLONE_NEWUSER},
        {"cgroup", "cgroup", CLONE_NEWCGROUP},
        {"time", "time", CLONE_NEWTIME},
    };
    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
        CLEANUP(free) char *path = str_format("/proc/self/ns/%s", namespaces[i].file);
        int code = access(path, F_OK) == 0 ? 0 : ENOSYS;
        /* A network namespace takes milliseconds to make and to drop: its file must do. */
        if (code == 0 && namespaces[i].flag) {
            code = try_unshare(namespaces[i].flag);
        }
        host_add(r, "Namespaces", namespaces[i].name, code, NULL);
    }
}

static const struct cgroup_hierarchy *hierarchy_of(const struct cgroup_layout *layout,
                                                   enum cgroup_controller c)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->items[i].controllers & CGROUP_BIT(c)) {
            return &layout->items[i];
        }
    }
    return NULL;
}

/* What v2 does without a controller of that name. */
static const char *without_controller(const struct cgroup_layout *layout, enum cgroup_controller c)
{
    if (layout->unified < 0) {
        return NULL;
    }
    return c == CGROUP_DEVICES   ? "by device programs (eBPF)"
           : c == CGROUP_FREEZER ? "by cgroup.freeze"
           : c == CGROUP_CPUACCT ? "by cpu.stat"
                                 : NULL;
}

void host_probe_cgroups(struct host_report *r)
{
    struct cgroup_layout layout = {0};
    CLEANUP(error) struct error *err = NULL;
    if (cgroup_layout_read(r->arena, &layout, &err) < 0) {
        host_add(r, "Control groups", "hierarchies", ENOENT, err->message);
        return;
    }
    bool v1 = layout.count > (layout.unified >= 0 ? 1u : 0u);
    r->cgroup_layout = layout.unified < 0 ? (v1 ? "v1" : "none") : v1 ? "hybrid" : "v2";
    r->cgroup_version = v1 ? 1 : layout.unified >= 0 ? 2 : 0;
    host_add(r, "Control groups", "hierarchies", layout.count ? 0 : ENOENT,
             layout.count ? r->cgroup_layout : "none is mounted");
    for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
        if (c == CGROUP_NET_CLS || c == CGROUP_NET_PRIO) {
            continue; /* nothing of ours needs them */
        }
        const struct cgroup_hierarchy *h = hierarchy_of(&layout, (enum cgroup_controller)c);
        const char *name = cgroup_controller_name((enum cgroup_controller)c, h ? h->v2 : true);
        const char *instead = h ? NULL : without_controller(&layout, (enum cgroup_controller)c);
        CLEANUP(free)
        char *detail = h ? str_format("%s, %s", h->v2 ? "v2" : "v1", h->mount) : xstrdup(instead);
        host_add(r, "Control groups", name, h || instead ? 0 : ENOENT,
                 detail ? detail : "no such controller on this host");
    }
}

void host_probe_processes(struct host_report *r)
{
    static const char group[] = "Processes";
    /* Arguments that are refused, but for another reason than the call's absence. */
    host_add(r, group, "clone3", host_errno_unless(syscall(SYS_clone3, NULL, 0), EINVAL), NULL);
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    host_add(r, group, "pidfd", pidfd < 0 ? errno : 0, NULL);
    host_add(r, group, "close_range",
             host_errno_unless(syscall(SYS_close_range, ~0U, ~0U, 0), EINVAL), NULL);
    int subreaper = 0;
    host_add(r, group, "subreaper",
             prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) < 0 ? errno : 0, NULL);
}

void host_probe_vm(struct host_report *r)
{
    CLEANUP(fd) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        int code = errno;
        host_add(r, "Virtual machines", "KVM", code,
                 code == ENOENT ? "there is no /dev/kvm" : NULL);
        return;
    }
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    int code = version < 0 ? errno : 0;
    CLEANUP(fd) int vm = code ? -1 : ioctl(fd, KVM_CREATE_VM, 0);
    if (!code && vm < 0) {
        code = errno;
    }
    CLEANUP(free) char *detail = code ? NULL : str_format("API version %d", version);
    host_add(r, "Virtual machines", "KVM", code, detail);
}
