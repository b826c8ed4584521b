// SPDX-License-Identifier: Apache-2.0
/* The programs docker-credential-NAME, which keep secrets in a keychain: called with a verb, the
 * registry or {"ServerURL","Username","Secret"} on standard input, an answer or words of failure on
 * standard output (docker-credential-helpers). A secret never stands on a command line. Side
 * effects: processes. */
#pragma once

#include "image/registry/credentials.h"

/* Nothing kept there is no error: *ret is then empty. */
int credential_helper_get(const char *name, const char *server, struct credentials *ret,
                          struct error **err) NODISCARD;
int credential_helper_store(const char *name, const char *server, const struct login *login,
                            struct error **err) NODISCARD;
int credential_helper_erase(const char *name, const char *server, struct error **err) NODISCARD;
