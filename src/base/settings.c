// SPDX-License-Identifier: Apache-2.0
#include "base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"

static const char *const parts[] = {"build",      "cgroup_driver", "images",       "network",
                                    "registries", "signatures",    "userns_remap", "vm",
                                    NULL};

static const char *nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 2 + 1;
    for (; *known; known++) {
        size_t d = str_distance(word, *known);
        if (d < best_distance) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}

int settings_check_keys(const json_t *object, const char *where, const char *const *known,
                        struct error **err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (str_in(key, known)) {
            continue;
        }
        int r = error_set(err, ERROR_INVALID_INPUT, 0, "%s: unknown setting '%s'", where, key);
        const char *near = nearest(key, known);
        return near ? error_hint(err, r, "did you mean '%s'?", near) : r;
    }
    return 0;
}

int settings_load(const char *path, json_t **ret, struct error **err)
{
    CLEANUP(error) struct error *e = NULL;
    CLEANUP(json) json_t *root = NULL;
    int r = json_load_path(AT_FDCWD, path, SETTINGS_BYTES_MAX, &root, &e);
    if (r == -ENOENT) {
        *ret = json_object();
        return 0;
    }
    if (r < 0) {
        return error_wrap(err, error_move(err, &e, r), "settings");
    }
    if (!json_is_object(root)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "settings: '%s' is not an object", path);
    }
    r = settings_check_keys(root, path, parts, err);
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(root);
    return 0;
}

int settings_load_part(const char *path, const char *key, json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *root = NULL;
    json_t *part = NULL;
    int r = settings_load(path, &root, err);
    if (r >= 0) {
        r = json_get_object(root, key, path, &part, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = part ? json_incref(part) : json_object();
    return 0;
}
