// SPDX-License-Identifier: Apache-2.0
/* A signal that asks to stop (INT, TERM, HUP) makes the running operation fail, so that it cleans
 * up what it has half made; the program then ends by that signal. Process-wide; for main() and
 * loops that can take long. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

void interrupt_watch(void);
bool interrupt_wanted(void);
/* 0, or -EINTR with the error set when a signal has come. */
int interrupt_check(struct error **err) NODISCARD;
/* Ends the process by the signal that came, if one did. */
void interrupt_finish(void);
