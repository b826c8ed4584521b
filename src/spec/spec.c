// SPDX-License-Identifier: Apache-2.0
#include "spec/spec.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "spec/codec.h"
#include "spec/json_number.h"

static const struct field mount_fields[] = {
    FIELD(spec_mount, "destination", destination, .required = true),
    FIELD(spec_mount, "type", type),
    FIELD(spec_mount, "source", source),
    FIELD_ARRAY(spec_mount, "options", FIELD_STRINGS, options, option_count),
    FIELD_ARRAY(spec_mount, "uidMappings", FIELD_LIST, uid_mappings, uid_mapping_count,
                .shape = &shape_id_map),
    FIELD_ARRAY(spec_mount, "gidMappings", FIELD_LIST, gid_mappings, gid_mapping_count,
                .shape = &shape_id_map),
};
SHAPE(shape_mount, spec_mount, mount_fields);

static const struct field hook_fields[] = {
    FIELD(spec_hook, "path", path, .required = true),
    FIELD_ARRAY(spec_hook, "args", FIELD_STRINGS, args, arg_count),
    FIELD_ARRAY(spec_hook, "env", FIELD_STRINGS, env, env_count),
    FIELD(spec_hook, "timeout", timeout_seconds),
};
SHAPE(shape_hook, spec_hook, hook_fields);

#define HOOKS(key, kind)                                                                           \
    FIELD_ARRAY(spec, key, FIELD_LIST, hooks[kind].items, hooks[kind].count, .shape = &shape_hook)
static const struct field hooks_fields[] = {
    HOOKS("prestart", SPEC_HOOK_PRESTART),
    HOOKS("createRuntime", SPEC_HOOK_CREATE_RUNTIME),
    HOOKS("createContainer", SPEC_HOOK_CREATE_CONTAINER),
    HOOKS("startContainer", SPEC_HOOK_START_CONTAINER),
    HOOKS("poststart", SPEC_HOOK_POSTSTART),
    HOOKS("poststop", SPEC_HOOK_POSTSTOP),
};
static SHAPE(shape_hooks, spec, hooks_fields);

static const struct field root_fields[] = {
    FIELD(spec, "path", root_path, .required = true),
    FIELD(spec, "readonly", root_readonly),
};
static SHAPE(shape_root, spec, root_fields);

static const struct field spec_fields[] = {
    FIELD(spec, "ociVersion", oci_version, .required = true),
    FIELD_FLAT("root", &shape_root),
    FIELD_STRUCT(spec, "process", process, &shape_process,
                 .extra = offsetof(struct spec, process_set), .has_extra = true),
    FIELD(spec, "hostname", hostname),
    FIELD(spec, "domainname", domainname),
    FIELD_ARRAY(spec, "mounts", FIELD_LIST, mounts, mount_count, .shape = &shape_mount),
    FIELD_FLAT("hooks", &shape_hooks),
    FIELD_ARRAY(spec, "annotations", FIELD_PAIRS, annotations, annotation_count),
    FIELD_STRUCT(spec, "linux", linux_, &shape_linux),
};
SHAPE(shape_spec, spec, spec_fields);

struct spec *spec_new(void)
{
    struct spec *s = xcalloc(1, sizeof(*s));
    s->arena = arena_new();
    s->oci_version = "1.2.1";
    return s;
}

void spec_free(struct spec *s)
{
    if (s) {
        arena_free(s->arena);
        free(s);
    }
}

/* What two spellings of one thing mean is settled here, once. */
static void settle_resources(struct spec_resources *r)
{
    for (size_t i = 0; i < r->device_count; i++) {
        struct spec_device_rule *rule = &r->devices[i];
        rule->type = rule->type ? rule->type : 'a';
        rule->major.set = rule->major.set && rule->major.value != -1;
        rule->minor.set = rule->minor.set && rule->minor.value != -1;
    }
}

static void settle_seccomp(struct spec_seccomp *s)
{
    s->flags_set = s->flags != NULL;
}

int spec_parse(const json_t *json, const char *where, struct spec **ret, struct error **err)
{
    CLEANUP(spec) struct spec *s = spec_new();
    struct place top = {NULL, where, 0};
    int r = shape_read(s->arena, &shape_spec, json, &top, s, err);
    if (r < 0) {
        return r;
    }
    settle_resources(&s->linux_.resources);
    if (s->linux_.seccomp) {
        settle_seccomp(s->linux_.seccomp);
    }
    *ret = take_ptr(s);
    return 0;
}

int spec_parse_text(const char *text, size_t len, const char *where, struct spec **ret,
                    struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    int r = json_number_parse(text, len, where, &json, err);
    return r < 0 ? r : spec_parse(json, where, ret, err);
}

int spec_load_path(int dirfd, const char *path, struct spec **ret, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int r = file_read(dirfd, path, SPEC_BYTES_MAX, &text, &len, err);
    return r < 0 ? r : spec_parse_text(text, len, name, ret, err);
}

int spec_parse_process(struct arena *a, const json_t *json, const char *where,
                       struct spec_process *ret, struct error **err)
{
    struct place top = {NULL, where, 0};
    *ret = (struct spec_process){0};
    return shape_read(a, &shape_process, json, &top, ret, err);
}

int spec_parse_resources(struct arena *a, const json_t *json, const char *where,
                         struct spec_resources *ret, struct error **err)
{
    struct place top = {NULL, where, 0};
    *ret = (struct spec_resources){0};
    int r = shape_read(a, &shape_resources, json, &top, ret, err);
    settle_resources(ret);
    return r;
}

int spec_parse_seccomp(struct arena *a, const json_t *json, const char *where,
                       struct spec_seccomp **ret, struct error **err)
{
    struct place top = {NULL, where, 0};
    *ret = arena_alloc(a, sizeof(**ret));
    int r = shape_read(a, &shape_seccomp, json, &top, *ret, err);
    settle_seccomp(*ret);
    return r;
}

json_t *spec_to_json(const struct spec *s)
{
    return shape_write(&shape_spec, s);
}

char *spec_to_text(const struct spec *s, bool indent)
{
    CLEANUP(json) json_t *json = spec_to_json(s);
    return json_number_dump(json, indent ? JSON_INDENT(4) : JSON_COMPACT);
}

json_t *spec_process_to_json(const struct spec_process *p)
{
    return shape_write(&shape_process, p);
}

json_t *spec_resources_to_json(const struct spec_resources *r)
{
    return shape_write(&shape_resources, r);
}

void spec_add_string(struct arena *a, const char ***items, size_t *count, const char *text)
{
    const char **item = arena_push(a, *items, *count);
    *item = arena_strdup(a, text);
}

void spec_process_set_env(struct arena *a, struct spec_process *p, const char *text)
{
    size_t name = strcspn(text, "=");
    for (size_t i = 0; i < p->env_count; i++) {
        if (strncmp(p->env[i], text, name) == 0 && p->env[i][name] == '=') {
            p->env[i] = arena_strdup(a, text);
            return;
        }
    }
    spec_add_string(a, &p->env, &p->env_count, text);
}

const struct spec_namespace *spec_namespace_get(const struct spec *s, enum spec_namespace_type t)
{
    for (size_t i = 0; i < s->linux_.namespace_count; i++) {
        if (s->linux_.namespaces[i].type == t) {
            return &s->linux_.namespaces[i];
        }
    }
    return NULL;
}

void spec_follow_ipc(struct spec *s)
{
    static const char ns[] = "/ns/ipc";
    const struct spec_namespace *ipc = spec_namespace_get(s, SPEC_NS_IPC);
    if (!ipc || !ipc->path || !str_ends(ipc->path, ns)) {
        return;
    }
    int process = (int)(strlen(ipc->path) - strlen(ns));
    for (size_t i = 0; i < s->mount_count; i++) {
        struct spec_mount *m = &s->mounts[i];
        if (str_equal(m->destination, "/dev/shm") && str_equal(m->type, "bind") &&
            str_starts(m->source, "/proc/")) {
            m->source = arena_format(s->arena, "%.*s/root/dev/shm", process, ipc->path);
        }
    }
}

const char *spec_annotation(const struct spec *s, const char *key)
{
    for (size_t i = 0; i < s->annotation_count; i++) {
        if (str_equal(s->annotations[i].key, key)) {
            return s->annotations[i].value;
        }
    }
    return NULL;
}
