// SPDX-License-Identifier: Apache-2.0
/* The host's features in words, for info and version. Writes to the stream given. */
#pragma once

#include <stdio.h>

#include "engine/host.h"

/* Images' name for a machine: "amd64" for "x86_64". */
const char *host_architecture(const char *machine);

size_t host_features_found(const struct host_report *host);

/* " Found:    mount, pid, …" wrapped at 80 columns. */
void host_print_found(const struct host_report *host, FILE *stream);
/* " Missing:  KVM: there is no /dev/kvm", one a line. */
void host_print_missing(const struct host_report *host, FILE *stream);
/* Each feature by group, one a line, with where it is or why it is missing. */
void host_print_all(const struct host_report *host, FILE *stream);
