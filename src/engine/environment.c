// SPDX-License-Identifier: Apache-2.0
/* The spec of a container that is being made: what spec_from_image(), which is pure, is told of
 * this host, of the image's files and of other containers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/paths.h"
#include "base/settings.h"
#include "engine/cgroup_driver.h"
#include "engine/draft.h"
#include "engine/namespaces.h"
#include "engine/userns.h"
#include "spec/host.h"

#define ACCOUNTS_MAX ((size_t)4 << 20) /* of /etc/passwd and /etc/group */

struct environment {
    const struct engine *engine;
    struct draft *draft;
    bool dry;
    struct arena *arena; /* of what the callbacks return */
    char *passwd, *group;
    char *volumes, *hosts, *resolv, *hostname, *init;
    char *name; /* of the machine, of the one whose network is shared */
};

static void environment_cleanup(struct environment *v)
{
    char *all[] = {v->passwd, v->group,    v->volumes, v->hosts,
                   v->resolv, v->hostname, v->init,    v->name};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        free(all[i]);
    }
    arena_free(v->arena);
}

static const char *container_namespace(void *context, const char *container,
                                       enum spec_namespace_type type, struct error **err)
{
    struct environment *v = context;
    CLEANUP(free) char *path = NULL;
    return namespace_path(v->engine, container, type, &path, err) < 0
               ? NULL
               : arena_strdup(v->arena, path);
}

/* -v makes a missing folder, as Docker does; --mount takes only what is there. */
static int bind_source(void *context, const char *path, bool create, struct error **err)
{
    if (access(path, F_OK) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return error_set_errno(err, ERROR_KERNEL, errno, "bind mount source '%s'", path);
    }
    if (create) {
        return mkdir_all(path, 0755, err);
    }
    int r = error_set(err, ERROR_NOT_FOUND, 0, "bind mount source '%s' does not exist", path);
    return error_hint(err, r, "make it first, or use -v, which makes a folder");
}

static int image_mount(void *context, struct spec_image_mount *m, struct error **err)
{
    struct environment *v = context;
    return draft_mount_image(v->engine, v->draft, v->dry, m, err);
}

static bool cgroup_is_v2(void)
{
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Whose /etc/hosts it has: one in another's network namespace shares that one's files. */
static const char *files_owner(const struct container *c)
{
    const char *mode = c->network_mode;
    return str_starts(mode, "container:") ? mode + strlen("container:") : c->id;
}

static void fill(struct environment *v, struct spec_environment *ret)
{
    const struct engine *e = v->engine;
    const struct draft *d = v->draft;
    const struct container *c = d->container;
    const char *owner = files_owner(c);
    IGNORE(image_read_file(d->image, "/etc/passwd", ACCOUNTS_MAX, &v->passwd, NULL) < 0); /* none */
    IGNORE(image_read_file(d->image, "/etc/group", ACCOUNTS_MAX, &v->group, NULL) < 0);   /* none */
    v->volumes = str_format("%s/volumes", e->data_dir);
    v->hosts = container_data_path(e, owner, "hosts");
    v->resolv = container_data_path(e, owner, "resolv.conf");
    v->hostname = container_data_path(e, owner, "hostname");
    v->init = d->request->init ? program_path("cloison-init") : NULL;
    if (owner != c->id && file_read_line(AT_FDCWD, v->hostname, &v->name, NULL) >= 0) {
        ret->hostname = v->name;
    }
    ret->id = c->id;
    ret->name = c->name;
    ret->passwd = v->passwd;
    ret->group = v->group;
    ret->hosts_path = v->hosts;
    ret->resolv_path = v->resolv;
    ret->hostname_path = v->hostname;
    ret->volumes_dir = v->volumes;
    ret->cgroup_v2 = cgroup_is_v2();
    ret->cgroup_namespace = access("/proc/self/ns/cgroup", F_OK) == 0;
    ret->init_path = v->init;
    ret->container_namespace = container_namespace;
    ret->bind_source = v->dry ? NULL : bind_source;
    ret->image_mount = image_mount;
    ret->context = v;
}

static bool is_asked_for(const struct run_request *r, const char *name)
{
    CLEANUP(free) char *prefix = str_format("%s:", name);
    for (size_t i = 0; i < r->volumes.count; i++) {
        if (str_starts(r->volumes.items[i], prefix)) {
            return true;
        }
    }
    for (size_t i = 0; i < r->mounts.count; i++) {
        if (strstr(r->mounts.items[i], name)) {
            return true;
        }
    }
    return false;
}

/* A name that nobody wrote is anonymous. */
static void note_anonymous(const struct run_request *r, struct container *c)
{
    for (size_t i = 0; i < c->volumes.count; i++) {
        CLEANUP(free)
        char *name = xstrndup(c->volumes.items[i], strcspn(c->volumes.items[i], ":"));
        if (!is_asked_for(r, name)) {
            strv_add(&c->anonymous, name);
        }
    }
}

/* The wall's part of the settings file: defaults for what the request leaves open. */
static int add_settings(const struct engine *e, struct draft *d, struct error **err)
{
    const struct wall_ops *wall = NULL;
    CLEANUP(json) json_t *part = NULL;
    const char *key;
    json_t *value;
    struct spec *s = d->spec;
    int r = wall_find(d->container->wall, &wall, err);
    if (r < 0 || !wall->settings) {
        return r;
    }
    r = settings_load_part(e->config_path, wall->settings, &part, err);
    json_object_foreach(part, key, value)
    {
        const char *name = arena_format(s->arena, "org.cloison.%s.%s", wall->settings, key);
        if (r >= 0 && !json_is_string(value)) {
            r = error_set(err, ERROR_INVALID_INPUT, 0, "'%s': \"%s\".\"%s\" is no text",
                          e->config_path, wall->settings, key);
        } else if (r >= 0 && !spec_annotation(s, name)) {
            *arena_push(s->arena, s->annotations, s->annotation_count) =
                (struct spec_pair){name, arena_strdup(s->arena, json_string_value(value))};
        }
    }
    return r;
}

int draft_build_spec(const struct engine *e, struct draft *d, bool dry, struct error **err)
{
    CLEANUP(environment)
    struct environment v = {.engine = e, .draft = d, .dry = dry, .arena = arena_new()};
    struct spec_environment environment = {0};
    spec_environment_host(v.arena, d->request, &environment);
    fill(&v, &environment);
    int r = cgroup_driver_is_systemd(e->config_path, &environment.systemd_cgroup, err);
    r = r < 0 ? r
              : userns_map(e->config_path, d->request->userns_mode, v.arena,
                           &environment.userns_map, &environment.userns_map_count, err);
    if (r < 0) {
        return r;
    }
    r = spec_from_image(d->request, &d->image->config, &environment, &d->spec,
                        &d->container->volumes, err);
    if (r < 0) {
        return r;
    }
    r = add_settings(e, d, err);
    if (r < 0) {
        return r;
    }
    note_anonymous(d->request, d->container);
    return spec_validate(d->spec, err);
}
