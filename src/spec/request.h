// SPDX-License-Identifier: Apache-2.0
/* What a user asked of `run` or `create`, and what an image says of itself: the two inputs of
 * spec_from_image(). Pure data; strings are borrowed from argv or the image's JSON, or own copies
 * in struct strv. Units as named. Flags' meanings are Docker's. */
#pragma once

#include "base/json.h"
#include "base/options.h"
#include "spec/spec.h"

/* OCI image spec 1.1, config.md "Properties" → config. */
struct image_config {
    const char *architecture, *os, *variant, *created, *author;
    const char *user, *working_dir, *stop_signal;
    struct strv env, entrypoint, cmd, shell, volumes, exposed_ports, on_build;
    bool entrypoint_set, cmd_set;       /* [] and absent differ */
    const json_t *labels, *healthcheck; /* borrowed from the JSON object, may be NULL */
    struct strv diff_ids;
};
int image_config_parse(const json_t *json, struct image_config *ret, struct error **err) NODISCARD;
void image_config_done(struct image_config *c);

struct run_request {
    const char *image;                            /* as the user wrote it */
    struct strv command;                          /* arguments behind the image */
    const char *wall;                             /* "container" (default), "vm" */
    const char *kernel, *vmm, *display;           /* of a machine: spec/machine.h */
    const char *name, *cidfile, *platform, *pull; /* pull: "missing", "always", "never" */
    bool detach, interactive, tty, remove, init, privileged, read_only, quiet;
    bool publish_all, no_healthcheck, oom_kill_disable, timing;
    bool sig_proxy;     /* true by default */
    struct strv attach; /* stdin, stdout, stderr */
    const char *detach_keys;
    const char *entrypoint; /* NULL: the image's; "" resets */
    const char *user, *workdir, *hostname, *domainname, *runtime_annotation;
    struct strv env, env_files, labels, label_files, annotations;
    struct strv volumes, mounts, tmpfs, volumes_from, devices, device_cgroup_rules;
    struct strv cap_add, cap_drop, security_opt, ulimits, sysctls, group_add;
    const char *pid_mode, *ipc_mode, *uts_mode, *userns_mode, *cgroupns_mode, *cgroup_parent;
    struct strv networks, network_aliases, publish, expose, dns, dns_search, dns_options, add_hosts;
    struct strv links, link_local_ips;
    const char *ip, *ip6, *mac_address;
    const char *network_rate; /* ours: "in=50mbit,out=10mbit" */
    struct option_integer memory, memory_swap, memory_reservation, memory_swappiness, kernel_memory;
    struct option_integer cpus_thousandths, cpu_shares, cpu_quota, cpu_period;
    struct option_integer cpu_rt_runtime, cpu_rt_period;
    const char *cpuset_cpus, *cpuset_mems;
    struct option_integer pids_limit, blkio_weight, oom_score_adj, shm_size;
    struct strv blkio_weight_device, device_read_bps, device_write_bps, device_read_iops,
        device_write_iops;
    struct strv storage_opt, log_opt;
    const char *log_driver; /* "json-file" (default), "none" */
    const char *restart;    /* "no", "always", "unless-stopped", "on-failure[:n]" */
    const char *stop_signal;
    struct option_integer stop_timeout; /* seconds */
    /* Ours: "±DURATION" for both clocks, or "monotonic=±DURATION,boottime=±DURATION", either alone;
     * a duration is "10" (seconds), "1m30s", "2h". */
    const char *time_offset;
    const char *health_cmd;
    struct strv health_test; /* the same as words, without a shell */
    struct option_integer health_interval_ms, health_timeout_ms, health_start_period_ms,
        health_start_interval_ms, health_retries;
};
json_t *run_request_to_json(const struct run_request *r); /* for explain --stage request */
void run_request_done(struct run_request *r);

/* "no", "always", "unless-stopped", "on-failure[:MAX]"; NULL and "" are "no". *ret_policy is one of
 * the four words, *ret_max 0 without a maximum. */
int restart_policy_parse(const char *text, const char **ret_policy, int *ret_max,
                         struct error **err) NODISCARD;

/* One --env-file or --label-file, its text already read: KEY=VALUE lines, '#' comments. A line
 * "KEY" takes its value from lookup(KEY) (getenv; NULL for labels: an empty value), and is left out
 * when there is none. Appended to *ret. `name` is the file's, for messages. */
int env_file_parse(const char *text, const char *name, char *(*lookup)(const char *),
                   struct strv *ret, struct error **err) NODISCARD;

/* An image that is mounted as a volume: asked for by the first three members, answered in the
 * last. */
struct spec_image_mount {
    const char *image, *destination;
    const char *subpath; /* NULL: all of it */
    struct strv folders; /* of its layers, topmost first; one alone may be a file */
};

/* What spec_from_image() needs of the host and the engine, so that it stays pure. Callbacks return
 * 0 or a negative errno with *err set; a NULL one is never asked (its feature is then refused).
 * spec/host.h has those that only look at this machine. */
struct spec_environment {
    const char *id, *name;
    const char *passwd, *group; /* the image's /etc/passwd and /etc/group texts, or NULL */
    const char *hosts_path, *resolv_path, *hostname_path; /* files to bind mount, or NULL */
    const char
        *hostname;   /* without --hostname; NULL: the short id. Another's, whose network it is */
    const char *cwd; /* of the client, for -v ./dir; NULL: refused */
    const char *volumes_dir; /* named volumes are <volumes_dir>/<name>/_data */
    const char *host_hostname;
    int host_cpu_count;                /* --cpus may not ask for more; 0: unknown */
    const char *host_cpus, *host_mems; /* "0-3": what --cpuset-* may name; NULL: unchecked */
    bool cgroup_v2, host_apparmor, host_selinux;
    bool cgroup_namespace;      /* the host has them */
    uint64_t host_capabilities; /* of this process: a container cannot be given more */
    int thermal_throttle_cpus;  /* how many cpu<N>/thermal_throttle to mask; 0 in machines */
    const char *init_path;      /* of the --init program, bind mounted at /sbin/docker-init */
    /* Without --cgroup-parent; NULL: "/cloison", or "system.slice" with systemd's cgroup driver. */
    const char *cgroup_parent;
    bool systemd_cgroup;
    /* Resolves "container:ID" to a namespace path. */
    const char *(*container_namespace)(void *context, const char *container,
                                       enum spec_namespace_type type, struct error **err);
    /* The host's device at `path`, or those below it when it is a folder, appended to *items;
     * path and numbers filled in. "/dev" is asked for --privileged. */
    int (*devices)(void *context, const char *path, struct arena *a, struct spec_device **items,
                   size_t *count, struct error **err);
    /* A JSON file of the user's: --security-opt seccomp=FILE. */
    int (*read_json)(void *context, const char *path, json_t **ret, struct error **err);
    /* Called for each bind mount's source: `create` for -v, which makes a missing folder; without
     * it (--mount) a missing path is an error. NULL: not checked (explain). */
    int (*bind_source)(void *context, const char *path, bool create, struct error **err);
    /* Called for each --mount type=image. */
    int (*image_mount)(void *context, struct spec_image_mount *m, struct error **err);
    void *context;                 /* of the callbacks */
    bool no_seccomp;               /* the host has none */
    const json_t *default_seccomp; /* a profile of the administrator's; NULL: the built-in one */
    struct spec_id_map *userns_map;
    size_t userns_map_count; /* for --userns auto/remap */
};

/* Image config + request + defaults → one OCI runtime spec. Pure. The volumes that the image or the
 * request asks for anonymously are listed in *ret_volumes as "name:destination[:nocopy]" (names
 * made from the id), named ones too, for the engine to create. */
int spec_from_image(const struct run_request *request, const struct image_config *image,
                    const struct spec_environment *environment, struct spec **ret,
                    struct strv *ret_volumes, struct error **err) NODISCARD;

/* `update`: the limits that the request names are checked, with those in force where they go
 * together, and set in the spec; *ret is these alone, for the wall. In the spec's arena. */
int spec_update(const struct run_request *request, const struct spec_environment *env,
                struct spec *spec, struct spec_resources *ret, struct error **err) NODISCARD;
