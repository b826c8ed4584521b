// SPDX-License-Identifier: Apache-2.0
/* Which containers use an image, read from their container.json. Reads files. */
#pragma once

#include "base/error.h"

/* 1: a container uses it, named in *ret_name (the caller frees); 0: none does. `hex` is of the
 * image's ID. */
int image_user(const char *data_dir, const char *hex, char **ret_name,
               struct error **err) NODISCARD;
