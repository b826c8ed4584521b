// SPDX-License-Identifier: Apache-2.0
/* --cache-to and --cache-from: the cache of other builds,
 *     in a folder      DIR/cache/<hex of the key>    a record, as build/cache.h has it
 *                      DIR/blobs/sha256/<hex>        its layer's blob
 *     in a registry    image/registry/build_cache.h
 *     in the image     the same, its config ("inline")
 * Either may be anybody's: blobs are checked against their digest and unpacked by a confined
 * process (image/store/unpacker.h). Side effects: files, network. */
#pragma once

#include "build/build.h"

/* Reads the options: ERROR_USAGE, ERROR_UNSUPPORTED. */
int elsewhere_parse(const struct build_options *o, struct elsewhere **ret,
                    struct error **err) NODISCARD;
void elsewhere_free(struct elsewhere *e);
/* Asks the registries what they have; one that does not answer is a warning. */
int elsewhere_look(struct build *b, struct error **err) NODISCARD;
/* 1: a cache of --cache-from has the step; its layer is in the store now, its record in ours. */
int elsewhere_take(struct build *b, struct stage *s, struct build_step *step, const char *key,
                   struct error **err) NODISCARD;
/* Whether there is a --cache-to. */
bool elsewhere_is_asked(const struct build *b);
/* The steps to the folders and the registries of --cache-to. */
int elsewhere_put(struct build *b, struct error **err) NODISCARD;
/* With --cache-to type=inline: the records of the target's steps. A new reference, or NULL. */
json_t *elsewhere_inline(struct build *b);
