// SPDX-License-Identifier: Apache-2.0
/* The host's ids that containers in a user namespace get: a user's subordinate range.
 *
 * The setting "userns_remap" names the user ("default" is "cloison"), and every container gets a
 * user namespace unless it says --userns host; without the setting --userns remap takes the range
 * of "cloison". Files and volumes are mapped when they are mounted, never chowned, so containers of
 * either kind share images. Reads /etc/subuid and /etc/subgid; no other side effect. man 5 subuid.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

/* One range in *ret (the arena's), or *ret_count 0: no user namespace. `mode` as --userns has it,
 * may be NULL. */
int userns_map(const char *config_path, const char *mode, struct arena *a, struct spec_id_map **ret,
               size_t *ret_count, struct error **err) NODISCARD;

/* The first range of a user in a file's text, "NAME:FIRST:COUNT" a line: 1, or 0 when there is
 * none. Lines that are no ranges are passed over. */
int userns_find_range(const char *text, const char *user, struct spec_id_map *ret);
