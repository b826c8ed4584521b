// SPDX-License-Identifier: Apache-2.0
/* The table of step kinds, and what a failed step is called. */
#include <errno.h>
#include <string.h>

#include "spec/spec.h"
#include "wall/container/step.h"

#define CHILD(name_, doing_, function)                                                             \
    {                                                                                              \
        .name = (name_), .doing = (doing_), .phase = PHASE_CHILD, .describe = describe_##function, \
        .apply = apply_##function                                                                  \
    }
#define RELAY(name_, doing_, function)                                                             \
    {                                                                                              \
        .name = (name_), .doing = (doing_), .phase = PHASE_RELAY, .describe = describe_##function, \
        .apply = apply_##function                                                                  \
    }
#define HOST(phase_, name_, doing_, function)                                                      \
    {                                                                                              \
        .name = (name_), .doing = (doing_), .phase = (phase_), .describe = describe_##function,    \
        .apply_host = host_##function                                                              \
    }
#define UNDOABLE(phase_, name_, doing_, function)                                                  \
    {                                                                                              \
        .name = (name_), .doing = (doing_), .phase = (phase_), .describe = describe_##function,    \
        .apply_host = host_##function, .undo = undo_##function                                     \
    }

const struct step_kind_info step_kinds[STEP_KIND_COUNT] = {
    [STEP_SCOPE] = UNDOABLE(PHASE_HOST, "scope", "making", scope),
    [STEP_CGROUP] = UNDOABLE(PHASE_HOST, "cgroup", "making the cgroup", cgroup),
    [STEP_CGROUP_WRITE] = HOST(PHASE_HOST, "limit", "setting", cgroup_write),
    [STEP_CGROUP_DEVICES] = HOST(PHASE_HOST, "device rules", "loading", cgroup_devices),
    [STEP_RDT] = UNDOABLE(PHASE_HOST, "resctrl", "setting up", rdt),
    [STEP_RDT_JOIN] = HOST(PHASE_BESIDE, "resctrl", "entering", rdt_join),
    [STEP_TIME_OFFSET] = RELAY("time offset", "setting", time_offset),
    [STEP_NAMESPACE_JOIN] = CHILD("namespace", "joining the", namespace_join),
    [STEP_NAMESPACE_NEW] = {.name = "namespace",
                            .doing = "making a",
                            .phase = PHASE_CLONE,
                            .describe = describe_namespace_new},
    [STEP_ID_MAP] = HOST(PHASE_BESIDE, "id map", "writing", id_map),
    [STEP_OOM_SCORE] = HOST(PHASE_BESIDE, "oom score", "setting", oom_score),
    [STEP_NET_DEVICE] = HOST(PHASE_BESIDE, "net device", "moving", net_device),
    [STEP_CGROUP_JOIN] = CHILD("cgroup join", "entering", cgroup_join),
    [STEP_AWAIT_PARENT] = CHILD("await", "waiting for", await_parent),
    [STEP_ROOT_IDS] = CHILD("root ids", "becoming", root_ids),
    [STEP_ROOT_JOIN] = CHILD("root join", "entering", root_join),
    [STEP_CGROUP_NAMESPACE] = CHILD("namespace", "making a", cgroup_namespace),
    [STEP_SESSION] = CHILD("session", "starting", session),
    [STEP_KEYRING] = CHILD("keyring", "joining", keyring),
    [STEP_HOSTNAME] = CHILD("hostname", "setting", hostname),
    [STEP_LOOPBACK] = CHILD("loopback", "bringing up", loopback),
    [STEP_DOMAINNAME] = CHILD("domain name", "setting", domainname),
    [STEP_PROPAGATION] = CHILD("propagation", "making", propagation),
    [STEP_ROOTFS_OVERLAY] = CHILD("rootfs", "mounting", overlay),
    [STEP_ROOTFS_FOLDER] = CHILD("rootfs", "mounting", folder),
    [STEP_MOUNT] = CHILD("mount", "mounting", mount),
    [STEP_CGROUP_MOUNT] = CHILD("mount", "mounting", cgroup_mount),
    [STEP_READONLY_MOUNT] = CHILD("read-only", "making read-only", readonly_mount),
    [STEP_DEVICE] = CHILD("device", "making", device),
    [STEP_SYMLINK] = CHILD("symlink", "making", symlink),
    [STEP_TERMINAL] = CHILD("terminal", "opening", terminal),
    [STEP_STDIO] = CHILD("stdio", "handing over", stdio),
    [STEP_SYSCTL] = CHILD("sysctl", "setting", sysctl),
    [STEP_READONLY_PATH] = CHILD("read-only", "making read-only", readonly_path),
    [STEP_MASK] = CHILD("mask", "masking", mask),
    [STEP_READONLY_ROOT] = CHILD("read-only", "making read-only", readonly_root),
    [STEP_RENDEZVOUS] = CHILD("rendezvous", "waiting for", rendezvous),
    [STEP_HOOK] = HOST(PHASE_HALT, "hook", "running", hook),
    [STEP_LATER_HOOK] = {.name = "hook",
                         .doing = "running",
                         .phase = PHASE_LATER,
                         .describe = describe_hook},
    [STEP_PIVOT] = CHILD("pivot", "changing", pivot),
    [STEP_ROOT_PROPAGATION] = CHILD("propagation", "making", root_propagation),
    [STEP_NULL_STDIO] = CHILD("stdio", "opening", null_stdio),
    [STEP_WORKING_FOLDER] = CHILD("folder", "making", working_folder),
    [STEP_PROGRAM] = CHILD("program", "looking for", program),
    [STEP_RLIMIT] = HOST(PHASE_READY, "rlimit", "setting", rlimit),
    [STEP_SCHEDULER] = HOST(PHASE_READY, "scheduler", "setting", scheduler),
    [STEP_IO_PRIORITY] = HOST(PHASE_READY, "io priority", "setting", io_priority),
    [STEP_AFFINITY] = HOST(PHASE_READY, "cpu affinity", "setting", affinity),
    [STEP_SCOPE_SETTLE] = HOST(PHASE_READY, "scope", "settling", scope_settle),
    [STEP_READY] = CHILD("ready", "waiting for", ready),
    [STEP_PERSONALITY] = CHILD("personality", "setting", personality),
    [STEP_LABEL] = CHILD("label", "setting", label),
    [STEP_UMASK] = CHILD("umask", "setting", umask),
    [STEP_BOUNDING] = CHILD("drop", "dropping", bounding),
    [STEP_NO_NEW_PRIVILEGES] = CHILD("no new privileges", "setting", no_new_privileges),
    [STEP_USER] = CHILD("user", "becoming", user),
    [STEP_SECCOMP] = CHILD("seccomp", "loading", seccomp),
    [STEP_CAPABILITIES] = CHILD("keep", "keeping", capabilities),
    [STEP_DESCRIPTORS] = CHILD("close", "closing", descriptors),
    [STEP_EXEC] = CHILD("exec", "executing", exec),
};

const char *step_phase_name(enum step_phase phase)
{
    static const char *const names[PHASE_COUNT] = {"host",  "relay", "clone", "beside",
                                                   "child", "halt",  "ready", "later"};
    return names[phase];
}

char *step_doing(const struct plan *p, const struct step *s)
{
    struct description d = {0};
    step_kinds[s->kind].describe(p, s, &d);
    char *text = str_format("%s %s", step_kinds[s->kind].doing, str_or(d.text.data, ""));
    strbuf_done(&d.text);
    strbuf_done(&d.extra);
    return text;
}

/* What stands between the step and the errno, for each detail that needs no number. */
static const char *const detail_texts[DETAIL_COUNT] = {
    [DETAIL_SOURCE] = "opening the source",
    [DETAIL_TARGET] = "opening the target",
    [DETAIL_IDMAP] = "id-mapping it",
    [DETAIL_ATTRIBUTES] = "setting its attributes",
    [DETAIL_PROPAGATION] = "setting its propagation",
    [DETAIL_NOT_PROC] = "what is there is not procfs",
    [DETAIL_ON_PROC] = "the target is inside '/proc'",
    [DETAIL_SYMLINK] = "the target is a symbolic link or not a folder",
    [DETAIL_NOT_DEVICE] = "the host's node is another device",
    [DETAIL_COPY] = "copying what was there",
    [DETAIL_OUTSIDE] = "it is outside the root file system",
    [DETAIL_OWN_NAMESPACE] = "it is the host's own",
    [DETAIL_NO_DEVPTS] = "there is no devpts at '/dev/pts'",
};

int step_program_error(const char *name, const struct step_failure *f, struct error **err)
{
    if (f->detail == DETAIL_NOT_IN_PATH) {
        return error_set(err, ERROR_COMMAND_NOT_FOUND, f->code,
                         "exec: \"%s\": executable file not found in $PATH", name);
    }
    bool missing = f->code == ENOENT || f->code == ENOTDIR;
    char why[128];
    return error_set(err, missing ? ERROR_COMMAND_NOT_FOUND : ERROR_COMMAND_NOT_EXECUTABLE, f->code,
                     "exec: \"%s\": %s", name,
                     f->code == ENOEXEC  ? "exec format error"
                     : f->code == EACCES ? "permission denied"
                     : f->code == EISDIR ? "is a directory: permission denied" /* 126 of dockerd */
                     : missing           ? "no such file or directory"
                                         : strerror_r(f->code, why, sizeof(why)));
}

/* Adds ": <detail>" to the text. */
static void add_detail(const struct step *s, const struct step_failure *f, struct strbuf *text)
{
    const struct step_overlay *o = s->kind == STEP_ROOTFS_OVERLAY ? &s->overlay
                                   : s->kind == STEP_MOUNT        ? s->mount.overlay
                                                                  : NULL;
    if (f->detail == DETAIL_NOT_OURS) {
        strbuf_addf(text, ": %s is not ours to give",
                    str_or(spec_capability_name(f->number), "a capability"));
    } else if (f->detail == DETAIL_OPTION && s->kind == STEP_MOUNT &&
               (size_t)f->number < s->mount.parameter_count) {
        const struct mount_parameter *p = &s->mount.parameters[f->number];
        strbuf_addf(text, ": option '%s%s%s'", p->key, p->value ? "=" : "", str_or(p->value, ""));
    } else if (f->detail == DETAIL_LAYER && o && (size_t)f->number < o->layer_count) {
        strbuf_addf(text, ": layer '%s'", o->layers[f->number]);
    } else if (detail_texts[f->detail]) {
        strbuf_addf(text, ": %s", detail_texts[f->detail]);
    }
}

int step_failure_to_error(const struct plan *p, const struct step_failure *f, struct error **err)
{
    if (f->step < 0 || (size_t)f->step >= p->step_count || f->code <= 0 ||
        (unsigned int)f->detail >= DETAIL_COUNT) {
        return error_set(err, ERROR_INTERNAL, EPROTO, "the child's message makes no sense");
    }
    const struct step *s = &p->steps[f->step];
    if (s->kind == STEP_PROGRAM || s->kind == STEP_EXEC) {
        return step_program_error(s->exec.argv[0], f, err);
    }
    CLEANUP(free) char *doing = step_doing(p, s);
    CLEANUP(strbuf) struct strbuf text = {0};
    strbuf_adds(&text, doing);
    add_detail(s, f, &text);
    int r = error_set_errno(err, ERROR_KERNEL, f->code, "%s", text.data);
    if (f->detail == DETAIL_IDMAP && f->code == EINVAL) {
        error_hint(err, r, "its file system cannot be id-mapped");
    }
    return r;
}
