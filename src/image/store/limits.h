// SPDX-License-Identifier: Apache-2.0
/* What a layer may unpack to, from the settings:
 *     "images": {"maxLayerBytes": "64g", "maxLayerEntries": 5000000}
 * so that a small archive cannot fill the disk. Reads one file. */
#pragma once

#include "image/store/unpack.h"

int limits_load(const char *config_path, struct unpack_limits *ret, struct error **err) NODISCARD;
