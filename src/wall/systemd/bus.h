// SPDX-License-Identifier: Apache-2.0
/* Units by way of the bus. Side effects: a connection, and what systemd does for the calls.
 *
 *     systemd_bus_open(); scope_bus_start() | _set() | _stop(), any number; systemd_bus_close()
 *
 * Jobs are waited for, at most half a minute. */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "base/error.h"

/* The system bus, or systemd's own socket where no bus runs. */
int systemd_bus_open(sd_bus **ret, struct error **err) NODISCARD;

/* The requests of wall/systemd/protocol.h. */
int scope_bus_start(sd_bus *bus, const json_t *request, struct error **err) NODISCARD;
int scope_bus_set(sd_bus *bus, const json_t *request, struct error **err) NODISCARD;
int scope_bus_stop(sd_bus *bus, const json_t *request, struct error **err) NODISCARD;

/* Appends "a(sv)" without its container: each of the list's properties. append.c */
int properties_append(sd_bus_message *m, const json_t *properties, struct error **err) NODISCARD;
