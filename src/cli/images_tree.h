// SPDX-License-Identifier: Apache-2.0
/* `images --tree`: every image with the platform that is here, what it takes on the disk, and
 * whether a container uses it. Reads the store and the containers; prints. */
#pragma once

#include "base/options.h"
#include "image/filter.h"

/* Those of the list that fit the filter. */
int images_tree_print(const struct command_context *context, const struct image_filter *f,
                      const struct image_entry *entries, size_t count,
                      struct error **err) NODISCARD;
