// SPDX-License-Identifier: Apache-2.0
/* Where things are in the image store (image/image.h tells the layout), as paths relative to
 * <data_dir>/images. Pure but for the functions that say "reads". */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "image/reference.h"

/* Each caller frees the text. `hex` is 64 digits. */
char *layout_store_path(const char *data_dir); /* <data_dir>/images */
char *layout_blob(const char *digest);         /* blobs/sha256/<hex> */
char *layout_deferred(const char *digest);     /* deferred/<hex>: store/deferred.h */
char *layout_id(const char *hex);              /* ids/<hex>.json */
char *layout_layer(const char *chain_hex);     /* layers/<hex> */

/* What a link in deferred/ points to: "../layers/<hex>". */
char *layout_deferred_target(const char *chain_id);

/* names/<registry>/<repository>/:<tag>, or /@<digest> when there is a digest: it names the
 * content. */
char *layout_name(const struct reference *r);

/* What a link of that path in names/ points to: "../…/ids/<hex>.json". */
char *layout_name_target(const char *name_path, const char *hex);

/* The hex digits in a link's target; false when it is not one of ours. */
bool layout_target_hex(const char *target, char ret_hex[DIGEST_HEX_DIGITS + 1]);

/* Reads names/: calls `visit` with the full reference text and the ID's hex digits. Stops at the
 * first result other than 0 and returns it. Names that vanish meanwhile are left out. */
int layout_each_name(int store_fd,
                     int (*visit)(void *context, const char *reference, const char *hex),
                     void *context, struct error **err) NODISCARD;
