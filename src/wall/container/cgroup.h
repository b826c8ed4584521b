// SPDX-License-Identifier: Apache-2.0
/* Control groups: what a spec's resources mean on this host, and the groups that hold a workload.
 *
 * Owns the choice of hierarchies, the conversion of the specification's (v1's) units to v2, and the
 * groups made. Side effects: folders and writes below the cgroup mounts, signals, a device program.
 * Called from the process that creates the workload or from any later one; one thread. In the child
 * after the clone only cgroup_join().
 *
 * The calling sequence of a creation:
 *     cgroup_layout_read() → layout      reads /proc/self/{cgroup,mountinfo}; changes nothing
 *     cgroup_plan()        → plan        pure: spec + layout → groups, writes, device program
 *     scope_start()                      with the systemd driver: see scope.h
 *     cgroup_make()                      the groups exist (v2 controllers enabled on the way)
 *     cgroup_apply() for each write      in order; then cgroup_apply_devices() if any rules
 *     cgroup_open() → struct cgroup_door before the clone: the fds that let a process in
 *     clone3(CLONE_INTO_CGROUP, door.unified_fd); cgroup_join() in the child, first thing
 *     cgroup_door_close() in the parent
 *     cgroup_set_to_json() into wall.json; cgroup_set_from_json() in later processes
 *     cgroup_remove()                    kills what is left, waits by events, removes
 *
 * Which groups are made (docs/decisions/0003-cgroups.md has the figures):
 *   - on v2, one; on v1, one in each hierarchy that a limit, the device rules or the statistics
 *     need (memory, cpu, cpuacct, pids, blkio always; freezer where no v2 hierarchy is mounted);
 *   - on a hybrid host also one in the v2 hierarchy: it freezes, kills and tells emptiness without
 *     any controller;
 *   - at /cloison/<id> of each hierarchy as mounted here, or at cgroupsPath when that is absolute;
 *     a relative cgroupsPath is below our own group. "cloison" goes when it is empty;
 *   - with the systemd driver at the scope's path, in systemd's own v1 hierarchy too.
 * Entering costs microseconds, not milliseconds: v2 by CLONE_INTO_CGROUP, v1 by writing 0 to
 * `tasks` from the single-threaded child itself, which the kernel (5.5 and later) does without the
 * global lock that cgroup.procs takes. The cgroup namespace must therefore be made by the child
 * *after* cgroup_join(), with unshare(), never by clone3: its root is the group at that moment.
 *
 * A limit that the host cannot apply is ERROR_UNSUPPORTED naming the missing controller.
 * Specifications: OCI runtime 1.2 config-linux.md#control-groups; cgroup-v2.rst; cgroup-v1/. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"
#include "wall/wall.h"

enum cgroup_controller {
    CGROUP_MEMORY,
    CGROUP_CPU,
    CGROUP_CPUACCT, /* v1 alone */
    CGROUP_CPUSET,
    CGROUP_PIDS,
    CGROUP_IO, /* "blkio" on v1 */
    CGROUP_HUGETLB,
    CGROUP_DEVICES, /* v1 alone: v2 has device programs */
    CGROUP_FREEZER, /* v1 alone: v2 has cgroup.freeze */
    CGROUP_NET_CLS, /* v1 alone */
    CGROUP_NET_PRIO,
    CGROUP_RDMA,
    CGROUP_MISC,
    CGROUP_CONTROLLER_COUNT,
};
#define CGROUP_BIT(controller) (1u << (controller))

/* "memory", "cpu", …; CGROUP_IO is "blkio" on v1, "io" on v2. */
const char *cgroup_controller_name(enum cgroup_controller c, bool v2);

/* One mounted hierarchy as this process sees it. */
struct cgroup_hierarchy {
    bool v2;
    uint32_t controllers; /* CGROUP_BIT()s that groups here can have */
    const char *mount;    /* "/sys/fs/cgroup/memory" */
    const char *own;      /* our own group below the mount: "/" or "/user.slice/…" */
};

#define CGROUP_HIERARCHIES_MAX 16 /* the kernel has 14 controllers, and named ones */

struct cgroup_layout {
    struct cgroup_hierarchy items[CGROUP_HIERARCHIES_MAX];
    size_t count;
    int unified; /* index of the v2 hierarchy, or -1 */
    uint32_t controllers;
    const char *systemd_mount; /* of the v1 hierarchy by which systemd tells units apart, or NULL */
};

/* Reads the host's layout; strings live in the arena. An empty layout (nothing mounted) is no
 * error: the plan fails when a limit is asked for. */
int cgroup_layout_read(struct arena *a, struct cgroup_layout *ret, struct error **err) NODISCARD;

/* The groups that hold one workload: one a hierarchy. Strings belong to an arena or to the set made
 * by cgroup_set_from_json(). */
struct cgroup_group {
    const char *path;     /* absolute, in the host's mount namespace */
    const char *mount;    /* the hierarchy's mount point: path begins with it */
    uint32_t controllers; /* of the hierarchy (v2: of those wanted here) */
    bool v2;
};
struct cgroup_set {
    struct cgroup_group groups[CGROUP_HIERARCHIES_MAX];
    size_t count;
    int unified; /* index of the v2 group, or -1 */
};

/* One value into one file. */
struct cgroup_write {
    size_t group; /* index in the set */
    enum cgroup_controller controller;
    const char *file;          /* "memory.max" */
    const char *value;         /* "268435456" */
    const char *property;      /* in the user's words: "memory limit" */
    const char *instead_file;  /* where `file` does not exist: which scheduler weighs I/O … */
    const char *instead_value; /* … differs by host; NULL: none */
    bool lines;                /* the value's lines are written one by one */
    bool may_lack;             /* `file` refines another write; a kernel without it is fine */
};

/* What is to be done, fully resolved; all in the arena. */
struct cgroup_plan {
    struct cgroup_set set;
    struct scope_plan *scope; /* the groups are those of a scope that systemd makes; NULL: ours */
    uint32_t required; /* v2 controllers that a write needs; the others are enabled if possible */
    struct cgroup_write *writes;
    size_t write_count;
    const struct spec_device_rule *devices; /* no v1 controller: rules of a device program */
    size_t device_count;
    bool cpuset_inherit; /* v1: the parents' cpus and mems are to be copied down first */
};

/* Pure. A spec without resources still gets its groups (statistics, kill, freeze). */
int cgroup_plan(struct arena *a, const struct spec *s, const char *id, bool systemd,
                const struct cgroup_layout *layout, struct cgroup_plan *ret,
                struct error **err) NODISCARD;

/* One line each for `explain`: "/sys/fs/cgroup/memory/cloison/web" and
 * "memory.max = 268435456 (memory)". Appended, without a newline. */
void cgroup_describe_group(const struct cgroup_plan *p, size_t group, struct strbuf *out);
void cgroup_describe_write(const struct cgroup_plan *p, size_t write, struct strbuf *out);

/* The limits as they stand, a fact each: see wall/facts.h. */
void cgroup_facts(const struct cgroup_set *set, json_t *facts);

/* Makes the groups. -EEXIST and ERROR_EXISTS when one is there with processes in it; an empty one
 * of the same name (left by a crash) is taken over. Undoes what it made on failure. */
int cgroup_make(const struct cgroup_plan *p, struct error **err) NODISCARD;
/* Does write number `write`. The error names property, controller, file and value. */
int cgroup_apply(const struct cgroup_plan *p, size_t write, struct error **err) NODISCARD;
/* Loads and attaches the device program, when p->device_count > 0. */
int cgroup_apply_devices(const struct cgroup_plan *p, struct error **err) NODISCARD;

/* What lets a process into the groups: opened before the clone. */
struct cgroup_door {
    int unified_fd;                        /* for clone_args.cgroup, or -1 */
    int tasks_fds[CGROUP_HIERARCHIES_MAX]; /* v1: `tasks` of each group */
    size_t tasks_count;
};
int cgroup_open(const struct cgroup_set *set, struct cgroup_door *ret,
                struct error **err) NODISCARD;
void cgroup_door_close(struct cgroup_door *door);
/* In the single-threaded child: enters the v1 groups. 0, or -errno. Allocates nothing. */
int cgroup_join(const struct cgroup_door *door);
/* From outside: moves a process, of any number of threads, into all groups (slow: a grace period of
 * the kernel; the start path uses the door). */
int cgroup_attach(const struct cgroup_set *set, pid_t pid, struct error **err) NODISCARD;

/* The set as JSON, an array of {"path","mount","controllers","v2"}, and back (strings copied into
 * the arena). */
json_t *cgroup_set_to_json(const struct cgroup_set *set);
int cgroup_set_from_json(struct arena *a, const json_t *json, struct cgroup_set *ret,
                         struct error **err) NODISCARD;

/* Pause and resume: returns when every process stands still (runs again). */
int cgroup_freeze(const struct cgroup_set *set, struct error **err) NODISCARD;
int cgroup_thaw(const struct cgroup_set *set, struct error **err) NODISCARD;
/* Whether they are frozen; false when that cannot be read. */
bool cgroup_is_frozen(const struct cgroup_set *set);

/* Sends the signal to every process in the groups and below; SIGKILL leaves none out that forks
 * meanwhile. Frozen ones are thawed for SIGKILL. */
int cgroup_signal(const struct cgroup_set *set, int signal, struct error **err) NODISCARD;
/* The processes in the groups and below, sorted. The caller frees *ret. */
int cgroup_pids(const struct cgroup_set *set, pid_t **ret, size_t *ret_count,
                struct error **err) NODISCARD;

/* Changes limits of a running workload: only what `r` sets, in an order that each step allows
 * (raising memory after swap, lowering before); `scope` is the systemd unit to be told, or NULL. */
int cgroup_update(const struct cgroup_set *set, const char *scope, const struct spec_resources *r,
                  struct error **err) NODISCARD;
/* For an update that needs controllers in which the workload is not yet: *ret is the set with their
 * groups added, nothing made; 1 when it is larger. Strings are the arena's. */
int cgroup_widen(struct arena *a, const struct cgroup_set *set, const struct spec_resources *r,
                 struct cgroup_set *ret, struct error **err) NODISCARD;
/* Makes what cgroup_widen() added, and moves the workload in. */
int cgroup_make_wider(const struct cgroup_set *set, const struct cgroup_set *wider,
                      struct error **err) NODISCARD;

/* Fills every field of *ret, -1 where the host cannot say. */
int cgroup_stats(const struct cgroup_set *set, struct wall_stats *ret,
                 struct error **err) NODISCARD;
/* All that the host tells, in the shape of the "data" of runc's `events --stats`. Slow: some thirty
 * reads. */
json_t *cgroup_detail(const struct cgroup_set *set);
/* Two reads alone: whether the kernel killed for memory, or refused a fork for pids.max, since the
 * groups were made. To be asked when the workload ended, before cgroup_remove(). */
void cgroup_limits_hit(const struct cgroup_set *set, bool *ret_oom_killed, bool *ret_pids_refused);

/* A descriptor that polls ready (*ret_events: POLLPRI on v2, POLLIN on v1) when the kernel killed
 * for memory; cgroup_limits_hit() then tells. -ENOENT without a memory controller. The caller
 * closes it. */
int cgroup_oom_watch(const struct cgroup_set *set, short *ret_events, struct error **err) NODISCARD;

/* Kills what is left, waits for its end by events, removes the groups with all made below them, and
 * "cloison" above when empty. What is missing is success. */
int cgroup_remove(const struct cgroup_set *set, struct error **err) NODISCARD;
