// SPDX-License-Identifier: Apache-2.0
/* The JSON forms of struct container: container.json (durable), and what state.json and exit.json
 * add. Pure. */
#pragma once

#include "engine/container.h"

json_t *container_to_json(const struct container *c);
int container_from_json(const json_t *json, const char *where, struct container *c,
                        struct error **err) NODISCARD;
/* state.json, written by the monitor: fills the volatile members and the status it claims. */
int container_state_from_json(const json_t *json, const char *where, struct container *c,
                              struct error **err) NODISCARD;
json_t *container_state_to_json(const struct container *c);
/* exit.json: the last end. */
json_t *container_exit_to_json(const struct container *c);
int container_exit_from_json(const json_t *json, const char *where, struct container *c,
                             struct error **err) NODISCARD;
