// SPDX-License-Identifier: Apache-2.0
/* Copies what an image has at a volume's place into the new volume, as Docker does at the first
 * use: contents, owners, modes, times, extended attributes, symlinks as they are, and the place's
 * own owner and mode. Nothing there, or not a folder: an empty volume. Side effects: files below
 * `to`; a child that ends with the call. */
#pragma once

#include "engine/container.h"

int volume_fill(const struct container *c, const char *destination, const char *to,
                struct error **err) NODISCARD;
