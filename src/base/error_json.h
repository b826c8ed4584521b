// SPDX-License-Identifier: Apache-2.0
/* Errors between our programs: {"kind", "code", "message", "hint"}, so that the words travel as
 * data. Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* A new reference. */
json_t *error_to_json(const struct error *e);
/* Sets *err to what the object says, or to what is wrong with it: `where` names it. Always an
 * error.
 */
int error_from_object(const json_t *object, const char *where, struct error **err);
/* Sets *err to what `program` wrote, or to the news that it failed without a word. Always an error.
 */
int error_from_json(const char *text, size_t len, const char *program, struct error **err);
