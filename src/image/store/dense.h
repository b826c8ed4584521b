// SPDX-License-Identifier: Apache-2.0
/* Whether a folder's files would become smaller by compression, by samples of them. The answer
 * depends on their contents alone. Reads files; follows no links. Any thread. */
#pragma once

#include "base/error.h"

/* 1: compression would save less than a 16th. */
int folder_is_dense(int folder, struct error **err) NODISCARD;
