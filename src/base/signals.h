// SPDX-License-Identifier: Apache-2.0
/* Signals by name, as --stop-signal, kill --signal and an image's StopSignal write them. Pure. */
#pragma once

#include "base/error.h"

/* "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1". 1 to 64, else ERROR_USAGE. */
int signal_parse(const char *text, int *ret, struct error **err) NODISCARD;
/* "SIGTERM", "SIGRTMIN+3"; NULL for a number that is no signal. Static storage for the former,
 * a table for the latter: any thread. */
const char *signal_name(int number);
