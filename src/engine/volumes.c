// SPDX-License-Identifier: Apache-2.0
#include "engine/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/volume_fill.h"
#include "engine/volume_internal.h"

bool volume_name_is_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    bool good = *name && strchr(first, *name) && strlen(name) < 256;
    for (const char *p = name; good && *p; p++) {
        good = strchr(first, *p) || strchr("_.-", *p);
    }
    return good;
}

/* A volume is filled in its container's folder, where a killed command's half of one goes with the
 * container or gives way to the next attempt, and then moved to its place whole. */
static int volume_create(const struct engine *e, const struct container *c, const char *name,
                         const char *destination, bool copy, struct error **err)
{
    CLEANUP(free) char *volumes = str_format("%s/volumes", e->data_dir);
    CLEANUP(free) char *folder = str_format("%s/%s", volumes, name);
    if (access(folder, F_OK) == 0) {
        return 0;
    }
    CLEANUP(free) char *temporary = container_data_path(e, c->id, "volume");
    CLEANUP(free) char *data = str_format("%s/_data", temporary);
    int r = remove_tree(AT_FDCWD, temporary, err);
    if (r == 0) {
        r = mkdir_all(volumes, 0755, err);
    }
    if (r == 0) {
        r = mkdir_all(data, 0755, err);
    }
    if (r == 0 && copy) {
        r = volume_fill(c, destination, data, err);
    }
    return r < 0 ? volume_discard(temporary, r) : volume_finish(temporary, folder, NULL, err);
}

int volumes_create(const struct engine *e, const struct container *c, struct error **err)
{
    for (size_t i = 0; i < c->volumes.count; i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, c->volumes.items[i], ':');
        if (parts.count < 2) {
            return error_set(err, ERROR_INTERNAL, 0, "a malformed volume '%s'",
                             c->volumes.items[i]);
        }
        bool copy = parts.count < 3 || !str_equal(parts.items[2], "nocopy");
        int r = volume_create(e, c, parts.items[0], parts.items[1], copy, err);
        if (r < 0) {
            return error_wrap(err, r, "volume '%s'", parts.items[0]);
        }
    }
    return 0;
}

int volumes_remove_anonymous(const struct engine *e, const struct container *c, struct error **err)
{
    for (size_t i = 0; i < c->anonymous.count; i++) {
        CLEANUP(strv) struct strv users = {0};
        const char *name = c->anonymous.items[i];
        int r = volume_name_is_valid(name) ? volume_users(e, name, &users, err) : 0;
        /* Another container may name it too (--volumes-from): then it stays for that one. */
        bool others = users.count > 1 || (users.count == 1 && !strv_contains(&users, c->id));
        if (r >= 0 && !others && volume_name_is_valid(name)) {
            r = volume_delete(e, name, err);
        }
        if (r < 0) {
            return error_wrap(err, r, "volume '%s'", name);
        }
    }
    return 0;
}
