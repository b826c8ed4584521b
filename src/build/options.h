// SPDX-License-Identifier: Apache-2.0
/* What a user asks of `build`: the option rows, which src/cli/build.c shows, and the values, which
 * it hands to the program cloison-build as JSON. Pure. */
#pragma once

#include "base/json.h"
#include "base/options.h"
#include "spec/request.h"

struct build_options {
    struct run_request run; /* the quotas, the wall, dns and hosts of its RUN steps */
    struct strv tags, build_args, contexts, secrets, ssh, labels, annotations, outputs, cache_to,
        cache_from, no_cache_filter, allow, attests, platforms;
    const char *file, *target, *network, *progress, *iidfile, *metadata_file, *builder;
    const char *sbom, *provenance;
    bool no_cache, pull, quiet, squash, check, load, push, force_rm, rm, compress;
    const char *call;
};

extern const struct option build_options[];
void build_options_defaults(void *values);

/* The values by their rows' names. A new reference. */
json_t *build_options_to_json(const struct build_options *o);
/* Strings are borrowed from the JSON. */
int build_options_from_json(const json_t *json, struct build_options *ret,
                            struct error **err) NODISCARD;
