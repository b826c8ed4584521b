// SPDX-License-Identifier: Apache-2.0
/* Whether an unpacked layer is what its archive says: two trees compared, entry by entry, in names,
 * kinds, modes, owners, sizes, times, attributes, links and content. Reads files; no other side
 * effect. Any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* 0: alike. 1: *ret_difference tells the first difference, "etc/passwd: its content differs"; the
 * caller frees. `is` is the folder under suspicion, `ought` the one that is right. Of the folders
 * in `implied`, of which no archive entry spoke, and of the root, the existence alone counts. */
int compare_trees(int is, int ought, const struct strv *implied, char **ret_difference,
                  struct error **err) NODISCARD;
