// SPDX-License-Identifier: Apache-2.0
/* What the command line asks of cloison-compose: see cli/compose.h for its JSON. Pure. */
#pragma once

#include "base/json.h"
#include "compose/load.h"
#include "engine/container.h"

struct compose_request {
    json_t *json;
    const char *verb;
    struct engine engine;
    const char *cloison; /* the path of the program that executed us */
    bool debug;
    struct strv arguments; /* behind the options */
};
int compose_request_parse(const char *text, struct compose_request *ret,
                          struct error **err) NODISCARD;
void compose_request_done(struct compose_request *r);

/* Options by their long names. */
bool asked_flag(const struct compose_request *r, const char *name);
const char *asked_text(const struct compose_request *r, const char *name); /* or NULL */
int64_t asked_integer(const struct compose_request *r, const char *name, int64_t otherwise);
void asked_list(const struct compose_request *r, const char *name, struct strv *ret);
/* The same of the options in front of the verb. */
const char *global_text(const struct compose_request *r, const char *name);
int64_t global_integer(const struct compose_request *r, const char *name, int64_t otherwise);

/* The project that the options in front of the verb name. `services`: those whose profiles count
 * as asked for, or NULL. */
int request_project(const struct compose_request *r, const struct strv *services,
                    struct project **ret, struct error **err) NODISCARD;
