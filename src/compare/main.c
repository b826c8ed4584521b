// SPDX-License-Identifier: Apache-2.0
/* The program cloison-compare (libexec): does what `cloison compare` and `cloison advise` ask.
 * Its one argument is a JSON request, {"verb": "compare" or "advise", "dataDir", "runDir",
 * "config", "cloison", … the verb's own members}: request.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "compare/request.h"

int main(int argc, char **argv)
{
    open_standard_streams();
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *request = NULL;
    int r = argc == 2 ? json_parse(argv[1], strlen(argv[1]), "the request", &request, &err)
                      : error_set(&err, ERROR_USAGE, 0, "cloison-compare is started by cloison");
    if (r >= 0) {
        const char *verb = "";
        r = json_get_str(request, "verb", "the request", &verb, &err);
        r = r < 0                        ? r
            : str_equal(verb, "compare") ? request_compare(request, &err)
                                         : request_advise(request, &err);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && r >= 0) {
        r = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (r < 0) {
        error_print(err, stderr);
        return err->kind == ERROR_USAGE ? error_exit_status(err) : 1;
    }
    return r;
}
