// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "guest/agent/boot.h"
#include "guest/agent/host_files.h"
#include "guest/agent/network.h"
#include "spec/machine.h"

#define STATE_DIR "/run/workload"
#define CACHE_DIR "/run/cache"
#define CGROUP "/workload"
#define OPEN_FILES_MAX 1048576 /* fs.nr_open, which no limit may be above */

void workload_adapt_resources(struct spec_resources *r)
{
    r->cpus = r->mems = NULL; /* numbers of the host's */
    r->read_bps.count = r->write_bps.count = 0;
    r->read_iops.count = r->write_iops.count = 0;
    r->weight_device_count = 0;
}

void workload_adapt_process(struct spec_process *p)
{
    p->apparmor_profile = p->selinux_label = NULL;
}

void workload_adapt(struct spec *spec)
{
    struct spec_linux *l = &spec->linux_;
    size_t kept = 0;
    for (size_t i = 0; i < l->namespace_count; i++) {
        if (l->namespaces[i].type != SPEC_NS_NETWORK) {
            l->namespaces[kept++] = l->namespaces[i];
        }
    }
    l->namespace_count = kept;
    kept = 0;
    for (size_t i = 0; i < spec->annotation_count; i++) { /* the others are told to hooks */
        if (!str_starts(spec->annotations[i].key, SPEC_MACHINE)) {
            spec->annotations[kept++] = spec->annotations[i];
        }
    }
    spec->annotation_count = kept;
    for (int i = 0; i < SPEC_HOOK_KIND_COUNT; i++) { /* the host runs its own */
        spec->hooks[i].count *= i == SPEC_HOOK_START_CONTAINER;
    }
    l->cgroups_path = CGROUP;
    l->mount_label = NULL;
    workload_adapt_process(&spec->process);
    workload_adapt_resources(&l->resources);
}

static int mount_disk(const char *serial, const char *type, unsigned long flags, const char *target,
                      struct error **err)
{
    CLEANUP(free) char *disk = NULL;
    int r = boot_find_disk(serial, &disk, err);
    r = r < 0 ? r : mkdir_all(target, 0755, err);
    if (r >= 0 && mount(disk, target, type, flags, NULL) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "mounting the disk '%s' as %s", serial, type);
    }
    return r;
}

static int mount_layers(const struct strv *serials, struct strv *ret, struct error **err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < serials->count; i++) {
        strv_addf(ret, "/run/layers/%zu", i);
        r = mount_disk(serials->items[i], "erofs", MS_RDONLY | MS_NODEV, ret->items[i], err);
    }
    return r;
}

static int make_upper(const char *disk, struct error **err)
{
    int r = disk ? mount_disk(disk, "ext4", MS_NODEV, "/run/disk", err) : 0;
    r = r < 0 ? r : mkdir_all(WORKLOAD_UPPER, 0755, err);
    return r < 0 ? r : mkdir_all("/run/disk/work", 0755, err);
}

static int mount_shares(const json_t *request, struct error **err)
{
    bool shared = false;
    int r = json_get_bool(request, "shares", "create", &shared, err);
    r = r < 0 || !shared ? r : mkdir_all("/run/shares", 0755, err);
    if (r >= 0 && shared && mount("shares", "/run/shares", "virtiofs", 0, NULL) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "mounting what the host shares");
    }
    return r;
}

static int read_disks(const json_t *request, struct strv *layers, const char **ret_disk,
                      struct error **err)
{
    static const char where[] = "request";
    int r = json_get_strv(request, "layers", where, layers, err);
    r = r < 0 ? r : json_get_str(request, "disk", where, ret_disk, err);
    return r >= 0 && layers->count == 0 && !json_object_get(request, "root")
               ? error_set(err, ERROR_INVALID_INPUT, 0, "layers are needed")
               : r;
}

/* As the host knows the workload, for hooks. */
static int read_names(const json_t *request, const char **ret_id, const char **ret_bundle,
                      struct error **err)
{
    int r = json_get_str(request, "id", "create", ret_id, err);
    return r < 0 ? r : json_get_str(request, "bundle", "create", ret_bundle, err);
}

/* Inherited by all that runs in the workload: the kernel's own limit, 4096, is the machine's. */
static int limit_open_files(const json_t *request, struct error **err)
{
    const json_t *limits = json_object_get(request, "openFiles");
    struct rlimit l;
    int64_t soft = 1024, hard = 4096;
    int r = json_get_i64(limits, "soft", "openFiles", 0, INT64_MAX, &soft, err);
    r = r < 0 ? r : json_get_i64(limits, "hard", "openFiles", 0, INT64_MAX, &hard, err);
    if (r < 0) {
        return r;
    }
    l.rlim_max = (rlim_t)(hard < OPEN_FILES_MAX ? hard : OPEN_FILES_MAX);
    l.rlim_cur = (rlim_t)soft < l.rlim_max ? (rlim_t)soft : l.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &l) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "the limit of open files")
               : 0;
}

static int read_spec(const json_t *request, struct spec **ret_spec, struct error **err)
{
    json_t *spec = NULL;
    int r = json_get_object(request, "spec", "create", &spec, err);
    if (r <= 0) {
        return r < 0 ? r : error_set(err, ERROR_INVALID_INPUT, 0, "create: a spec is needed");
    }
    r = spec_parse(spec, "spec", ret_spec, err);
    return r < 0 ? r : spec_validate(*ret_spec, err);
}

int workload_browse(const json_t *request, struct error **err)
{
    CLEANUP(strv) struct strv serials = {0};
    CLEANUP(strv) struct strv layers = {0};
    const char *disk = NULL;
    int r = read_disks(request, &serials, &disk, err);
    r = r < 0 ? r : mount_layers(&serials, &layers, err);
    r = r < 0 ? r : make_upper(disk, err);
    r = r < 0 ? r : mkdir_all(WORKLOAD_MERGED, 0755, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *lower = strv_join(&layers, ":");
    CLEANUP(free)
    char *options =
        str_format("lowerdir=%s,upperdir=" WORKLOAD_UPPER ",workdir=/run/disk/work", lower);
    return mount("overlay", WORKLOAD_MERGED, "overlay", MS_NODEV, options) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "overlaying the layers")
               : 0;
}

int workload_create(struct guest_workload *g, const json_t *request, const struct wall_io *io,
                    void (*console)(void *context, int master), void *context, struct error **err)
{
    CLEANUP(strv) struct strv serials = {0};
    CLEANUP(strv) struct strv layers = {0};
    const char *disk = NULL, *root = NULL, *id = "workload", *bundle = NULL;
    if (g->workload) {
        return error_set(err, ERROR_EXISTS, 0, "the machine has its workload already");
    }
    int r = read_spec(request, &g->spec, err);
    r = r < 0 ? r : read_names(request, &id, &bundle, err);
    r = r < 0 || !json_object_get(request, "openFiles") ? r : limit_open_files(request, err);
    r = r < 0 ? r : json_get_str(request, "root", "create", &root, err);
    r = r < 0 ? r : read_disks(request, &serials, &disk, err);
    r = r < 0 ? r : mount_layers(&serials, &layers, err);
    r = r < 0 || root ? r : make_upper(disk, err);
    r = r < 0 ? r : host_files_write(request, &g->files, err);
    r = r < 0 ? r : mount_shares(request, err);
    r = r < 0 ? r : network_up(json_object_get(request, "network"), err);
    r = r < 0 ? r : mkdir_all(STATE_DIR, 0700, err);
    r = r < 0 ? r : mkdir_all(CACHE_DIR, 0700, err);
    if (r < 0) {
        return r;
    }
    workload_adapt(g->spec);
    struct wall_params params = {
        .id = id,
        .bundle = bundle,
        .spec = g->spec,
        .state_dir = STATE_DIR,
        .cache_dir = CACHE_DIR,
        .rootfs = {.path = root,
                   .layers = (const char *const *)layers.items,
                   .layer_count = layers.count,
                   .upper = root ? NULL : WORKLOAD_UPPER,
                   .work = root ? NULL : "/run/disk/work",
                   .is_volatile = !disk},
    };
    const struct wall_callbacks callbacks = {.context = context, .console = console};
    r = wall_container.plan(&params, &g->plan, err);
    return r < 0 ? r : wall_container.create(g->plan, io, &callbacks, &g->workload, err);
}
