// SPDX-License-Identifier: Apache-2.0
/* Where a build's result goes: the store (unless said otherwise), a folder, an archive, a registry;
 * and what is told of it: its ID, a file of metadata. Side effects: as said. */
#pragma once

#include "build/attest.h"
#include "build/build.h"

enum output_kind {
    OUTPUT_IMAGE,    /* the store */
    OUTPUT_LOCAL,    /* the files into a folder */
    OUTPUT_TAR,      /* the files as an archive */
    OUTPUT_OCI,      /* an OCI archive of the image */
    OUTPUT_DOCKER,   /* docker save's; without dest the store */
    OUTPUT_REGISTRY, /* the store, and pushed */
};
struct output_target {
    enum output_kind kind;
    char *destination; /* NULL: standard output, or the store */
    struct strv names;
    bool push;
};
struct output_targets {
    struct output_target *items;
    size_t count;
    struct attestations attest;
    json_t *images; /* of the platforms done so far: [{"id", "platform", "statements"}] */
};
/* --output, --load, --push, and what is to be stated. ERROR_USAGE. */
int outputs_parse(const struct build_options *o, struct output_targets *ret,
                  struct error **err) NODISCARD;
void outputs_done(struct output_targets *t);
static inline void output_targets_cleanup(struct output_targets *t)
{
    outputs_done(t);
}

/* Of the platform that is built: its files, its image. */
int outputs_platform(struct build *b, struct output_targets *t, struct error **err) NODISCARD;
/* When all are: names, archives, registries; tells the image's ID. */
int outputs_finish(struct build *b, struct output_targets *t, struct error **err) NODISCARD;
