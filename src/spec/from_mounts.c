// SPDX-License-Identifier: Apache-2.0
/* mounts: the defaults, what the user mounts over or beside them, the network's files. */
#include <string.h>

#include "spec/from_image.h"
#include "spec/volume.h"

#define SHM_BYTES_DEFAULT (INT64_C(64) << 20)
#define INIT_PATH "/sbin/docker-init"
#define OPTIONS_MAX 8
#define VOLUME_NAME_DIGITS 64

static const struct default_mount {
    const char *destination, *type, *source;
    const char *options[OPTIONS_MAX];
} default_mounts[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    {"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"}},
};

static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* The user's mounts, before they become the spec's. */
struct volume_list {
    struct volume *items;
    size_t count;
};

static bool is_taken(const struct volume_list *list, const char *destination)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].destination, destination) == 0) {
            return true;
        }
    }
    return false;
}

static int add_volume(struct building *b, struct volume_list *list, const struct volume *v,
                      struct error **err)
{
    if (is_taken(list, v->destination)) {
        return error_set(err, ERROR_USAGE, 0, "duplicate mount point: '%s'", v->destination);
    }
    *arena_push(b->arena, list->items, list->count) = *v;
    return 0;
}

static int collect_flags(struct building *b, struct volume_list *list, struct error **err)
{
    const struct run_request *r = b->request;
    struct volume v;
    int e = 0;
    for (size_t i = 0; i < r->volumes.count && e >= 0; i++) {
        e = volume_parse(b->arena, r->volumes.items[i], b->env->cwd, &v, err);
        e = e < 0 ? e : add_volume(b, list, &v, err);
    }
    for (size_t i = 0; i < r->mounts.count && e >= 0; i++) {
        e = volume_parse_mount(b->arena, r->mounts.items[i], b->env->cwd, &v, err);
        e = e < 0 ? e : add_volume(b, list, &v, err);
    }
    for (size_t i = 0; i < r->tmpfs.count && e >= 0; i++) {
        e = volume_parse_tmpfs(b->arena, r->tmpfs.items[i], &v, err);
        e = e < 0 ? e : add_volume(b, list, &v, err);
    }
    return e;
}

/* The image's VOLUMEs that nothing else is mounted on are anonymous volumes. */
static int collect_image(struct building *b, struct volume_list *list, struct error **err)
{
    for (size_t i = 0; i < b->image->volumes.count; i++) {
        struct volume v;
        int r = volume_parse(b->arena, b->image->volumes.items[i], NULL, &v, err);
        if (r < 0) {
            return error_wrap(err, r, "the image's volume");
        }
        if (!is_taken(list, v.destination)) {
            *arena_push(b->arena, list->items, list->count) = v;
        }
    }
    return 0;
}

static void collect_file(struct building *b, struct volume_list *list, const char *source,
                         const char *destination)
{
    if (source && !is_taken(list, destination)) {
        *arena_push(b->arena, list->items, list->count) =
            (struct volume){.type = VOLUME_BIND,
                            .source = arena_strdup(b->arena, source),
                            .destination = destination,
                            .ours = true};
    }
}

/* /dev/shm of the IPC namespace that is shared: the host's, or the other container's. */
static void collect_shm(struct building *b, struct volume_list *list)
{
    const struct spec_namespace *ipc = spec_namespace_get(b->spec, SPEC_NS_IPC);
    if (!ipc) {
        collect_file(b, list, "/dev/shm", "/dev/shm");
    } else if (ipc->path && str_ends(ipc->path, "/ns/ipc")) {
        collect_file(b, list, "/proc/", "/dev/shm"); /* whose: spec_follow_ipc() */
    }
}

/* By depth, so that /a is mounted before /a/b; stable otherwise. */
static void sort_by_depth(struct volume_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct volume v = list->items[i];
        size_t depth = path_depth(v.destination), at = i;
        for (; at > 0 && path_depth(list->items[at - 1].destination) > depth; at--) {
            list->items[at] = list->items[at - 1];
        }
        list->items[at] = v;
    }
}

static void add_option(struct building *b, struct spec_mount *m, const char *option)
{
    spec_add_string(b->arena, &m->options, &m->option_count, option);
}

static bool drops_option(const struct building *b, const struct default_mount *d, const char *o)
{
    bool writable_cgroup = b->request->privileged || b->writable_cgroups;
    if (strcmp(o, "ro") != 0) {
        return false;
    }
    return strcmp(d->type, "cgroup") == 0 ? writable_cgroup : b->request->privileged;
}

static void add_default(struct building *b, const struct default_mount *d)
{
    struct spec_mount *m = arena_push(b->arena, b->spec->mounts, b->spec->mount_count);
    m->destination = d->destination;
    m->type = d->type;
    m->source = d->source;
    for (size_t i = 0; i < OPTIONS_MAX && d->options[i]; i++) {
        if (!drops_option(b, d, d->options[i])) {
            add_option(b, m, d->options[i]);
        }
    }
    if (strcmp(d->destination, "/dev/shm") == 0) {
        struct option_integer size = b->request->shm_size;
        add_option(b, m,
                   arena_format(b->arena, "size=%lld",
                                (long long)(size.set ? size.value : SHM_BYTES_DEFAULT)));
    }
}

static void add_defaults(struct building *b, const struct volume_list *list)
{
    bool own_dev = is_taken(list, "/dev");
    for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++) {
        const struct default_mount *d = &default_mounts[i];
        bool hidden =
            is_taken(list, d->destination) || (own_dev && str_starts(d->destination, "/dev/")) ||
            (str_equal(b->request->ipc_mode, "none") && strcmp(d->destination, "/dev/shm") == 0);
        if (!hidden) {
            add_default(b, d);
        }
    }
}

/* A name that the same container's same destination always has, and no other: the id, turned by the
 * destination's hash (FNV-1a). */
static const char *anonymous_name(struct building *b, const char *destination)
{
    static const char digits[] = "0123456789abcdef";
    char name[VOLUME_NAME_DIGITS + 1];
    const char *id = str_or(b->env->id, "");
    size_t id_len = strlen(id);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = destination; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < VOLUME_NAME_DIGITS; i++) {
        unsigned from_id = id_len ? (unsigned char)id[i % id_len] : 0;
        hash = (hash ^ from_id) * UINT64_C(0x100000001b3);
        name[i] = digits[(hash >> 40) & 15];
    }
    name[VOLUME_NAME_DIGITS] = '\0';
    return arena_strdup(b->arena, name);
}

static int volume_source(struct building *b, const struct volume *v, const char **ret,
                         struct error **err)
{
    const char *name = v->source ? v->source : anonymous_name(b, v->destination);
    if (!b->env->volumes_dir) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "volume '%s': no place for volumes here", name);
    }
    strv_addf(b->volumes, "%s:%s%s", name, v->destination, v->nocopy ? ":nocopy" : "");
    *ret = arena_format(b->arena, "%s/%s/_data", b->env->volumes_dir, name);
    return 0;
}

/* A mount that propagates needs a root that does. */
static void follow_propagation(struct spec_linux *l, const char *propagation)
{
    if (str_ends(str_or(propagation, ""), "shared")) {
        l->rootfs_propagation = "shared";
    } else if (str_ends(str_or(propagation, ""), "slave") && !l->rootfs_propagation) {
        l->rootfs_propagation = "rslave";
    }
}

static int add_bind(struct building *b, const struct volume *v, struct error **err)
{
    const char *source = v->source;
    int r = 0;
    if (v->type == VOLUME_NAMED) {
        r = volume_source(b, v, &source, err);
    } else if (b->env->bind_source && !v->ours) {
        r = b->env->bind_source(b->env->context, source, !v->must_exist, err);
    }
    if (r < 0) {
        return r;
    }
    if (v->relabel && b->env->host_selinux) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "volume '%s': relabelling ('%s') is not done yet", source, v->relabel);
    }
    struct spec_mount *m = arena_push(b->arena, b->spec->mounts, b->spec->mount_count);
    m->destination = v->destination;
    m->type = "bind";
    m->source = source;
    add_option(b, m, v->not_recursive ? "bind" : "rbind");
    if (spec_namespace_get(b->spec, SPEC_NS_USER)) {
        add_option(b, m, "idmap"); /* never chowned: others may share it */
    }
    if (v->read_only) {
        add_option(b, m, v->flat_read_only || v->not_recursive ? "ro" : "rro");
    }
    if (v->type == VOLUME_BIND || v->propagation) {
        add_option(b, m, str_or(v->propagation, "rprivate"));
        follow_propagation(&b->spec->linux_, v->propagation);
    }
    return 0;
}

/* Whether option `later` takes the place of `earlier`: the same key, or the opposite word. */
static bool overrides(const char *later, const char *earlier)
{
    size_t n = strcspn(later, "=");
    if (later[n] == '=') {
        return strncmp(later, earlier, n + 1) == 0;
    }
    const char *a = str_starts(later, "no") ? later + 2 : later;
    const char *e = str_starts(earlier, "no") ? earlier + 2 : earlier;
    static const char *const access[] = {"ro", "rw", NULL};
    static const char *const propagation[] = {"private",    "rprivate",    "shared",
                                              "rshared",    "slave",       "rslave",
                                              "unbindable", "runbindable", NULL};
    return strcmp(a, e) == 0 || (str_in(later, access) && str_in(earlier, access)) ||
           (str_in(later, propagation) && str_in(earlier, propagation));
}

static void add_tmpfs_option(struct building *b, struct spec_mount *m, const char *option)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->option_count; i++) {
        if (!overrides(option, m->options[i])) {
            m->options[kept++] = m->options[i];
        }
    }
    m->option_count = kept;
    add_option(b, m, option);
}

static void add_tmpfs(struct building *b, const struct volume *v)
{
    static const char *const defaults[] = {"noexec", "nosuid", "nodev", "rprivate"};
    struct spec_mount *m = arena_push(b->arena, b->spec->mounts, b->spec->mount_count);
    m->destination = v->destination;
    m->type = "tmpfs";
    m->source = "tmpfs";
    m->options = arena_alloc(b->arena, ARRAY_SIZE(defaults) * sizeof(*m->options));
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        m->options[m->option_count++] = defaults[i];
    }
    for (size_t i = 0; i < v->tmpfs_option_count; i++) {
        if (strcmp(v->tmpfs_options[i], "defaults") != 0) {
            add_tmpfs_option(b, m, v->tmpfs_options[i]);
        }
    }
    if (v->read_only) {
        add_tmpfs_option(b, m, "ro");
    }
}

static int add_init(struct building *b, struct error **err)
{
    if (!b->request->init || !b->spec->process.arg_count ||
        strcmp(b->spec->process.args[0], INIT_PATH) != 0) {
        return 0; /* with another's process namespace there is nothing to reap */
    }
    if (!b->env->init_path) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "--init: no init program is installed");
    }
    struct spec_mount *m = arena_push(b->arena, b->spec->mounts, b->spec->mount_count);
    m->destination = INIT_PATH;
    m->type = "bind";
    m->source = arena_strdup(b->arena, b->env->init_path);
    add_option(b, m, "bind");
    add_option(b, m, "ro");
    return 0;
}

static void build_hidden_paths(struct building *b)
{
    struct spec_linux *l = &b->spec->linux_;
    if (b->request->privileged || b->bare_system_paths) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(masked_paths); i++) {
        spec_add_string(b->arena, &l->masked_paths, &l->masked_path_count, masked_paths[i]);
    }
    for (int cpu = 0; cpu < b->env->thermal_throttle_cpus; cpu++) {
        spec_add_string(
            b->arena, &l->masked_paths, &l->masked_path_count,
            arena_format(b->arena, "/sys/devices/system/cpu/cpu%d/thermal_throttle", cpu));
    }
    for (size_t i = 0; i < ARRAY_SIZE(readonly_paths); i++) {
        spec_add_string(b->arena, &l->readonly_paths, &l->readonly_path_count, readonly_paths[i]);
    }
}

static int collect(struct building *b, struct volume_list *list, struct error **err)
{
    int r = collect_flags(b, list, err);
    if (r >= 0) {
        r = collect_image(b, list, err);
    }
    if (r < 0) {
        return r;
    }
    collect_file(b, list, b->env->resolv_path, "/etc/resolv.conf");
    collect_file(b, list, b->env->hostname_path, "/etc/hostname");
    collect_file(b, list, b->env->hosts_path, "/etc/hosts");
    collect_shm(b, list);
    sort_by_depth(list);
    return 0;
}

int build_mounts(struct building *b, struct error **err)
{
    struct volume_list list = {0};
    if (b->request->shm_size.set && b->request->shm_size.value <= 0) {
        return error_set(err, ERROR_USAGE, 0, "--shm-size must be greater than 0");
    }
    int r = collect(b, &list, err);
    if (r < 0) {
        return r;
    }
    add_defaults(b, &list);
    for (size_t i = 0; i < list.count && r >= 0; i++) {
        if (list.items[i].type == VOLUME_TMPFS) {
            add_tmpfs(b, &list.items[i]);
        } else if (list.items[i].type == VOLUME_IMAGE) {
            r = build_image_mount(b, &list.items[i], err);
        } else {
            r = add_bind(b, &list.items[i], err);
        }
    }
    spec_follow_ipc(b->spec);
    build_hidden_paths(b);
    return r < 0 ? r : add_init(b, err);
}
