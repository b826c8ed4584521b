// SPDX-License-Identifier: Apache-2.0
/* The OCI runtime spec 1.2 (Linux) as typed C: what every workload becomes, whoever asked for it.
 *
 * Pure: no kernel knowledge, no side effects but memory (spec_load_path() reads one file). All that
 * a spec points to lives in its arena and dies with spec_free(). Unknown properties are ignored,
 * wrong ones refused (OCI runtime 1.2, spec.md "Extensibility").
 *
 * Use: spec_parse() or spec_new() and filling in; spec_validate(); then the wall's plan reads it.
 * Strings are never empty by accident: NULL is "absent". Arrays come with a count; an absent array
 * has count 0; where absent and empty differ, a `set` flag says so. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* Numbers and booleans that may be absent. */
struct opt_i64 {
    bool set;
    int64_t value;
};
struct opt_u64 {
    bool set;
    uint64_t value;
};
struct opt_u32 {
    bool set;
    uint32_t value;
};
struct opt_bool {
    bool set;
    bool value;
};

struct spec_pair {
    const char *key;
    const char *value;
}; /* annotation, sysctl, unified, tag */

/* config-linux.md#namespaces */
enum spec_namespace_type {
    SPEC_NS_MOUNT,
    SPEC_NS_PID,
    SPEC_NS_NETWORK,
    SPEC_NS_IPC,
    SPEC_NS_UTS,
    SPEC_NS_USER,
    SPEC_NS_CGROUP,
    SPEC_NS_TIME,
    SPEC_NS_COUNT,
};
struct spec_namespace {
    enum spec_namespace_type type;
    const char *path; /* NULL: new */
};

struct spec_id_map {
    uint32_t container_id, host_id, size;
};
struct spec_time_offset {
    bool set;
    int64_t secs;
    uint32_t nanosecs;
};

/* config.md#mounts; options already as text, in order; the wall's plan turns them into flags. */
struct spec_mount {
    const char *destination, *type, *source;
    const char **options;
    size_t option_count;
    struct spec_id_map *uid_mappings;
    size_t uid_mapping_count;
    struct spec_id_map *gid_mappings;
    size_t gid_mapping_count;
};

/* The five sets, config.md#linux-process; each a bit set over the kernel's capability numbers. */
struct spec_capabilities {
    bool set; /* false: the property is absent: no capability is changed */
    uint64_t bounding, effective, inheritable, permitted, ambient;
    const char **unknown; /* names that we do not know: to be warned of */
    size_t unknown_count;
};

struct spec_rlimit {
    const char *type; /* "RLIMIT_NOFILE" */
    uint64_t soft, hard;
};

struct spec_scheduler { /* present when policy is set */
    const char *policy;
    int32_t nice, priority;
    const char **flags;
    size_t flag_count;
    uint64_t runtime, deadline, period;
};

struct spec_process {
    bool terminal;
    struct opt_u32 console_height, console_width;
    const char *cwd;
    const char **env;
    size_t env_count;
    const char **args;
    size_t arg_count;
    uint32_t uid, gid;
    struct opt_u32 umask;
    uint32_t *additional_gids;
    size_t additional_gid_count;
    struct spec_capabilities capabilities;
    struct spec_rlimit *rlimits;
    size_t rlimit_count;
    bool no_new_privileges;
    const char *apparmor_profile, *selinux_label;
    struct opt_i64 oom_score_adj;
    struct spec_scheduler scheduler;
    const char *io_priority_class;
    int io_priority;                                       /* class NULL: absent */
    const char *cpu_affinity_initial, *cpu_affinity_final; /* execCPUAffinity */
};

struct spec_hook {
    const char *path;
    const char **args;
    size_t arg_count; /* argv[0] included, may be 0 */
    const char **env;
    size_t env_count;
    struct opt_i64 timeout_seconds;
};
enum spec_hook_kind {
    SPEC_HOOK_PRESTART,
    SPEC_HOOK_CREATE_RUNTIME,
    SPEC_HOOK_CREATE_CONTAINER,
    SPEC_HOOK_START_CONTAINER,
    SPEC_HOOK_POSTSTART,
    SPEC_HOOK_POSTSTOP,
    SPEC_HOOK_KIND_COUNT,
};
struct spec_hooks {
    struct spec_hook *items;
    size_t count;
};

/* config-linux.md#devices */
struct spec_device {
    char type; /* 'c', 'b', 'u' (as c), 'p' */
    const char *path;
    int64_t major, minor;
    struct opt_u32 file_mode, uid, gid;
};

/* config-linux-cgroup resources: config-linux.md#control-groups. Limits are in the specification's
 * (v1's) units; wall/container converts to v2. */
struct spec_device_rule {
    bool allow;
    char type;                   /* 'a', 'c', 'b' */
    struct opt_i64 major, minor; /* absent: any */
    const char *access;          /* some of "rwm"; NULL: all */
};
struct spec_weight_device {
    int64_t major, minor;
    struct opt_u32 weight, leaf_weight;
};
struct spec_throttle {
    int64_t major, minor;
    uint64_t rate;
};
struct spec_throttles {
    struct spec_throttle *items;
    size_t count;
};
struct spec_hugepage {
    const char *page_size;
    uint64_t limit_bytes;
};
struct spec_rdma {
    const char *device;
    struct opt_u32 hca_handles, hca_objects;
};
struct spec_net_priority {
    const char *name;
    uint32_t priority;
};
struct spec_resources {
    struct spec_device_rule *devices;
    size_t device_count;
    /* memory: bytes; -1 is unlimited */
    struct opt_i64 memory_limit, memory_reservation, memory_swap, memory_kernel, memory_kernel_tcp;
    struct opt_u64 memory_swappiness;
    struct opt_bool memory_disable_oom_killer, memory_use_hierarchy, memory_check_before_update;
    struct opt_u64 cpu_shares, cpu_burst_us, cpu_period_us, cpu_realtime_period_us;
    struct opt_i64 cpu_quota_us, cpu_realtime_runtime_us, cpu_idle;
    const char *cpus, *mems;
    struct opt_i64 pids_limit;
    struct opt_u32 blkio_weight, blkio_leaf_weight; /* 10 to 1000 */
    struct spec_weight_device *weight_devices;
    size_t weight_device_count;
    struct spec_throttles read_bps, write_bps, read_iops, write_iops; /* per second */
    struct spec_hugepage *hugepages;
    size_t hugepage_count;
    struct opt_u32 net_class_id;
    struct spec_net_priority *net_priorities;
    size_t net_priority_count;
    struct spec_rdma *rdma;
    size_t rdma_count;
    struct spec_pair *unified;
    size_t unified_count;
};

/* config-linux.md#seccomp; the names stay text, wall/container resolves them with libseccomp. */
struct spec_seccomp_arg {
    uint32_t index;
    uint64_t value, value_two;
    const char *op;
};
struct spec_seccomp_rule {
    const char **names;
    size_t name_count;
    const char *action;
    struct opt_u32 errno_ret;
    struct spec_seccomp_arg *args;
    size_t arg_count;
};
struct spec_seccomp {
    const char *default_action;
    struct opt_u32 default_errno_ret;
    const char **architectures;
    size_t architecture_count;
    const char **flags;
    size_t flag_count; /* absent and empty differ: */
    bool flags_set;
    const char *listener_path, *listener_metadata;
    struct spec_seccomp_rule *rules;
    size_t rule_count;
};

struct spec_net_device {
    const char *name, *new_name;
};

struct spec_linux {
    struct spec_namespace *namespaces;
    size_t namespace_count;
    struct spec_id_map *uid_mappings;
    size_t uid_mapping_count;
    struct spec_id_map *gid_mappings;
    size_t gid_mapping_count;
    struct spec_time_offset monotonic, boottime;
    struct spec_device *devices;
    size_t device_count;
    struct spec_net_device *net_devices;
    size_t net_device_count;
    const char *cgroups_path;
    struct spec_resources resources;
    bool resources_set;
    const char *rootfs_propagation; /* "shared", "slave", "private", "unbindable" and r-forms */
    struct spec_seccomp *seccomp;   /* NULL: none */
    struct spec_pair *sysctl;
    size_t sysctl_count;
    const char **masked_paths;
    size_t masked_path_count;
    const char **readonly_paths;
    size_t readonly_path_count;
    const char *mount_label;
    const char *personality_domain; /* "LINUX", "LINUX32" */
    const char *rdt_clos_id, *rdt_l3, *rdt_mem_bw;
    bool rdt_monitoring, rdt_set;
};

struct spec {
    struct arena *arena;
    const char *oci_version;
    const char *root_path;
    bool root_readonly;
    bool process_set;
    struct spec_process process;
    const char *hostname, *domainname;
    struct spec_mount *mounts;
    size_t mount_count;
    struct spec_hooks hooks[SPEC_HOOK_KIND_COUNT];
    struct spec_pair *annotations;
    size_t annotation_count;
    struct spec_linux linux_;
};

struct spec *spec_new(void); /* empty, version 1.2.1, own arena */
void spec_free(struct spec *s);
DEFINE_CLEANUP(spec, struct spec *, spec_free)

#define SPEC_BYTES_MAX ((size_t)16 << 20) /* far more than any real config.json */

/* From and to JSON. `where` names the text in messages ("config.json"). */
int spec_parse(const json_t *json, const char *where, struct spec **ret,
               struct error **err) NODISCARD;
int spec_parse_text(const char *text, size_t len, const char *where, struct spec **ret,
                    struct error **err) NODISCARD;
int spec_load_path(int dirfd, const char *path, struct spec **ret, struct error **err) NODISCARD;
json_t *spec_to_json(const struct spec *s);
/* The text of config.json: spec_to_json() has numbers from 2^63 on as strings, the text does not.
 * The caller frees. */
char *spec_to_text(const struct spec *s, bool indent);

/* Parts that also travel alone: process.json of exec, resources of update, a seccomp profile. */
int spec_parse_process(struct arena *a, const json_t *json, const char *where,
                       struct spec_process *ret, struct error **err) NODISCARD;
int spec_parse_resources(struct arena *a, const json_t *json, const char *where,
                         struct spec_resources *ret, struct error **err) NODISCARD;
int spec_parse_seccomp(struct arena *a, const json_t *json, const char *where,
                       struct spec_seccomp **ret, struct error **err) NODISCARD;
json_t *spec_process_to_json(const struct spec_process *p);
json_t *spec_resources_to_json(const struct spec_resources *r);

/* What the specification demands and the parser cannot see in one property: args not empty,
 * absolute paths, no namespace twice, maps only with a user namespace, sysctls of owned namespaces,
 * ids in the map, … Pure. */
int spec_validate(const struct spec *s, struct error **err) NODISCARD;

/* Copies `text` into the spec's arena and appends it to a string list:
 *     spec_add_string(s->arena, &p->env, &p->env_count, "A=b"); */
void spec_add_string(struct arena *a, const char ***items, size_t *count, const char *text);
/* "KEY=VALUE" instead of the one that is there, else behind the others. */
void spec_process_set_env(struct arena *a, struct spec_process *p, const char *text);
const struct spec_namespace *spec_namespace_get(const struct spec *s, enum spec_namespace_type t);
const char *spec_namespace_name(enum spec_namespace_type t); /* "mount", "pid", "network", … */
/* Makes /dev/shm that of the IPC namespace joined by path ("/proc/<pid>/ns/ipc"), where it is one
 * from another process: to be called when that path changed. */
void spec_follow_ipc(struct spec *s);
const char *spec_annotation(const struct spec *s, const char *key); /* or NULL */

/* The words of config-linux.md#seccomp; each ends with NULL. */
extern const char *const spec_seccomp_actions[], *const spec_seccomp_operators[];
extern const char *const spec_seccomp_architectures[], *const spec_seccomp_flags[];
extern const char *const spec_hook_names[]; /* by enum spec_hook_kind, then NULL */

/* Capability names: "CAP_NET_ADMIN", with or without CAP_, any case; -EINVAL when unknown. */
int spec_capability_number(const char *name);
const char *spec_capability_name(int number); /* "CAP_CHOWN", or NULL past the last */
