// SPDX-License-Identifier: Apache-2.0
/* --squash: the layers of a stage that its base image does not have become one. Side effects: a
 * layer more in the store. */
#pragma once

#include "build/build.h"

/* The stage has the base's layers and that one then; its history says so. */
int squash_stage(struct build *b, struct stage *s, struct error **err) NODISCARD;
