// SPDX-License-Identifier: Apache-2.0
/* Lists of CPUs or memory nodes as the kernel writes them: "0-3,5" (cpuset(7) "List format"). Pure.
 */
#pragma once

#include <stdbool.h>

bool cpu_list_is_valid(const char *text);
/* Every member of `part` is in `whole`; both valid. */
bool cpu_list_contains(const char *whole, const char *part);
