// SPDX-License-Identifier: Apache-2.0
/* Signals by name, as --stop-signal, kill --signal and an image's StopSignal write them: pure. And
 * those by which a user ends a command, held back while it must not be cut short. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"

/* "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1". 1 to 64, else ERROR_USAGE. */
int signal_parse(const char *text, int *ret, struct error **err) NODISCARD;
/* "SIGTERM", "SIGRTMIN+3"; NULL for a number that is no signal. Static storage for the former,
 * a table for the latter: any thread. */
const char *signal_name(int number);

/* Blocks INT, TERM, HUP and QUIT, but for those that are ignored (nohup). One that comes stays
 * pending: who undoes what is half made and then sets the mask back to *ret_old ends by it, as
 * whoever started the command expects. This thread. */
void signals_hold(sigset_t *ret_held, sigset_t *ret_old);
bool signals_are_pending(const sigset_t *held);
