// SPDX-License-Identifier: Apache-2.0
/* Calling the program cloison-image (libexec), which alone changes the image store. It takes one
 * argument, a JSON request:
 *     {"verb": "pull", "dataDir": …, "config": …, "errorFd": 3, …the verb's own members}
 * The verb's members are told in image/store/verbs.h. Its result goes to standard output, its
 * progress to standard output or error as the verb says; a failure is one line on standard error,
 * or, with "errorFd", {"kind","code","message","hint"} in JSON written there, so that the words
 * travel as data. Side effects: a process. */
#pragma once

#include "base/json.h"

#include "base/error.h"

/* A request with what each has. The caller adds members and drops the reference. */
json_t *image_request(const char *verb, const char *data_dir, const char *config_path);

/* Executes the helper in place of this process, which ends with its status: for verbs that do
 * nothing else. Returns on failure alone. */
int image_helper_become(const json_t *request, struct error **err) NODISCARD;

/* Executes it and waits. Where its standard output goes: */
enum helper_output { HELPER_TO_STDERR, HELPER_TO_NOWHERE, HELPER_TO_STDOUT };
int image_helper_run(const json_t *request, enum helper_output output,
                     struct error **err) NODISCARD;
