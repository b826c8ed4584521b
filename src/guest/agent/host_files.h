// SPDX-License-Identifier: Apache-2.0
/* Small files of the host's that travel with the workload, which binds number n as "/run/files/n".
 * What it was given is kept, so that one in which it has written itself is left alone. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* The texts of a request's "files"; *ret_given is them, the caller's. */
int host_files_write(const json_t *request, json_t **ret_given, struct error **err) NODISCARD;
/* A request's "number" and its new "text": written in place, since it is bound. */
int host_files_refresh(const json_t *request, json_t *given, struct error **err) NODISCARD;
