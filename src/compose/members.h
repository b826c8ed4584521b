// SPDX-License-Identifier: Apache-2.0
/* The containers of a project, found by Docker Compose's labels: nothing else is kept. Reads the
 * store. */
#pragma once

#include "compose/load.h"
#include "engine/container.h"

#define LABEL "com.docker.compose."

struct member {
    struct container *container; /* owned */
    const char *service, *hash;  /* of its labels */
    int number;
    bool one_off; /* of `compose run` */
};
struct members {
    struct member *items; /* by service, then number */
    size_t count;
};
/* `project` NULL: of every project. */
int members_load(const struct engine *e, const char *project, struct members *ret,
                 struct error **err) NODISCARD;
void members_done(struct members *m);
static inline void members_cleanup(struct members *m)
{
    members_done(m);
}

const char *container_label(const struct container *c, const char *name); /* or NULL */
/* The service's container of this number (0: its lowest); NULL when there is none. */
const struct member *member_find(const struct members *m, const char *service, int number);
/* Whether `name` is among the names, or there are none. */
bool is_asked_for(const struct strv *names, const char *name);
/* "shop-web-1", or the service's container_name. The caller frees. */
char *member_name(const struct project *p, const char *service, int number);
/* How many replicas the file asks for. */
int service_scale(const struct node *service);
