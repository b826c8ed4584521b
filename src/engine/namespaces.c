// SPDX-License-Identifier: Apache-2.0
#include "engine/namespaces.h"
#include "engine/recover.h"

#include <fcntl.h>
#include <string.h>

#include "wall/facts.h"

int namespace_path(const struct engine *e, const char *container, enum spec_namespace_type type,
                   char **ret, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, container, &c, err);
    if (r < 0) {
        return r;
    }
    if (!container_is_up(c) || c->pid <= 0) {
        return error_set(err, ERROR_BUSY, 0,
                         "cannot join the %s namespace of container %s: it is not running",
                         spec_namespace_name(type), c->name);
    }
    *ret = str_format("/proc/%d/ns/%s", c->pid, namespace_file(type));
    return 0;
}

/* Which other container a namespace is shared with, as the request says; NULL: none. */
static const char *shared_with(const struct container *c, enum spec_namespace_type type)
{
    static const char *const keys[SPEC_NS_COUNT] = {[SPEC_NS_PID] = "pid", [SPEC_NS_IPC] = "ipc"};
    const char *mode = type == SPEC_NS_NETWORK ? c->network_mode : NULL;
    if (keys[type] && c->request) {
        mode = json_string_value(json_object_get(c->request, keys[type]));
    }
    return mode && str_starts(mode, "container:") ? mode + strlen("container:") : NULL;
}

int namespaces_refresh(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(free) char *path = container_data_path(e, c->id, "config.json");
    bool any = false;
    for (int t = 0; t < SPEC_NS_COUNT; t++) {
        any = any || shared_with(c, t);
    }
    if (!any) {
        return 0;
    }
    int r = spec_load_path(AT_FDCWD, path, &spec, err);
    for (size_t i = 0; r >= 0 && i < spec->linux_.namespace_count; i++) {
        struct spec_namespace *n = &spec->linux_.namespaces[i];
        const char *other = shared_with(c, n->type);
        CLEANUP(free) char *now = NULL;
        if (other) {
            r = namespace_path(e, other, n->type, &now, err);
            n->path = arena_strdup(spec->arena, now);
        }
    }
    if (r < 0) {
        return r;
    }
    spec_follow_ipc(spec);
    CLEANUP(free) char *text = spec_to_text(spec, false);
    return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, err);
}
