// SPDX-License-Identifier: Apache-2.0
/* What a wall is: the one contract behind which namespaces or a virtual machine isolate a workload.
 *
 * Used by the engine's monitor (create … delete), by exec and by `explain` (plan, describe). Code
 * outside wall/ never asks which wall it has: what a wall cannot do is a NULL op, and wall_cannot()
 * words it.
 *
 * The calling sequence:
 *     plan(params) → plan            pure: no system call that changes anything; may read /proc
 *     create(plan, io, callbacks)    the workload exists, set up, its program not yet executed
 *     start(workload)                its program runs (returns when exec succeeded or says why not)
 *     open(state_dir)                in any later process: signal, exec, pause, stats, …
 *     delete(workload)               everything undone; also after a crash half way
 * If plan() succeeded, create() may fail only for a run-time reason, and undoes what it did.
 *
 * State: created → running ⇄ paused → stopped → deleted. What must outlive the process that created
 * the workload is in <state_dir>/wall.json (pid, start time, cgroup paths, …), written whole. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

/* Where the root file system comes from. With layers the wall makes the overlay itself, in the
 * workload's own mount namespace: the host's never sees it, so nothing can be left there. */
struct wall_rootfs {
    const char *path;          /* a folder that is the root; NULL when layers are given */
    const char *const *layers; /* overlay: folders, topmost first */
    size_t layer_count;        /* 1 to 127 */
    const char *upper, *work;  /* overlay: writable folders on one file system; NULL: read-only */
    bool is_limited; /* `upper` takes no more than the spec wants written: seen to by the caller */
    /* Never sync what is written: for a workload that is thrown away (--rm). Else the end of its
     * last process waits for the disk of the whole file system. */
    bool is_volatile;
    bool idmap; /* in a user namespace, map the ids of `path` too; those of layers always are */
};

struct wall_params {
    const char *id;          /* at most 128 of [A-Za-z0-9_.-] */
    const struct spec *spec; /* validated; outlives the plan */
    const char *bundle;      /* for hooks' state and relative root; may be NULL */
    const char *state_dir;   /* absolute, tmpfs, exists before create(), this object's own */
    const char *cache_dir;   /* absolute: compiled seccomp programs */
    const char *kernels_dir; /* absolute: kernels that the user keeps for machines, or NULL */
    struct wall_rootfs rootfs;
    uint64_t receive_rate, transmit_rate; /* of its network, bits a second; 0: no limit */
    bool is_thrown_away; /* nobody looks at what it wrote when it has ended (--rm) */
    bool systemd_cgroup;
    bool no_cgroups; /* makes none: whatever limits the spec has are not applied */
    bool no_pivot, no_new_keyring;
    bool remote_start;     /* start() may come from another process than create() */
    int preserve_fd_count; /* fds 3 … 3+n-1 are passed on */
};

/* What the workload's first process gets as 0, 1, 2 (borrowed). With spec->process.terminal the
 * wall makes a pseudo-terminal inside and hands its master to `console` below instead. */
struct wall_io {
    int in, out, err;
};

struct wall_callbacks {
    void *context;
    /* Called beside the child's set-up, when its namespaces exist (network attachment). NULL: none.
     * The program is not executed before it returns; a failure undoes the creation. */
    int (*beside)(void *context, pid_t pid, struct error **err);
    /* Receives the pseudo-terminal's master; keeps it. */
    void (*console)(void *context, int master_fd);
    /* Told when a phase ends, for --timing: "clone", "mounts", "exec", … NULL: nobody listens. */
    void (*timing)(void *context, const char *phase);
    /* As set_warning() below, during the creation and after. NULL: nobody listens. */
    void (*warning)(void *context, const char *text);
};

struct plan;     /* a wall's own; opaque outside */
struct workload; /* likewise */

struct wall_stats { /* of the whole workload; -1 where the host cannot say */
    int64_t cpu_ns, cpu_user_ns, cpu_system_ns, cpu_throttled_ns, cpu_throttled_count;
    int64_t memory_bytes, memory_limit_bytes, memory_cache_bytes, memory_peak_bytes, swap_bytes;
    int64_t oom_kills, pids, pids_limit, pids_refused;
    int64_t read_bytes, write_bytes, read_ops, write_ops;
};

/* Folders by which a workload's files can be looked at: its root without what is mounted in it,
 * what it has written over its layers, its kernel's /proc. */
enum wall_tree { WALL_TREE_ROOT, WALL_TREE_UPPER, WALL_TREE_PROCESSES };

enum wall_state { WALL_CREATED, WALL_RUNNING, WALL_PAUSED, WALL_STOPPED };

struct wall_exec { /* another process in a running workload */
    const struct spec_process *process;
    struct wall_io io;
    void (*console)(void *context, int master_fd);
    void *context;
    /* Groups below the workload's own, each "[CONTROLLER[,…]:]PATH"; NULL: none. They exist. */
    const struct strv *cgroups;
    bool privileged;       /* all capabilities, no seccomp */
    bool ignore_paused;    /* in a paused workload too: it then waits for resume */
    int preserve_fd_count; /* as in wall_params */
};

/* `text` is one line; borrowed. */
typedef void wall_warning(void *context, const char *text);

/* `cgroup` is the path of the workload's group below its hierarchy's mount, NULL: it has none. */
typedef int wall_make(void *context, const char *cgroup, pid_t *ret_pid, struct error **err);

enum wall_format { WALL_TEXT, WALL_JSON };

struct wall_ops {
    const char *name;      /* "container", "vm" */
    bool fixed_interfaces; /* those that it starts with: no network is joined or left meanwhile */
    int (*plan)(const struct wall_params *params, struct plan **ret, struct error **err);
    /* The plan as a readable ordered list, or as a JSON array of steps. */
    int (*describe)(const struct plan *plan, enum wall_format format, struct strbuf *out,
                    struct error **err);
    void (*plan_free)(struct plan *plan);
    /* Appends the names of the mount options that it knows, file systems' own excepted. */
    void (*mount_options)(struct strv *ret);
    /* Its part of the settings file, each of whose texts is the annotation
     * "org.cloison.<part>.<key>" where a spec has none. NULL: it has no part. */
    const char *settings;

    int (*create)(struct plan *plan, const struct wall_io *io,
                  const struct wall_callbacks *callbacks, struct workload **ret,
                  struct error **err);
    /* In the place of create() and start(), for a restore: the workload is made by `make`, which
     * gives its first process's number, a child of ours; groups and record are the wall's. */
    int (*adopt)(struct plan *plan, wall_make *make, void *context, struct workload **ret,
                 struct error **err);
    int (*start)(struct workload *w, struct error **err);
    int (*open)(const char *state_dir, struct workload **ret, struct error **err);
    /* Who is told of what goes wrong without being a failure: poststart and poststop hooks. */
    void (*set_warning)(struct workload *w, wall_warning *warning, void *context);
    void (*close)(struct workload *w); /* frees the handle, the workload lives on */

    pid_t (*pid)(const struct workload *w); /* of its first process as the host sees it, or 0 */
    enum wall_state (*state)(struct workload *w); /* read from the kernel, not from memory */
    int (*signal)(struct workload *w, int signal, bool all, struct error **err);
    /* Starts the process; its pid, as a child of the caller, in *ret_pid. Errors of exec are
     * ERROR_COMMAND_NOT_FOUND and ERROR_COMMAND_NOT_EXECUTABLE. */
    int (*exec)(struct workload *w, const struct wall_exec *exec, pid_t *ret_pid,
                struct error **err);
    /* The processes, as numbers of the host's, or of what files() gives as WALL_TREE_PROCESSES. */
    int (*pids)(struct workload *w, pid_t **ret, size_t *ret_count, struct error **err);
    /* A folder through which this process and its children use a running workload's files; the
     * caller closes it. It may be a file system's that a process of ours serves meanwhile. NULL:
     * they are the host's own files, to be found there. */
    int (*files)(struct workload *w, enum wall_tree tree, int *ret_fd, struct error **err);
    /* The same of one that does not run. */
    int (*browse)(struct plan *plan, enum wall_tree tree, int *ret_fd, struct error **err);
    int (*pause)(struct workload *w, struct error **err);
    int (*resume)(struct workload *w, struct error **err);
    /* The control group by which it is paused, as the host sees it; NULL: there is none. The
     * workload's own. */
    const char *(*freezer)(const struct workload *w);
    int (*update)(struct workload *w, const struct spec_resources *r, struct error **err);
    /* Other rates of its network, as in wall_params. NULL: whoever attached the network holds them
     * alone. */
    int (*update_network)(struct workload *w, uint64_t receive_rate, uint64_t transmit_rate,
                          struct error **err);
    /* A running workload that binds this file of the host's is to have its text as it is by now,
     * unless it has written there itself. NULL: what it binds is the file. */
    int (*refresh_file)(struct workload *w, const char *path, struct error **err);
    /* Other schemata for its resctrl group; NULL: as it is. */
    int (*update_rdt)(struct workload *w, const char *l3, const char *mem_bw, struct error **err);
    int (*stats)(struct workload *w, struct wall_stats *ret, struct error **err);
    /* All statistics that the host has, as the "data" of runc's `events --stats`. */
    json_t *(*detail)(struct workload *w);
    /* The wall as it stands, read back from the kernel: an array of facts, see wall/facts.h. */
    int (*isolation)(struct workload *w, json_t **ret, struct error **err);
    /* A descriptor that polls ready (*ret_events) when the kernel may have killed for memory;
     * limits_hit() tells. The caller closes it. */
    int (*watch_memory)(struct workload *w, short *ret_events, struct error **err);
    /* Whether the kernel has killed for memory, or refused a process for their limit. Asked when
     * the workload has ended, before delete: two reads instead of all that stats() makes. */
    void (*limits_hit)(struct workload *w, bool *ret_oom_killed, bool *ret_pids_refused);
    /* Why it ended, when that was not the workload's own doing (its kernel panicked): one line, the
     * caller's to free, or NULL. Asked when it has ended, before delete. NULL: it never is. */
    char *(*end_reason)(struct workload *w);
    /* Kills what is left, removes cgroups, forgets the state. Works after any crash: given a
     * state_dir whose create() was cut short too. Idempotent. Frees w. */
    int (*delete)(struct workload *w, struct error **err);
};

extern const struct wall_ops wall_container, wall_vm;

/* By name; ERROR_USAGE naming the walls there are. */
int wall_find(const char *name, const struct wall_ops **ret, struct error **err) NODISCARD;
/* Appends the names of all. */
void wall_names(struct strv *ret);
/* The error of a NULL op: "the container wall cannot <what>". */
int wall_cannot(const struct wall_ops *wall, const char *what, struct error **err);
