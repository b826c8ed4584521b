// SPDX-License-Identifier: Apache-2.0
/* --sbom, --provenance, --attest: what is stated about an image, as predicates of in-toto
 * statements (image/store/make_index.h wraps them): SPDX 2.3 of the packages that its databases
 * name (image/sbom/sbom.h), and SLSA provenance v0.2 or v1 in BuildKit's shape. Side effects:
 * a process that reads the image; a file on tmpfs. */
#pragma once

#include "build/build.h"

struct attestations {
    bool sbom, provenance;
    bool max;         /* the arguments and the Dockerfile, too */
    bool version_one; /* of provenance */
    char *builder_id;
    bool reproducible;
    bool inline_only; /* provenance stands beside an image alone, not beside files */
};
/* "true", "false" or fields, as docker buildx takes them; of --attest the fields with "type=".
 * ERROR_USAGE. */
int attest_parse(const struct build_options *o, struct attestations *ret,
                 struct error **err) NODISCARD;
void attestations_done(struct attestations *a);
static inline void attestations_cleanup(struct attestations *a)
{
    attestations_done(a);
}
static inline bool attest_any(const struct attestations *a)
{
    return a->sbom || a->provenance;
}

/* [{"type", "predicate"}] about the target stage, which is done. A new reference. */
int attest_stage(struct build *b, const struct attestations *a, json_t **ret,
                 struct error **err) NODISCARD;
/* Of those, what is written beside files: a new list. */
json_t *attest_of_files(const struct attestations *a, const json_t *statements);
/* provenance.c: the predicate. A new reference. */
json_t *provenance_json(const struct build *b, const struct attestations *a);
