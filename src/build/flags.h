// SPDX-License-Identifier: Apache-2.0
/* The flags of an instruction, "--from=x", "--link", and fields as of
 * "--mount=type=cache,target=/x". Pure. */
#pragma once

#include "build/file/dockerfile.h"

/* Refuses a flag that is not in the NULL-terminated list; names end with '=' where a value must
 * follow. The nearest known one is named. */
int flags_check(const char *file, const struct instruction *i, const char *const *known,
                struct error **err) NODISCARD;
/* The value of the last one, "" when it has none; NULL: not there. */
const char *flag_value(const struct instruction *i, const char *name);
/* "--link", "--link=true": true. ERROR_INVALID_INPUT for another word. */
int flag_bool(const char *file, const struct instruction *i, const char *name, bool *ret,
              struct error **err) NODISCARD;
void flag_list(const struct instruction *i, const char *name, struct strv *ret);

/* "a=1,\"b=x,y\",c" → fields. */
void fields_split(const char *text, struct strv *ret);
