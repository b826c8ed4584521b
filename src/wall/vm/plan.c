// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "spec/machine.h"
#include "wall/vm/hooks.h"
#include "wall/vm/vm.h"

static bool has_option(const struct spec_mount *m, const char *option)
{
    for (size_t i = 0; i < m->option_count; i++) {
        if (str_equal(m->options[i], option)) {
            return true;
        }
    }
    return false;
}

static bool is_bind(const struct spec_mount *m)
{
    return has_option(m, "bind") || has_option(m, "rbind") || str_equal(m->type, "bind");
}

/* Hosts, resolv.conf, hostname: texts that the engine wrote for this container. They travel with
 * the request; all else is shared, so that what is written reaches the host. */
static bool is_ours(const char *bundle, const char *source)
{
    struct stat st;
    size_t len = bundle ? strlen(bundle) : 0;
    if (stat(source, &st) == 0 && !S_ISREG(st.st_mode)) {
        return false;
    }
    return len > 0 && strncmp(source, bundle, len) == 0 && source[len] == '/' &&
           !strchr(source + len + 1, '/');
}

static json_t *add_file(struct plan *p, const char *source)
{
    struct vm_file *f = arena_push(p->arena, p->files, p->file_count);
    f->source = source;
    return json_sprintf(GUEST_FILES "/%zu", p->file_count - 1);
}

static int add_share(struct plan *p, const struct spec_mount *m, const char *source, json_t **ret,
                     struct error **err)
{
    struct stat st;
    bool there = stat(source, &st) == 0; /* else it may be made before the start */
    if (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "the vm wall cannot bind '%s': a socket, pipe or device of the host means "
                         "nothing to a machine's kernel",
                         source);
    }
    if (p->share_count == VM_SHARES_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "a machine shares at most %d folders",
                         VM_SHARES_MAX);
    }
    struct vm_share *s = arena_push(p->arena, p->shares, p->share_count);
    s->source = source;
    s->read_only = has_option(m, "ro") || has_option(m, "rro");
    *ret = json_sprintf(GUEST_SHARES "/%zu", p->share_count - 1);
    return 0;
}

static int plan_mounts(struct plan *p, const struct wall_params *params, json_t *mounts,
                       struct error **err)
{
    const struct spec *spec = params->spec;
    const char *bundle = params->rootfs.path ? NULL : params->bundle; /* not the engine's */
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct spec_mount *m = &spec->mounts[i];
        if (str_equal(m->type, "overlay")) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "the vm wall cannot mount the overlay of folders on '%s' yet",
                             m->destination);
        }
        if (!is_bind(m)) {
            continue;
        }
        json_t *inside = NULL;
        const char *source = m->source[0] != '/' && params->bundle
                                 ? arena_format(p->arena, "%s/%s", params->bundle, m->source)
                                 : arena_strdup(p->arena, m->source);
        int r = 0;
        if (is_ours(bundle, source)) {
            inside = add_file(p, source);
        } else {
            r = add_share(p, m, source, &inside, err);
        }
        if (r < 0) {
            return r;
        }
        (void)json_object_set_new(json_array_get(mounts, i), "source", inside);
    }
    return 0;
}

/* The namespace that a bundle's caller made for it has an interface to hand on; another
 * container's interface would be taken away from it. */
static int plan_namespaces(struct plan *p, const struct wall_params *params, struct error **err)
{
    const struct spec *spec = params->spec;
    for (size_t i = 0; i < spec->linux_.namespace_count; i++) {
        const struct spec_namespace *n = &spec->linux_.namespaces[i];
        if (n->path && n->type == SPEC_NS_NETWORK && params->rootfs.path) {
            p->network = arena_strdup(p->arena, n->path);
        } else if (n->path) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "the vm wall cannot join another's %s namespace",
                             spec_namespace_name(n->type));
        }
        p->own_network |= n->type == SPEC_NS_NETWORK;
    }
    if (!p->own_network) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "the vm wall cannot use the host's network: a machine has its own");
    }
    return 0;
}

/* As many processors as the quota asks for, rounded up; memory as the limit says. */
static int plan_machine(struct plan *p, const struct spec_resources *r, struct error **err)
{
    p->cpus = 1;
    if (r->cpu_quota_us.set && r->cpu_quota_us.value > 0) {
        uint64_t period = r->cpu_period_us.set ? r->cpu_period_us.value : 100000;
        uint64_t cpus = ((uint64_t)r->cpu_quota_us.value + period - 1) / period;
        p->cpus = (unsigned)(cpus < 1 ? 1 : cpus > 64 ? 64 : cpus);
    }
    p->memory_bytes = VM_MEMORY_DEFAULT;
    if (r->memory_limit.set && r->memory_limit.value > 0) {
        p->memory_bytes = (uint64_t)r->memory_limit.value / 4096 * 4096;
    }
    if (p->memory_bytes < VM_MEMORY_MIN) {
        return error_set(
            err, ERROR_INVALID_INPUT, 0, "a machine needs at least %llu MiB of memory, not %llu",
            (unsigned long long)(VM_MEMORY_MIN >> 20), (unsigned long long)(p->memory_bytes >> 20));
    }
    return 0;
}

/* QEMU reads the path among options of its own: a comma would begin another. */
static int plan_display(struct plan *p, const char *display, const char *monitor,
                        struct error **err)
{
    if (!display) {
        return 0;
    }
    if (!str_starts(display, "vnc=/") || strchr(display, ',')) {
        return error_set(err, ERROR_USAGE, 0,
                         "a machine's display is vnc=PATH, a socket's absolute path without a "
                         "comma, not '%s'",
                         display);
    }
    if (monitor && str_equal(monitor, "kvm")) {
        return error_set(err, ERROR_USAGE, 0, "only the monitor qemu has a display, not kvm");
    }
    p->display = arena_strdup(p->arena, display + strlen("vnc="));
    p->monitor = arena_strdup(p->arena, "qemu");
    return 0;
}

static int plan_annotations(struct plan *p, const struct spec *spec, struct error **err)
{
    const char *kernel = spec_annotation(spec, SPEC_MACHINE_KERNEL);
    const char *monitor = spec_annotation(spec, SPEC_MACHINE_MONITOR);
    const char *disk = spec_annotation(spec, SPEC_MACHINE_DISK);
    int64_t bytes = VM_DISK_BYTES;
    for (size_t i = 0; i < spec->annotation_count; i++) {
        static const char *const known[] = {SPEC_MACHINE_KERNEL, SPEC_MACHINE_MONITOR,
                                            SPEC_MACHINE_DISK, SPEC_MACHINE_DISPLAY, NULL};
        const char *key = spec->annotations[i].key;
        if (str_starts(key, SPEC_MACHINE) && !str_in(key, known)) {
            return error_set(err, ERROR_INVALID_INPUT, 0,
                             "a machine has no '%s': kernel, monitor, disk, display",
                             key + strlen(SPEC_MACHINE));
        }
    }
    if (monitor && !str_equal(monitor, "kvm") && !str_equal(monitor, "qemu")) {
        return error_set(err, ERROR_USAGE, 0, "a machine's monitor is kvm or qemu, not '%s'",
                         monitor);
    }
    if (disk && (str_to_bytes(disk, &bytes) < 0 || bytes < VM_DISK_MIN)) {
        return error_set(err, ERROR_USAGE, 0, "a machine's disk has at least 4 MiB, not '%s'",
                         disk);
    }
    p->kernel = kernel ? arena_strdup(p->arena, kernel) : NULL;
    p->monitor = monitor ? arena_strdup(p->arena, monitor) : NULL;
    p->disk_bytes = (uint64_t)bytes;
    return plan_display(p, spec_annotation(spec, SPEC_MACHINE_DISPLAY), monitor, err);
}

static int plan_disks(struct plan *p, const struct wall_rootfs *r, struct error **err)
{
    if (r->path) { /* a bundle's */
        p->root = GUEST_SHARES "/0";
        *(struct vm_share *)arena_push(p->arena, p->shares, p->share_count) =
            (struct vm_share){.source = arena_strdup(p->arena, r->path)};
        return 0;
    }
    if (r->layer_count == 0) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "the vm wall wants layers or a folder");
    }
    if (r->layer_count > VM_DISKS_MAX - 1) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "more than %d layers", VM_DISKS_MAX - 1);
    }
    for (size_t i = 0; i < r->layer_count; i++) {
        spec_add_string(p->arena, &p->layers, &p->layer_count, r->layers[i]);
    }
    p->disk = r->work ? arena_format(p->arena, "%s/disk.ext4", r->work) : NULL;
    return 0;
}

int vm_plan(const struct wall_params *params, struct plan **ret, struct error **err)
{
    const struct spec *spec = params->spec;
    struct arena *arena = arena_new();
    struct plan *p = arena_alloc(arena, sizeof(*p));
    *p = (struct plan){.arena = arena,
                       .id = arena_strdup(arena, params->id),
                       .bundle = params->bundle ? arena_strdup(arena, params->bundle) : NULL,
                       .state_dir = arena_strdup(arena, params->state_dir),
                       .cache_dir = arena_format(arena, "%s/vm", params->cache_dir),
                       .kernels_dir =
                           params->kernels_dir ? arena_strdup(arena, params->kernels_dir) : NULL,
                       .terminal = spec->process.terminal,
                       .is_thrown_away = params->is_thrown_away,
                       .rows = spec->process.console_height,
                       .columns = spec->process.console_width,
                       .net_receive_bytes = params->receive_rate / 8,
                       .net_transmit_bytes = params->transmit_rate / 8,
                       .spec = spec_to_json(spec)};
    int r = plan_annotations(p, spec, err);
    r = r < 0 ? r : plan_namespaces(p, params, err);
    r = r < 0 ? r : vm_groups_plan(p, params, err);
    p->throttles = vm_throttles(arena, &spec->linux_.resources);
    r = r < 0 ? r : vm_hooks_check(p->spec, err);
    p->hooks_ms = vm_hooks_inside_ms(p->spec);
    r = r < 0 ? r : plan_machine(p, &spec->linux_.resources, err);
    r = r < 0 ? r : plan_disks(p, &params->rootfs, err);
    r = r < 0 ? r : plan_mounts(p, params, json_object_get(p->spec, "mounts"), err);
    if (r < 0) {
        vm_plan_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

static void describe_text(const struct plan *p, struct strbuf *out)
{
    strbuf_addf(out, "machine    %u processors, %llu MiB of memory\n", p->cpus,
                (unsigned long long)(p->memory_bytes >> 20));
    strbuf_addf(out, "kernel     %s\n", str_or(p->kernel, "the newest under /boot"));
    for (size_t i = 0; i < p->groups.set.count; i++) {
        strbuf_adds(out, "group      ");
        cgroup_describe_group(&p->groups, i, out);
        strbuf_adds(out, "\n");
    }
    for (size_t i = 0; i < p->groups.write_count; i++) {
        strbuf_adds(out, "limit      ");
        cgroup_describe_write(&p->groups, i, out);
        strbuf_adds(out, "\n");
    }
    for (size_t i = 0; i < p->layer_count; i++) {
        strbuf_addf(out, "disk       layer%zu, read-only EROFS of '%s'\n", i, p->layers[i]);
    }
    if (p->disk) {
        strbuf_addf(out, "disk       disk, writable ext4 of at most %llu MiB in '%s'\n",
                    (unsigned long long)(p->disk_bytes >> 20), p->disk);
    }
    for (size_t i = 0; i < p->file_count; i++) {
        strbuf_addf(out, "file       '%s' as %s/%zu\n", p->files[i].source, GUEST_FILES, i);
    }
    for (size_t i = 0; i < p->share_count; i++) {
        strbuf_addf(out, "share      '%s' as %s/%zu%s\n", p->shares[i].source, GUEST_SHARES, i,
                    p->shares[i].read_only ? ", read-only" : "");
    }
    strbuf_adds(out,
                "agent      applies the spec inside\n"
                "monitor    by KVM: in mount, pid, network, ipc, uts, user and cgroup namespaces "
                "of its own, without a capability, with a list of system calls\n");
}

int vm_describe(const struct plan *plan, enum wall_format format, struct strbuf *out,
                struct error **err)
{
    (void)err;
    if (format == WALL_TEXT) {
        describe_text(plan, out);
        return 0;
    }
    json_t *steps = json_array();
    (void)json_array_append_new(steps, json_pack("{s:s, s:i, s:I}", "step", "machine", "cpus",
                                                 (int)plan->cpus, "memoryBytes",
                                                 (json_int_t)plan->memory_bytes));
    for (size_t i = 0; i < plan->layer_count; i++) {
        (void)json_array_append_new(steps, json_pack("{s:s, s:s, s:b}", "step", "disk", "layer",
                                                     plan->layers[i], "readOnly", 1));
    }
    for (size_t i = 0; i < plan->share_count; i++) {
        (void)json_array_append_new(steps, json_pack("{s:s, s:s, s:b}", "step", "share", "source",
                                                     plan->shares[i].source, "readOnly",
                                                     plan->shares[i].read_only));
    }
    (void)json_array_append_new(steps,
                                json_pack("{s:s, s:O}", "step", "agent", "spec", plan->spec));
    CLEANUP(free) char *text = json_dumps(steps, JSON_INDENT(2));
    strbuf_adds(out, text);
    json_decref(steps);
    return 0;
}

void vm_plan_free(struct plan *plan)
{
    if (plan) {
        json_decref(plan->spec);
        arena_free(plan->arena);
    }
}
