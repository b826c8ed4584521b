// SPDX-License-Identifier: Apache-2.0
#include "engine/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/volume_fill.h"

#define ANONYMOUS_DIGITS 64

bool volume_name_is_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    bool good = *name && strchr(first, *name) && strlen(name) < 256;
    for (const char *p = name; good && *p; p++) {
        good = strchr(first, *p) || strchr("_.-", *p);
    }
    return good;
}

/* A folder that is being filled has another name until it is whole: a kill leaves no half volume.
 */
static int volume_create(const struct engine *e, const struct container *c, const char *name,
                         const char *destination, bool copy, struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/volumes/%s", e->data_dir, name);
    if (access(folder, F_OK) == 0) {
        return 0;
    }
    CLEANUP(free) char *tag = random_hex(6);
    CLEANUP(free) char *temporary = str_format("%s/volumes/.%s-%s", e->data_dir, name, tag);
    CLEANUP(free) char *data = str_format("%s/_data", temporary);
    int r = mkdir_all(data, 0755, err);
    if (r == 0 && copy) {
        r = volume_fill(c, destination, data, err);
    }
    if (r == 0 && rename(temporary, folder) < 0 && errno != EEXIST && errno != ENOTEMPTY) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "making the volume '%s'", name);
    }
    if (access(temporary, F_OK) == 0) {
        IGNORE(remove_tree(AT_FDCWD, temporary, NULL) < 0); /* lost the race, or failed above */
    }
    return r;
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

/* Whether another container names it too (--volumes-from): then it stays for that one. */
static bool is_used_elsewhere(const struct engine *e, const struct container *c, const char *name)
{
    struct container **list = NULL;
    size_t count = 0;
    bool used = false;
    if (container_list(e, &list, &count, NULL) < 0) {
        return true;
    }
    CLEANUP(free) char *prefix = str_format("%s:", name);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < list[i]->volumes.count && !str_equal(list[i]->id, c->id); k++) {
            used = used || str_starts(list[i]->volumes.items[k], prefix);
        }
    }
    container_list_free(list, count);
    return used;
}

int volumes_remove_anonymous(const struct engine *e, const struct container *c, struct error **err)
{
    for (size_t i = 0; i < c->anonymous.count; i++) {
        const char *name = c->anonymous.items[i];
        CLEANUP(free) char *folder = str_format("%s/volumes/%s", e->data_dir, name);
        if (!volume_name_is_valid(name) || is_used_elsewhere(e, c, name)) {
            continue;
        }
        int r = remove_tree(AT_FDCWD, folder, err);
        if (r < 0) {
            return error_wrap(err, r, "volume '%s'", name);
        }
    }
    return 0;
}
