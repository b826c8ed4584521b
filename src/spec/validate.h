// SPDX-License-Identifier: Apache-2.0
/* The parts of spec_validate(), one subject a file; see spec.h. Pure. */
#pragma once

#include "spec/spec.h"

int validate_process(const struct spec *s, struct error **err) NODISCARD;
int validate_namespaces(const struct spec *s, struct error **err) NODISCARD;
int validate_linux(const struct spec *s, struct error **err) NODISCARD;
int validate_seccomp(const struct spec_seccomp *s, struct error **err) NODISCARD;

/* ERROR_INVALID_INPUT "config.json: <where>: <text>". */
int invalid(struct error **err, const char *where, const char *format, ...) PRINTF_LIKE(3, 4);

/* Why this kernel parameter cannot be set in the namespaces the spec has, as the end of a sentence;
 * NULL when it can. */
const char *sysctl_refusal(const struct spec *s, const char *key);
