// SPDX-License-Identifier: Apache-2.0
/* --cache-to and --cache-from: the cache of other builds, in folders,
 *     DIR/cache/<hex of the key>      a record, as build/cache.h has it
 *     DIR/blobs/sha256/<hex>          its layer's blob
 * A folder may come from anybody: blobs are checked against their digest and unpacked by a confined
 * process (image/store/unpacker.h). Side effects: files. */
#pragma once

#include "build/build.h"

/* "type=local,dest=DIR" or "type=local,src=DIR". ERROR_USAGE, ERROR_UNSUPPORTED. */
int elsewhere_check(const struct build_options *o, struct error **err) NODISCARD;
/* 1: a folder of --cache-from has the step; its layer is in the store now, its record in our cache.
 */
int elsewhere_take(struct build *b, struct stage *s, struct build_step *step, const char *key,
                   struct error **err) NODISCARD;
/* The steps of the needed stages to the folders of --cache-to. */
int elsewhere_put(struct build *b, struct error **err) NODISCARD;
