// SPDX-License-Identifier: Apache-2.0
/* What outlives the process that created a workload: <state_dir>/wall.json, written whole, before
 * the things it names are made, so that a crash never loses a cgroup.
 *
 * Side effects: the file, and seccomp.bpf beside it (the program that exec loads too). */
#pragma once

#include "base/process.h"
#include "wall/container/cgroup.h"
#include "wall/container/plan.h"
#include "wall/container/seccomp.h"

/* Words for a step that may fail after create(), for a start() in another process. */
struct record_step {
    int step;
    const char *doing;   /* "becoming uid 1000, …" */
    const char *program; /* not NULL: the exec, of this program */
};

struct record {
    struct arena *arena; /* of the strings */
    const char *id, *bundle, *oci_version, *annotations_json;
    pid_t pid;
    uint64_t
        pid_start; /* /proc/<pid>/stat field 22: tells a process from its number's next owner */
    struct cgroup_set cgroups;
    const char *scope;   /* the systemd unit that they belong to, or NULL */
    uint64_t namespaces; /* CLONE_NEW…: not the host's, for exec to join */
    bool user_namespace, remote_start;
    /* Without a mount namespace of its own: the folder that its root is mounted over, on the host,
     * and the mount that the folder was in before (statx's stx_mnt_id). NULL otherwise. */
    const char *host_root;
    uint64_t host_root_below;
    unsigned long personality;
    bool personality_set;
    const char *rdt_group; /* to be removed with the workload, or NULL */
    bool seccomp;          /* seccomp.bpf is there */
    unsigned int seccomp_flags;
    const char *listener_path, *listener_metadata; /* of a program that notifies, or NULL */
    struct plan_hook *hooks;                       /* startContainer, poststart, poststop */
    size_t hook_count;
    struct record_step *late_steps;
    size_t late_step_count;
};

/* From the plan, before the clone: pid 0. Strings are the plan's or the record's arena's. */
void record_init(struct record *r, const struct plan *plan);
int record_save(const struct record *r, const char *state_dir, struct error **err) NODISCARD;
int record_load(struct record *r, const char *state_dir, struct error **err) NODISCARD;
/* From wall.json's text; on failure nothing is left to be freed. ERROR_CORRUPT. */
int record_from_json(struct record *r, const json_t *o, struct error **err) NODISCARD;
void record_done(struct record *r);
/* Takes the root and all that is mounted below it from the host's mounts, when it is there. */
void record_unmount(const struct record *r);

int record_save_seccomp(const struct seccomp_program *p, const char *state_dir,
                        struct error **err) NODISCARD;
int record_load_seccomp(const struct record *r, const char *state_dir, struct seccomp_program *ret,
                        struct error **err) NODISCARD;
