// SPDX-License-Identifier: Apache-2.0
/* What volume.c and volume_mount.c share. */
#pragma once

#include "spec/volume.h"

bool volume_is_propagation(const char *word);
int volume_set_destination(struct arena *a, const char *text, struct volume *ret,
                           struct error **err) NODISCARD;
/* A path that starts with '.' behind cwd; a name stays a name. */
const char *volume_absolute(struct arena *a, const char *path, const char *cwd);
