// SPDX-License-Identifier: Apache-2.0
/* The verbs of cloison-compose: each takes the request and prints its result on standard output.
 * Returns an exit status, or a negative errno with *err set. */
#pragma once

#include "compose/request.h"

typedef int compose_verb(const struct compose_request *r, struct error **err);

compose_verb verb_config;

/* The project, its warnings printed on standard error. */
int verb_project(const struct compose_request *r, const struct strv *services, struct project **ret,
                 struct error **err) NODISCARD;
/* Each name must be one of the project's services. */
int verb_check_services(const struct project *p, const struct strv *names,
                        struct error **err) NODISCARD;
