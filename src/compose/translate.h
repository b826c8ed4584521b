// SPDX-License-Identifier: Apache-2.0
/* A service becomes a request to the engine, as if its options had been written behind `run`. Pure;
 * ERROR_UNSUPPORTED names what one container cannot have. */
#pragma once

#include "compose/members.h"
#include "spec/request.h"

struct translation {
    struct run_request request;
    struct arena *arena; /* what the request's strings live in */
};
struct translate_options {
    const struct engine *engine;
    int number;             /* of the replica */
    const char *name;       /* of the container */
    const char *image_id;   /* for the label; may be NULL */
    bool one_off;           /* of `compose run` */
    bool no_ports, no_deps; /* of `compose run` */
};
int translate(const struct project *p, const char *service, const struct translate_options *o,
              struct translation *ret, struct error **err) NODISCARD;
void translation_done(struct translation *t);
static inline void translation_cleanup(struct translation *t)
{
    translation_done(t);
}
/* The image's name: the service's own, or "<project>-<service>" of a build. In `a`. */
const char *service_image(struct arena *a, const struct project *p, const char *service);

/* translate_limits.c, translate_mounts.c, translate_network.c: parts of it. */
void translate_limits(struct translation *t, const struct node *service);
int translate_mounts(struct translation *t, const struct project *p, const char *name,
                     const struct engine *e, struct error **err) NODISCARD;
int translate_network(struct translation *t, const struct project *p, const char *name,
                      const struct translate_options *o, struct error **err) NODISCARD;
void translate_list(struct strv *to, const struct node *list);
void translate_pairs(struct strv *to, const struct node *pairs);
void set_integer(struct option_integer *to, const struct node *map, const char *key);
