// SPDX-License-Identifier: Apache-2.0
/* The kinds of steps: one table that says of each what it is called, who applies it and when, and
 * how it is described, applied and undone.
 *
 * Side effects: those of the step applied. The parent's functions run in the process that creates
 * the workload, have errors with words and may allocate. The child's run after the clone: they
 * return 0 or a negative errno, set apply->detail where that alone does not say what failed, and
 * allocate nothing.
 *
 * Use: create.c applies the phases of the parent and undoes; apply.c those of the child; describe.c
 * writes the plan for people and machines. A new kind is a row here and a step_*.c. */
#pragma once

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "wall/container/cgroup.h"
#include "wall/container/plan.h"
#include "wall/container/scope.h"

/* Who applies a step, and when. */
enum step_phase {
    PHASE_HOST,   /* the parent, before the clone */
    PHASE_RELAY,  /* the process in between, before the clone */
    PHASE_CLONE,  /* the clone itself */
    PHASE_BESIDE, /* the parent, while the child sets itself up */
    PHASE_CHILD,  /* the child */
    PHASE_HALT,   /* the parent, while the child stands at the rendezvous */
    PHASE_READY,  /* the parent, when the child is ready: what would hinder the set-up */
    PHASE_LATER,  /* not in the creation: start(), delete() */
    PHASE_COUNT,
};

/* What an errno alone does not tell. A fixed number, worded by the parent. */
enum step_detail {
    DETAIL_NONE,
    DETAIL_SOURCE,         /* opening the source of the mount */
    DETAIL_TARGET,         /* opening or making the target */
    DETAIL_IDMAP,          /* the file system cannot be id-mapped */
    DETAIL_OPTION,         /* the file system refused option number `number` */
    DETAIL_ATTRIBUTES,     /* mount_setattr */
    DETAIL_PROPAGATION,    /* likewise */
    DETAIL_NOT_PROC,       /* what should be procfs is not */
    DETAIL_ON_PROC,        /* the target is below /proc */
    DETAIL_SYMLINK,        /* the target is a symlink, or not a folder */
    DETAIL_NOT_DEVICE,     /* the node found is another one */
    DETAIL_COPY,           /* tmpcopyup */
    DETAIL_NOT_OURS,       /* capability number `number` is not ours to give */
    DETAIL_OUTSIDE,        /* the working folder is outside the root */
    DETAIL_OWN_NAMESPACE,  /* the mount namespace to join is the host's own */
    DETAIL_NOT_IN_PATH,    /* the program is nowhere in $PATH */
    DETAIL_NO_PROGRAM,     /* the program's path leads nowhere */
    DETAIL_NOT_EXECUTABLE, /* the program cannot be executed */
    DETAIL_NO_DEVPTS,      /* no devpts to make the terminal from */
    DETAIL_LAYER,          /* layer number `number` */
    DETAIL_COUNT,
};

/* All that the child tells about what went wrong. */
struct step_failure {
    int step, code; /* index in the plan; a positive errno */
    enum step_detail detail;
    int number;
};

/* The child's state: on its stack, nothing of it on the heap. */
struct apply {
    const struct plan *plan;
    const struct cgroup_door *door; /* the v1 groups to enter; NULL: none */
    int channel;                    /* to the parent: see channel.h */
    int start_listener;             /* accepts one that starts us from elsewhere; -1: none */
    int proc_fd;                    /* the host's /proc, known to be procfs */
    int root_fd;                    /* the rootfs; -1 before it is there */
    int stdio[3];                   /* what becomes 0, 1, 2 */
    int mask_fd;                    /* the first masked folder's tmpfs, or -1 */
    int *slots;                     /* detached mounts from the parent, -1 when not there */
    const int *namespace_fds;       /* joined namespaces, by index */
    bool relay_unshared;            /* the relay's own namespaces are made */
    bool inside;                    /* pivot_root has happened */
    char program[4096];             /* found in PATH */
    size_t step;                    /* being applied */
    enum step_detail detail;
    int number;
};

struct workload;
struct wall_callbacks;

/* The parent's state. */
struct creation {
    struct plan *plan;
    const struct wall_callbacks *callbacks;
    pid_t pid; /* the child's; 0 before the clone */
    int pidfd;
    int proc_fd;        /* the host's /proc, known to be procfs */
    int *namespace_fds; /* joined ones, by index */
    int *slots;         /* detached mounts for the child */
    struct scope_helper scope;
    bool hooks_begun; /* the first of them may have run: poststop's will, when this fails */
    size_t done;      /* steps before this one have been applied, where they are the parent's */
};

/* How a step describes itself. */
struct description {
    struct strbuf text;  /* "tmpfs on '/run'": follows the kind's `doing` in errors */
    struct strbuf extra; /* "nosuid,mode=755": for explain alone */
    json_t *fields;      /* NULL when nobody wants JSON */
};
void describe_text(struct description *d, const char *format, ...) PRINTF_LIKE(2, 3);
void describe_extra(struct description *d, const char *format, ...) PRINTF_LIKE(2, 3);
void describe_str(struct description *d, const char *key, const char *value); /* NULL: left out */
void describe_int(struct description *d, const char *key, int64_t value);
void describe_bool(struct description *d, const char *key, bool value);
void describe_strv(struct description *d, const char *key, const char *const *items, size_t count);

struct step_kind_info {
    const char *name;  /* "mount", in explain */
    const char *doing; /* "mounting", in errors */
    enum step_phase phase;
    void (*describe)(const struct plan *p, const struct step *s, struct description *d);
    /* NULL: nothing to do (the clone's). */
    int (*apply)(struct apply *a, const struct step *s);
    /* The parent's phases. */
    int (*apply_host)(struct creation *c, const struct step *s, struct error **err);
    /* Called for each step applied by the parent, last first, when the creation fails. */
    void (*undo)(struct creation *c, const struct step *s);
};
extern const struct step_kind_info step_kinds[STEP_KIND_COUNT];
const char *step_phase_name(enum step_phase phase);

/* "mounting tmpfs on '/run'". The caller frees. */
char *step_doing(const struct plan *p, const struct step *s);
/* The child's failure in words; always an error. */
int step_failure_to_error(const struct plan *p, const struct step_failure *f, struct error **err);

/* The program could not be found or executed: in Docker's words, with the kinds that make 126, 127.
 */
int step_program_error(const char *name, const struct step_failure *f, struct error **err);

/* Sets the detail and gives the code back: return step_fail(a, -errno, DETAIL_TARGET, 0); */
static inline int step_fail(struct apply *a, int code, enum step_detail detail, int number)
{
    a->detail = detail;
    a->number = number;
    return code;
}

/* wall_ops.describe. */
enum wall_format;
int plan_describe(const struct plan *plan, enum wall_format format, struct strbuf *out,
                  struct error **err) NODISCARD;

/* The kinds' own functions, by file. */
#define STEP_DESCRIBE(kind)                                                                        \
    void describe_##kind(const struct plan *p, const struct step *s, struct description *d)
#define STEP_CHILD(kind) int apply_##kind(struct apply *a, const struct step *s)
#define STEP_HOST(kind)                                                                            \
    int host_##kind(struct creation *c, const struct step *s, struct error **err)
#define STEP_UNDO(kind) void undo_##kind(struct creation *c, const struct step *s)

/* step_scope.c */
STEP_DESCRIBE(scope);
STEP_HOST(scope);
STEP_UNDO(scope);
STEP_DESCRIBE(scope_settle);
STEP_HOST(scope_settle);
/* step_cgroup.c */
STEP_DESCRIBE(cgroup);
STEP_HOST(cgroup);
STEP_UNDO(cgroup);
STEP_DESCRIBE(cgroup_write);
STEP_HOST(cgroup_write);
STEP_DESCRIBE(cgroup_devices);
STEP_HOST(cgroup_devices);
STEP_DESCRIBE(cgroup_join);
STEP_CHILD(cgroup_join);
/* step_rdt.c */
STEP_DESCRIBE(rdt);
STEP_HOST(rdt);
STEP_UNDO(rdt);
STEP_DESCRIBE(rdt_join);
STEP_HOST(rdt_join);
/* step_namespace.c */
STEP_DESCRIBE(namespace_join);
STEP_CHILD(namespace_join);
STEP_DESCRIBE(namespace_new);
STEP_DESCRIBE(time_offset);
STEP_CHILD(time_offset);
STEP_DESCRIBE(cgroup_namespace);
STEP_CHILD(cgroup_namespace);
STEP_DESCRIBE(hostname);
STEP_CHILD(hostname);
STEP_DESCRIBE(loopback);
STEP_CHILD(loopback);
STEP_DESCRIBE(domainname);
STEP_CHILD(domainname);
/* step_ids.c */
STEP_DESCRIBE(id_map);
STEP_HOST(id_map);
STEP_DESCRIBE(root_ids);
STEP_CHILD(root_ids);
/* step_limits.c: what the parent sets on the child's process */
STEP_DESCRIBE(oom_score);
STEP_HOST(oom_score);
STEP_DESCRIBE(rlimit);
STEP_HOST(rlimit);
STEP_DESCRIBE(scheduler);
STEP_HOST(scheduler);
STEP_DESCRIBE(io_priority);
STEP_HOST(io_priority);
STEP_DESCRIBE(affinity);
STEP_HOST(affinity);
/* Reads "0-3,7" into the set; the text is known to be a list. */
void affinity_parse(const char *text, cpu_set_t *set);
/* step_net_device.c */
STEP_DESCRIBE(net_device);
STEP_HOST(net_device);
/* step_sync.c: where parent and child meet */
STEP_DESCRIBE(await_parent);
STEP_CHILD(await_parent);
STEP_DESCRIBE(rendezvous);
STEP_CHILD(rendezvous);
STEP_DESCRIBE(ready);
STEP_CHILD(ready);
/* step_hook.c */
STEP_DESCRIBE(hook);
STEP_HOST(hook);
/* step_rootfs.c */
STEP_DESCRIBE(propagation);
STEP_CHILD(propagation);
STEP_DESCRIBE(overlay);
STEP_CHILD(overlay);
STEP_DESCRIBE(folder);
STEP_CHILD(folder);
/* step_pivot.c */
STEP_DESCRIBE(readonly_root);
STEP_CHILD(readonly_root);
STEP_DESCRIBE(pivot);
STEP_CHILD(pivot);
STEP_DESCRIBE(root_join);
STEP_CHILD(root_join);
STEP_DESCRIBE(root_propagation);
STEP_CHILD(root_propagation);
/* step_mount.c */
STEP_DESCRIBE(mount);
STEP_CHILD(mount);
STEP_DESCRIBE(readonly_mount);
STEP_CHILD(readonly_mount);
/* step_cgroup_mount.c */
STEP_DESCRIBE(cgroup_mount);
STEP_CHILD(cgroup_mount);
/* step_device.c */
STEP_DESCRIBE(device);
STEP_CHILD(device);
STEP_DESCRIBE(symlink);
STEP_CHILD(symlink);
/* step_terminal.c */
STEP_DESCRIBE(session);
STEP_CHILD(session);
STEP_DESCRIBE(terminal);
STEP_CHILD(terminal);
STEP_DESCRIBE(stdio);
STEP_CHILD(stdio);
STEP_DESCRIBE(null_stdio);
STEP_CHILD(null_stdio);
/* step_mask.c */
STEP_DESCRIBE(readonly_path);
STEP_CHILD(readonly_path);
STEP_DESCRIBE(mask);
STEP_CHILD(mask);
STEP_DESCRIBE(sysctl);
STEP_CHILD(sysctl);
/* step_process.c */
STEP_DESCRIBE(keyring);
STEP_CHILD(keyring);
STEP_DESCRIBE(personality);
STEP_CHILD(personality);
STEP_DESCRIBE(label);
STEP_CHILD(label);
STEP_DESCRIBE(umask);
STEP_CHILD(umask);
/* step_user.c */
STEP_DESCRIBE(working_folder);
STEP_CHILD(working_folder);
STEP_DESCRIBE(user);
STEP_CHILD(user);
/* step_capabilities.c */
STEP_DESCRIBE(bounding);
STEP_CHILD(bounding);
STEP_DESCRIBE(capabilities);
STEP_CHILD(capabilities);
STEP_DESCRIBE(no_new_privileges);
STEP_CHILD(no_new_privileges);
/* step_seccomp.c */
STEP_DESCRIBE(seccomp);
STEP_CHILD(seccomp);
/* step_exec.c */
STEP_DESCRIBE(program);
STEP_CHILD(program);
STEP_DESCRIBE(descriptors);
STEP_CHILD(descriptors);
STEP_DESCRIBE(exec);
STEP_CHILD(exec);
