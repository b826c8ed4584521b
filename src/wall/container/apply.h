// SPDX-License-Identifier: Apache-2.0
/* The child's half: from the clone to the exec.
 *
 * Runs in a process of one thread that shares no memory with its parent. Allocates nothing, decides
 * nothing: it walks the plan. Never returns: it becomes the program, or tells what failed on the
 * channel and exits. The process in between (relay), where one is needed, walks its own steps. */
#pragma once

#include "wall/container/step.h"

#define APPLY_EXIT 127 /* of a child that failed; nobody but the parent sees it */

/* Walks the child's steps. */
_Noreturn void apply_child(struct apply *a);
/* Walks the relay's steps. 0, or -errno with a->step at the one that failed. */
int apply_relay(struct apply *a);
/* Tells the parent and exits. */
_Noreturn void apply_fail(struct apply *a, int code);
