// SPDX-License-Identifier: Apache-2.0
#include "wall/container/record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/container/step.h"

#define FILE_NAME "wall.json"
#define SECCOMP_NAME "seccomp.bpf"
#define RECORD_BYTES_MAX (1 << 20)
#define SECCOMP_BYTES_MAX (4096 * 8) /* BPF_MAXINSNS of 8 bytes */

static uint64_t namespaces_of(const struct plan *plan)
{
    uint64_t flags = plan->new_namespaces | plan->relay_namespaces;
    flags |= plan->new_cgroup_namespace ? CLONE_NEWCGROUP : 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].kind == STEP_NAMESPACE_JOIN) {
            flags |= (uint64_t)plan->steps[i].namespace_.flag;
        }
    }
    return flags;
}

/* The words for what happens after create(). */
static void add_late_steps(struct record *r, const struct plan *plan)
{
    bool late = false;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *s = &plan->steps[i];
        late |= s->kind == STEP_READY;
        if (!late) {
            continue;
        }
        CLEANUP(free) char *doing = step_doing(plan, s);
        struct record_step *l = arena_push(r->arena, r->late_steps, r->late_step_count);
        l->step = (int)i;
        l->doing = arena_strdup(r->arena, doing);
        l->program = s->kind == STEP_EXEC ? s->exec.argv[0] : NULL;
    }
}

/* 0: there is no such place. */
static uint64_t mount_id(const char *path)
{
    struct statx st;
    return statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0 ? 0 : st.stx_mnt_id;
}

void record_init(struct record *r, const struct plan *plan)
{
    *r = (struct record){
        .arena = arena_new(),
        .id = plan->id,
        .bundle = plan->bundle,
        .oci_version = plan->oci_version,
        .annotations_json = plan->annotations_json,
        .cgroups = plan->cgroups->set,
        .scope = plan->cgroups->scope ? plan->cgroups->scope->place.unit : NULL,
        .namespaces = namespaces_of(plan),
        .user_namespace = plan->user_namespace,
        .remote_start = plan->remote_start,
        .seccomp = plan->seccomp,
        .seccomp_flags = plan->seccomp ? plan->seccomp->flags : 0,
        .listener_path = plan->seccomp ? plan->seccomp->listener_path : NULL,
        .listener_metadata = plan->seccomp ? plan->seccomp->listener_metadata : NULL,
        .hooks = plan->late_hooks,
        .hook_count = plan->late_hook_count,
    };
    if (plan->host_mounts) {
        r->host_root = plan->attach_at;
        r->host_root_below = mount_id(plan->attach_at);
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *s = &plan->steps[i];
        if (s->kind == STEP_RDT && s->rdt.made_here) {
            r->rdt_group = s->rdt.clos_id;
        } else if (s->kind == STEP_PERSONALITY) {
            r->personality_set = true;
            r->personality = s->flags;
        }
    }
    if (plan->remote_start) {
        add_late_steps(r, plan);
    }
}

void record_unmount(const struct record *r)
{
    uint64_t id = r->host_root ? mount_id(r->host_root) : 0;
    if (id && id != r->host_root_below) {
        (void)umount2(r->host_root, MNT_DETACH); /* somebody else's hand was quicker: fine */
    }
}

void record_done(struct record *r)
{
    arena_free(r->arena);
    *r = (struct record){0};
}

static json_t *strings_to_json(char *const *items)
{
    json_t *list = json_array();
    for (; *items; items++) {
        (void)json_array_append_new(list, json_string(*items)); /* out of memory aborts */
    }
    return list;
}

static json_t *hooks_to_json(const struct record *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->hook_count; i++) {
        const struct plan_hook *h = &r->hooks[i];
        json_t *o = json_pack("{s:i,s:s,s:s,s:o,s:o,s:i,s:b}", "kind", h->kind, "name",
                              h->kind_name, "path", h->path, "args", strings_to_json(h->argv),
                              "env", h->envp ? strings_to_json(h->envp) : json_null(), "timeoutMs",
                              h->timeout_ms, "inside", h->inside);
        (void)json_array_append_new(list, o); /* out of memory aborts */
    }
    return list;
}

static json_t *late_steps_to_json(const struct record *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->late_step_count; i++) {
        const struct record_step *l = &r->late_steps[i];
        (void)json_array_append_new(list, json_pack("{s:i,s:s,s:s*}", "step", l->step, "doing",
                                                    l->doing, "program", l->program));
    }
    return list;
}

int record_save(const struct record *r, const char *state_dir, struct error **err)
{
    CLEANUP(json)
    json_t *o = json_pack(
        "{s:i,s:s,s:s*,s:s,s:s*,s:i,s:I,s:o,s:I,s:b,s:b,s:s*,s:b,s:I,s:s*,s:s*,s:o,s:o}", "version",
        1, "id", r->id, "bundle", r->bundle, "ociVersion", r->oci_version, "annotations",
        r->annotations_json, "pid", (int)r->pid, "pidStart", (json_int_t)r->pid_start, "cgroups",
        cgroup_set_to_json(&r->cgroups), "namespaces", (json_int_t)r->namespaces, "userNamespace",
        r->user_namespace, "remoteStart", r->remote_start, "rdtGroup", r->rdt_group, "seccomp",
        r->seccomp, "seccompFlags", (json_int_t)r->seccomp_flags, "listenerPath", r->listener_path,
        "listenerMetadata", r->listener_metadata, "hooks", hooks_to_json(r), "lateSteps",
        late_steps_to_json(r));
    if (!o) {
        return error_set(err, ERROR_INTERNAL, EINVAL, "the workload's record holds no valid text");
    }
    if (r->host_root) {
        (void)json_object_set_new(o, "hostRoot", json_string(r->host_root));
        (void)json_object_set_new(o, "hostRootBelow", json_integer((json_int_t)r->host_root_below));
    }
    if (r->scope) {
        (void)json_object_set_new(o, "scope", json_string(r->scope));
    }
    if (r->personality_set) {
        (void)json_object_set_new(o, "personality", json_integer((json_int_t)r->personality));
    }
    CLEANUP(free) char *path = str_format("%s/%s", state_dir, FILE_NAME);
    return json_save_path(AT_FDCWD, path, o, 0600, false, err);
}

static char **strings_from_json(struct arena *a, const json_t *list)
{
    char **items = arena_alloc(a, (json_array_size(list) + 1) * sizeof(*items));
    for (size_t i = 0; i < json_array_size(list); i++) {
        items[i] = arena_strdup(a, str_or(json_string_value(json_array_get(list, i)), ""));
    }
    return items;
}

/* False when it lacks what later commands rely on. */
static bool hooks_from_json(struct record *r, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        struct plan_hook *h = arena_push(r->arena, r->hooks, r->hook_count);
        h->kind = (int)json_integer_value(json_object_get(o, "kind"));
        h->kind_name = arena_strdup(r->arena, json_string_value(json_object_get(o, "name")));
        h->path = arena_strdup(r->arena, json_string_value(json_object_get(o, "path")));
        h->argv = strings_from_json(r->arena, json_object_get(o, "args"));
        const json_t *env = json_object_get(o, "env");
        h->envp = json_is_array(env) ? strings_from_json(r->arena, env) : NULL;
        h->timeout_ms = (int)json_integer_value(json_object_get(o, "timeoutMs"));
        h->inside = json_is_true(json_object_get(o, "inside"));
        if (!h->kind_name || !h->path || !h->argv[0]) {
            return false;
        }
    }
    return true;
}

static bool late_steps_from_json(struct record *r, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        struct record_step *l = arena_push(r->arena, r->late_steps, r->late_step_count);
        l->step = (int)json_integer_value(json_object_get(o, "step"));
        l->doing = arena_strdup(r->arena, json_string_value(json_object_get(o, "doing")));
        l->program = arena_strdup(r->arena, json_string_value(json_object_get(o, "program")));
        if (!l->doing) {
            return false;
        }
    }
    return true;
}

static const char *text_of(struct record *r, const json_t *o, const char *key)
{
    return arena_strdup(r->arena, json_string_value(json_object_get(o, key)));
}

static int parse_record(struct record *r, const json_t *o, struct error **err)
{
    *r = (struct record){.arena = arena_new()};
    r->id = text_of(r, o, "id");
    r->bundle = text_of(r, o, "bundle");
    r->oci_version = text_of(r, o, "ociVersion");
    r->annotations_json = text_of(r, o, "annotations");
    r->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
    r->pid_start = (uint64_t)json_integer_value(json_object_get(o, "pidStart"));
    r->namespaces = (uint64_t)json_integer_value(json_object_get(o, "namespaces"));
    r->user_namespace = json_is_true(json_object_get(o, "userNamespace"));
    r->remote_start = json_is_true(json_object_get(o, "remoteStart"));
    r->scope = text_of(r, o, "scope");
    r->host_root = text_of(r, o, "hostRoot");
    r->host_root_below = (uint64_t)json_integer_value(json_object_get(o, "hostRootBelow"));
    r->rdt_group = text_of(r, o, "rdtGroup");
    r->seccomp = json_is_true(json_object_get(o, "seccomp"));
    r->seccomp_flags = (unsigned int)json_integer_value(json_object_get(o, "seccompFlags"));
    r->listener_path = text_of(r, o, "listenerPath");
    r->listener_metadata = text_of(r, o, "listenerMetadata");
    const json_t *personality = json_object_get(o, "personality");
    r->personality_set = personality;
    r->personality = (unsigned long)json_integer_value(personality);
    if (!r->id || !hooks_from_json(r, json_object_get(o, "hooks")) ||
        !late_steps_from_json(r, json_object_get(o, "lateSteps"))) {
        return error_set(err, ERROR_CORRUPT, 0, "%s is damaged", FILE_NAME);
    }
    return cgroup_set_from_json(r->arena, json_object_get(o, "cgroups"), &r->cgroups, err);
}

int record_from_json(struct record *r, const json_t *o, struct error **err)
{
    int result = parse_record(r, o, err);
    if (result < 0) {
        record_done(r);
    }
    return result;
}

int record_load(struct record *r, const char *state_dir, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", state_dir, FILE_NAME);
    CLEANUP(json) json_t *o = NULL;
    int result = json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &o, err);
    return result < 0 ? result : record_from_json(r, o, err);
}

int record_save_seccomp(const struct seccomp_program *p, const char *state_dir, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", state_dir, SECCOMP_NAME);
    return file_write_atomic(AT_FDCWD, path, p->instructions, p->count * sizeof(struct sock_filter),
                             0600, FILE_NO_SYNC, err);
}

int record_load_seccomp(const struct record *r, const char *state_dir, struct seccomp_program *ret,
                        struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", state_dir, SECCOMP_NAME), *data = NULL;
    size_t len;
    int result = file_read(AT_FDCWD, path, SECCOMP_BYTES_MAX, &data, &len, err);
    if (result < 0) {
        return result;
    }
    if (len == 0 || len % sizeof(struct sock_filter)) {
        return error_set(err, ERROR_CORRUPT, 0, "'%s' is no seccomp program", path);
    }
    *ret = (struct seccomp_program){
        .instructions = arena_dup(r->arena, data, len),
        .count = (unsigned short)(len / sizeof(struct sock_filter)),
        .flags = r->seccomp_flags,
        .notify = r->listener_path,
        .listener_path = r->listener_path,
        .listener_metadata = r->listener_metadata,
    };
    return 0;
}
