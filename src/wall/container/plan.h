// SPDX-License-Identifier: Apache-2.0
/* The plan of a container: all that will be done, in order, fully resolved.
 *
 * plan_make() turns a spec into an array of typed steps. It changes nothing: it reads the spec, the
 * cgroup layout and the seccomp cache. Everything lives in the plan's arena and points nowhere
 * else, so that the spec may die first. The child after the clone walks the array and decides
 * nothing; what it cannot find in here it cannot do.
 *
 * The order is that of plan.c, top to bottom, and is what `explain` prints. A step's kind tells who
 * applies it, and when: see step.h, whose one table names, describes, applies and undoes each.
 *
 * Invariants: paths of targets are relative to the rootfs and clean (no "..", no leading slash);
 * a step that needs the host's rights inside a user namespace has a slot, the number of the
 * detached mount that the parent makes for it; flags are the kernel's.
 * Specification: OCI runtime 1.2, config.md and config-linux.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct cgroup_plan;
struct seccomp_program;
struct wall_params;
struct wall_exec;

/* In the order in which they happen, by and large; the table is in steps.c. */
enum step_kind {
    STEP_SCOPE,            /* systemd makes the scope that the groups belong to */
    STEP_CGROUP,           /* make the group of one hierarchy */
    STEP_CGROUP_WRITE,     /* one limit */
    STEP_CGROUP_DEVICES,   /* load the device program */
    STEP_RDT,              /* resctrl: make the group */
    STEP_RDT_JOIN,         /* and put the process in */
    STEP_NAMESPACE_JOIN,   /* enter one that exists */
    STEP_TIME_OFFSET,      /* of the new time namespace */
    STEP_NAMESPACE_NEW,    /* made by the clone itself */
    STEP_ID_MAP,           /* uid_map or gid_map */
    STEP_OOM_SCORE,        /* oom_score_adj */
    STEP_NET_DEVICE,       /* move an interface inside */
    STEP_CGROUP_JOIN,      /* enter the v1 groups */
    STEP_AWAIT_PARENT,     /* ids mapped, detached mounts handed over */
    STEP_ROOT_IDS,         /* become uid 0 and gid 0 of the user namespace */
    STEP_ROOT_JOIN,        /* the root of a workload that has no mount namespace of its own */
    STEP_CGROUP_NAMESPACE, /* its root is the group that was just entered */
    STEP_SESSION,          /* setsid */
    STEP_KEYRING,          /* a session keyring of its own */
    STEP_HOSTNAME,
    STEP_DOMAINNAME,
    STEP_LOOPBACK,       /* lo of a new network namespace comes up */
    STEP_PROPAGATION,    /* of all mounts seen, before anything is mounted */
    STEP_ROOTFS_OVERLAY, /* layers become the root */
    STEP_ROOTFS_FOLDER,  /* a folder becomes the root */
    STEP_MOUNT,          /* a file system or a bind mount */
    STEP_CGROUP_MOUNT,   /* a v1 hierarchy or the v2 one, below a cgroup mount */
    STEP_READONLY_MOUNT, /* a mount that first had to be filled */
    STEP_DEVICE,         /* a node in /dev */
    STEP_SYMLINK,        /* a link in /dev or among the cgroup controllers */
    STEP_TERMINAL,       /* a pseudo-terminal from the container's own devpts */
    STEP_STDIO,          /* 0, 1, 2 from what the caller gave */
    STEP_SYSCTL,
    STEP_READONLY_PATH,
    STEP_MASK,
    STEP_READONLY_ROOT,
    STEP_RENDEZVOUS, /* stand still while the parent runs hooks */
    STEP_HOOK,       /* one hook, at its point */
    STEP_LATER_HOOK, /* one whose point is start or delete: kept in wall.json */
    STEP_PIVOT,      /* pivot_root, or MS_MOVE and chroot */
    STEP_ROOT_PROPAGATION,
    STEP_NULL_STDIO,     /* what of 0, 1, 2 is /dev/null is the container's own */
    STEP_WORKING_FOLDER, /* made when missing */
    STEP_PROGRAM,        /* found in PATH */
    STEP_RLIMIT,
    STEP_SCHEDULER,
    STEP_IO_PRIORITY,
    STEP_AFFINITY,
    STEP_READY,        /* all is set up: wait for start */
    STEP_SCOPE_SETTLE, /* systemd's helper leaves the scope */
    STEP_PERSONALITY,
    STEP_LABEL, /* AppArmor or SELinux */
    STEP_UMASK,
    STEP_BOUNDING, /* the bounding set; keep the others over the change of user */
    STEP_NO_NEW_PRIVILEGES,
    STEP_USER, /* groups, gid, uid, and the working folder as that user */
    STEP_SECCOMP,
    STEP_CAPABILITIES, /* the other four sets */
    STEP_DESCRIPTORS,  /* close all but what is handed on */
    STEP_EXEC,
    STEP_KIND_COUNT,
};

#define NO_SLOT (-1)
#define PLAN_LAYERS_MAX 127 /* what every store of images allows; overlayfs itself takes 500 */

struct step_namespace {
    const char *name; /* "mount", …, as in the specification */
    const char *path; /* NULL: new */
    int flag;         /* CLONE_NEW… */
    int index;        /* of its fd in the creation, for a joined one */
    bool relay;       /* entered before the clone, by the process in between */
};

struct id_map {
    const char *text; /* as /proc/<pid>/uid_map takes it: "0 100000 65536\n" */
};

struct step_id_map {
    const char *file; /* "uid_map", "gid_map" */
    struct id_map map;
};

/* A mount id mapping of its own (mount option idmap with mappings), or the workload's. */
enum idmap_kind { IDMAP_NONE, IDMAP_WORKLOAD, IDMAP_OWN };
struct idmap {
    enum idmap_kind kind;
    bool recursive;
    const char *uid_map, *gid_map; /* IDMAP_OWN */
};

struct mount_attributes { /* mount_setattr(2) */
    uint64_t set, clear;
};

struct mount_parameter { /* fsconfig(2); value NULL: a flag */
    const char *key, *value;
};

struct step_overlay {
    const char *const *layers; /* topmost first */
    size_t layer_count;
    const char *upper, *work; /* NULL: read only */
    const char *common;       /* the folder above both, id-mapped as one */
    const char *context;      /* SELinux mount label, or NULL */
    bool is_volatile;         /* never synced: nobody will read the upper again */
    struct idmap idmap;
    int slot;
    const char *at; /* a folder nobody needs meanwhile, for kernels that cannot do without */
};

struct step_folder {
    const char *path;
    struct idmap idmap;
    int slot;
};

struct step_mount {
    const char *type;   /* "tmpfs"; NULL for a bind mount */
    const char *source; /* a host path for a bind mount, else what mountinfo shows */
    const char *target; /* relative to the root, "" is the root itself */
    const char *text;   /* the options as the user wrote them, for people */
    struct mount_parameter *parameters;
    size_t parameter_count;
    struct mount_attributes attributes, recursive_attributes;
    unsigned long propagation[4]; /* MS_SHARED | MS_REC, …; 0 ends */
    bool bind_recursive;
    const struct step_overlay *overlay; /* of its "lowerdir" alone, read-only; NULL: as any other */
    bool copy_up;                       /* tmpcopyup */
    bool take_mode;   /* a tmpfs without mode= takes that of the folder it covers */
    bool is_proc;     /* on '/proc' itself: must become procfs, on a folder that is no symlink */
    bool on_proc;     /* one of the files below '/proc' that may be replaced */
    bool no_symlinks; /* src-nofollow, dest-nofollow */
    struct idmap idmap;
    int slot;
};

struct step_cgroup_mount {
    const char *target;
    const char *controllers; /* v1: the mount options, "cpu,cpuacct" or "none,name=x"; NULL: v2 */
    const char *bind;        /* the group to bind instead, without a cgroup namespace */
    struct mount_attributes attributes;
};

struct step_device {
    const char *path; /* relative to the root */
    mode_t mode;      /* with S_IFCHR … */
    unsigned int major, minor;
    uint32_t uid, gid;
    bool bind; /* in a user namespace mknod is refused: the host's node is bound */
    const char *host_path;
};

struct step_symlink {
    const char *path, *target;
};

struct step_path {
    const char *path;
};

struct step_sysctl {
    const char *key;  /* "net.ipv4.ip_forward" */
    const char *file; /* "sys/net/ipv4/ip_forward" */
    const char *value;
};

struct step_rlimit {
    const char *name;
    int resource;
    uint64_t soft, hard;
};

struct step_scheduler {
    const char *policy_name;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

struct step_io_priority {
    const char *class_name;
    int value; /* of ioprio_set(2) */
};

struct step_user {
    uint32_t uid, gid;
    const uint32_t *groups;
    size_t group_count;
    bool set_groups; /* false where the user namespace forbids it */
    const char *cwd;
    bool keep_capabilities;
};

struct step_capabilities {
    uint64_t bounding, effective, permitted, inheritable, ambient;
};

struct step_label {
    const char *module; /* "AppArmor", "SELinux" */
    const char *name;
    const char *files[2]; /* below /proc: the newer one first */
    const char *text;     /* what is written */
};

struct plan_hook {
    int kind;              /* enum spec_hook_kind */
    const char *kind_name; /* "prestart" */
    const char *path;
    char *const *argv, *const *envp;
    int timeout_ms; /* -1: none */
    bool inside;    /* runs in the container's namespaces */
};

struct step_exec {
    char *const *argv, *const *envp;
    const char *path_variable; /* of envp, for the search */
    int preserved;             /* fds 3 … 3+n-1 are handed on */
};

struct step_terminal {
    bool sized;
    uint16_t rows, columns;
    bool bind_console; /* onto /dev/console; exec does not */
};

struct step_time_offset {
    const char *clock; /* "monotonic", "boottime" */
    int64_t secs;
    uint32_t nanosecs;
};

struct step_rdt {
    const char *clos_id, *l3,
        *mem_bw;    /* clos_id: the group's name, the container's ID by default */
    bool made_here; /* the group is ours and goes with the workload */
    bool monitoring;
};

struct step_net_device {
    const char *name, *new_name;
};

struct step {
    enum step_kind kind;
    union {
        size_t index; /* of a cgroup group or write */
        struct step_namespace namespace_;
        struct step_time_offset time_offset;
        struct step_id_map id_map;
        int number; /* OOM score; process whose root is entered */
        unsigned long flags;
        const char *text; /* host name, keyring, affinity */
        struct step_overlay overlay;
        struct step_folder folder;
        struct step_mount mount;
        struct step_cgroup_mount cgroup_mount;
        struct step_device device;
        struct step_symlink symlink;
        struct step_path path;
        struct step_sysctl sysctl;
        struct step_rlimit rlimit;
        struct step_scheduler scheduler;
        struct step_io_priority io_priority;
        struct step_user user;
        struct step_capabilities capabilities;
        struct step_label label;
        struct plan_hook hook;
        struct step_exec exec;
        struct step_terminal terminal;
        struct step_rdt rdt;
        struct step_net_device net_device;
        bool no_pivot;
        mode_t umask;
    };
};

struct plan {
    struct arena *arena;
    unsigned int holders; /* plan_free() by the last of them frees */
    const char *id, *bundle, *state_dir, *rootfs_path;
    const char *oci_version;
    const char *annotations_json; /* for hooks, or NULL */
    struct step *steps;
    size_t step_count;
    struct cgroup_plan *cgroups;     /* NULL in a plan of exec */
    struct seccomp_program *seccomp; /* NULL: none */
    uint64_t new_namespaces;         /* CLONE_NEW… made by the clone */
    uint64_t relay_namespaces;       /* made by the process in between, before the clone */
    bool relay;                      /* a process in between is needed */
    bool user_namespace;             /* new or joined: not the host's */
    bool new_user_namespace;
    bool new_cgroup_namespace, own_pid_namespace;
    size_t joined_count; /* namespaces to open */
    int slot_count;      /* detached mounts the parent makes */
    bool terminal;
    const char *attach_at; /* where the root is attached before it becomes "/" */
    bool shared_mounts;    /* the host's mounts stay shared with the host's (rootfsPropagation) */
    bool host_mounts;      /* no mount namespace of its own: its mounts are made on the host */
    bool rendezvous;       /* hooks run while the child stands still */
    bool remote_start;
    struct plan_hook *late_hooks; /* startContainer, poststart, poststop: kept in wall.json */
    size_t late_hook_count;
};

/* wall_ops.plan and .plan_free. */
int plan_make(const struct wall_params *params, struct plan **ret, struct error **err) NODISCARD;
void plan_free(struct plan *plan);
/* wall_ops.mount_options. */
void mount_options_names(struct strv *ret);
/* A workload keeps the plan that made it. */
struct plan *plan_hold(struct plan *plan);
DEFINE_CLEANUP(plan, struct plan *, plan_free)

/* Appends a zeroed step. The address is good until the next one is added. */
struct step *plan_add(struct plan *p, enum step_kind kind);
