// SPDX-License-Identifier: Apache-2.0
/* Image config + request + defaults → one OCI runtime spec, as Docker would make it. */
#include "spec/from_image.h"
#include "spec/machine.h"

#include <string.h>

#include "base/signals.h"
#include "spec/spec.h"

#define SHORT_ID_DIGITS 12
#define HOSTNAME_BYTES_MAX 64 /* __NEW_UTS_LEN, man 2 sethostname */

struct spec_pair pair_split(struct arena *a, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t key_len = equals ? (size_t)(equals - text) : strlen(text);
    return (struct spec_pair){arena_strndup(a, text, key_len),
                              equals ? arena_strdup(a, equals + 1) : ""};
}

size_t path_depth(const char *path)
{
    size_t depth = 0;
    for (const char *p = path; *p; p++) {
        depth += p[0] == '/' && p[1] && p[1] != '/';
    }
    return depth;
}

char *path_clean(struct arena *a, const char *path)
{
    char *out = arena_alloc(a, strlen(path) + 2);
    size_t len = 0;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (len > 0 && out[--len] != '/') {
            }
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, p, n);
            len += n;
        }
        p += n + (p[n] == '/');
    }
    if (len == 0) {
        out[len++] = '/';
    }
    out[len] = '\0';
    return out;
}

static int build_hostname(struct building *b, struct error **err)
{
    const struct run_request *r = b->request;
    struct spec *s = b->spec;
    if (!spec_namespace_get(s, SPEC_NS_UTS)) {
        return r->hostname ? error_set(err, ERROR_USAGE, 0,
                                       "conflicting options: --hostname and --uts host")
                           : 0;
    }
    if (r->hostname && strlen(r->hostname) > HOSTNAME_BYTES_MAX) {
        return error_set(err, ERROR_USAGE, 0, "hostname '%s' is too long (maximum %d bytes)",
                         r->hostname, HOSTNAME_BYTES_MAX);
    }
    if (r->hostname) {
        s->hostname = arena_strdup(b->arena, r->hostname);
    } else if (str_equal(b->network, "host") && b->env->host_hostname) {
        s->hostname = arena_strdup(b->arena, b->env->host_hostname);
    } else if (b->env->hostname) {
        s->hostname = arena_strdup(b->arena, b->env->hostname);
    } else if (b->env->id) {
        s->hostname = arena_strndup(b->arena, b->env->id, SHORT_ID_DIGITS);
    }
    s->domainname = arena_strdup(b->arena, r->domainname);
    return 0;
}

/* "slice:prefix:name", of which systemd's scope is made. */
static int build_systemd_path(struct building *b, const char *slice, struct error **err)
{
    slice = slice ? slice : str_or(b->env->cgroup_parent, "system.slice");
    if (!str_ends(slice, ".slice") || strpbrk(slice, "/:")) {
        int r = error_set(err, ERROR_USAGE, 0, "--cgroup-parent '%s' is not the name of a slice",
                          slice);
        return error_hint(err, r, "with the systemd cgroup driver it is, as in 'machine.slice'");
    }
    b->spec->linux_.cgroups_path = arena_format(b->arena, "%s:cloison:%s", slice, b->env->id);
    return 0;
}

static int build_cgroup_path(struct building *b, struct error **err)
{
    const char *parent = b->request->cgroup_parent;
    if (b->env->systemd_cgroup) {
        return build_systemd_path(b, parent, err);
    }
    parent = parent ? parent : str_or(b->env->cgroup_parent, "/cloison");
    if (strstr(parent, "..")) {
        return error_set(err, ERROR_USAGE, 0, "--cgroup-parent '%s' must not contain '..'", parent);
    }
    b->spec->linux_.cgroups_path =
        arena_format(b->arena, "%s%s%s", parent, str_ends(parent, "/") ? "" : "/", b->env->id);
    return 0;
}

static void add_annotation(struct building *b, const char *key, const char *value)
{
    *arena_push(b->arena, b->spec->annotations, b->spec->annotation_count) =
        (struct spec_pair){arena_strdup(b->arena, key), arena_strdup(b->arena, value)};
}

/* What the machine is to be, for the wall that makes one. */
static int build_machine(struct building *b, struct error **err)
{
    const struct run_request *r = b->request;
    int64_t bytes = 0;
    if (r->kernel) {
        add_annotation(b, SPEC_MACHINE_KERNEL, r->kernel);
    }
    if (r->vmm) {
        add_annotation(b, SPEC_MACHINE_MONITOR, r->vmm);
    }
    if (r->display) {
        add_annotation(b, SPEC_MACHINE_DISPLAY, r->display);
    }
    for (size_t i = 0; i < r->storage_opt.count; i++) {
        const char *option = r->storage_opt.items[i];
        if (!str_starts(option, "size=") || str_to_bytes(option + strlen("size="), &bytes) < 0 ||
            bytes <= 0) {
            return error_set(err, ERROR_USAGE, 0, "--storage-opt '%s': only size=BYTES is known",
                             option);
        }
        add_annotation(b, SPEC_MACHINE_DISK, option + strlen("size="));
    }
    return 0;
}

static int build_root_and_names(struct building *b, struct error **err)
{
    b->spec->root_path = "rootfs";
    b->spec->root_readonly = b->request->read_only;
    for (size_t i = 0; i < b->request->annotations.count; i++) {
        *arena_push(b->arena, b->spec->annotations, b->spec->annotation_count) =
            pair_split(b->arena, b->request->annotations.items[i]);
    }
    int r = build_machine(b, err);
    r = r < 0 ? r : build_hostname(b, err);
    return r < 0 ? r : build_cgroup_path(b, err);
}

/* What concerns the engine alone but should fail before anything is made. */
static int check_engine_flags(const struct building *b, struct error **err)
{
    const char *policy, *stop_signal = str_or(b->request->stop_signal, b->image->stop_signal);
    int max, signal;
    int r = restart_policy_parse(b->request->restart, &policy, &max, err);
    if (r < 0) {
        return r;
    }
    if (b->request->remove && !str_equal(policy, "no")) {
        return error_set(err, ERROR_USAGE, 0, "conflicting options: --restart and --rm");
    }
    if (stop_signal && (r = signal_parse(stop_signal, &signal, err)) < 0) {
        return error_wrap(err, r, "stop signal");
    }
    return 0;
}

int spec_from_image(const struct run_request *request, const struct image_config *image,
                    const struct spec_environment *environment, struct spec **ret,
                    struct strv *ret_volumes, struct error **err)
{
    static int (*const parts[])(struct building *, struct error **) = {
        build_namespaces, build_security_options, build_root_and_names,
        build_process,    build_capabilities,     build_mounts,
        build_devices,    build_resources,        build_seccomp,
    };
    CLEANUP(spec) struct spec *s = spec_new();
    struct building b = {.request = request,
                         .image = image,
                         .env = environment,
                         .spec = s,
                         .arena = s->arena,
                         .volumes = ret_volumes};
    int r = check_engine_flags(&b, err);
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        r = parts[i](&b, err);
    }
    if (r >= 0) {
        r = spec_validate(s, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(s);
    return 0;
}
