// SPDX-License-Identifier: Apache-2.0
/* Numbers that jansson cannot hold. The runtime spec has unsigned 64-bit properties (rlimits,
 * seccomp arguments), jansson's integers are signed: 18446744073709551615, "unlimited" in every
 * config.json that containerd writes, would be refused. Such a number is a string of its digits in
 * memory, and a number again in the text. Pure. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* json_parse(), with integers from 2^63 to 2^64-1 taken as strings of digits. */
int json_number_parse(const char *text, size_t len, const char *where, json_t **ret,
                      struct error **err) NODISCARD;
/* A spec's JSON as text (json_dumps() `flags`), such strings being numbers again. The caller frees;
 * NULL when it is not valid. */
char *json_number_dump(const json_t *json, size_t flags);
