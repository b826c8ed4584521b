// SPDX-License-Identifier: Apache-2.0
/* Volumes: folders that outlive containers, <data_dir>/volumes/<name>/_data, made at the first use
 * and then filled with what the image has at that place. One without a name of its own, anonymous,
 * has one made from random digits and goes with its container where --rm or rm -v ask for it.
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
