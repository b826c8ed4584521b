// SPDX-License-Identifier: Apache-2.0
/* What is stated about files that leave as files: in-toto statements beside them, as BuildKit
 * writes them for type=local and type=tar: `sbom.spdx.json` and `provenance.json`, whose subjects
 * are the files with their digests. Side effects: reads all of the image; files on tmpfs; a
 * detached mount. */
#pragma once

#include "build/build.h"

/* The stage's files with those of the statements ([{"type", "predicate"}]; NULL: none) among them,
 * read only: the root, opened. */
int statement_files_root(const struct build *b, const struct stage *s, const json_t *statements,
                         struct error **err) NODISCARD;
