// SPDX-License-Identifier: Apache-2.0
/* Becoming the program cloison-compare, which does what `compare` and `advise` ask. Its request:
 * compare/request.h. */
#pragma once

#include <errno.h>
#include <limits.h>

#include "base/json.h"
#include "base/options.h"
#include "base/paths.h"

/* A request with what each has. The caller adds members and drops the reference. */
static inline json_t *compare_request(const char *verb, const struct command_context *context)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "verb", verb, "dataDir", context->data_dir,
                     "runDir", context->run_dir, "config", context->config_path, "cloison", self);
}

/* Executes it in place of this process. Returns on failure alone. */
static inline int compare_become(const json_t *request, struct error **err)
{
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(free) char *path = program_path("cloison-compare");
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "an argument is not valid UTF-8 and cannot be handed on");
    }
    fflush(NULL);
    execv(path, (char *const[]){(char *)"cloison-compare", text, NULL});
    int r = error_set_errno(err, ERROR_UNSUPPORTED, errno, "executing '%s'", path);
    return error_hint(err, r, "is cloison installed whole?");
}
