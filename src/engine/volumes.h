// SPDX-License-Identifier: Apache-2.0
/* Volumes: folders that outlive containers, <data_dir>/volumes/<name>/_data, made by hand or at the
 * first use, and then filled with what the image has at that place. One without a name of its own,
 * anonymous, has one made from random digits and goes with its container where --rm or rm -v ask
 * for it. Beside the folder, volume.json: {"created": RFC 3339, "labels": {…}}; older ones have
 * none.
 *
 * Side effects: files. Filling reads the image's layers through an overlay that is mounted in a
 * child's private mount namespace and vanishes with it. */
#pragma once

#include "engine/container.h"

/* Makes what the container's `volumes` name ("name:destination[:nocopy]") and is not there yet. */
int volumes_create(const struct engine *e, const struct container *c, struct error **err) NODISCARD;
/* Removes those of the container that have no name of their own. */
int volumes_remove_anonymous(const struct engine *e, const struct container *c,
                             struct error **err) NODISCARD;

/* [a-zA-Z0-9][a-zA-Z0-9_.-]* */
bool volume_name_is_valid(const char *name);

struct volume {
    char *name;
    char *path;    /* of its files */
    char *created; /* RFC 3339 */
    json_t *labels;
    bool anonymous;
};
/* Makes an empty one; that there is one of the name already is no error. `labels` (borrowed, may be
 * NULL) is an object of strings. */
int volume_make(const struct engine *e, const char *name, const json_t *labels,
                struct error **err) NODISCARD;
char *volume_anonymous_name(void);
/* Takes away what killed commands left half made or half removed, when nobody is at work. */
void volumes_sweep(const struct engine *e);

/* Names, sorted. */
int volume_list(const struct engine *e, struct strv *ret, struct error **err) NODISCARD;
/* ERROR_NOT_FOUND. */
int volume_load(const struct engine *e, const char *name, struct volume *ret,
                struct error **err) NODISCARD;
void volume_done(struct volume *v);
static inline void volume_cleanup(struct volume *v)
{
    volume_done(v);
}

/* The IDs of the containers that name it. */
int volume_users(const struct engine *e, const char *name, struct strv *ret,
                 struct error **err) NODISCARD;
/* ERROR_NOT_FOUND; ERROR_BUSY while a container, running or not, names it. */
int volume_remove(const struct engine *e, const char *name, struct error **err) NODISCARD;
