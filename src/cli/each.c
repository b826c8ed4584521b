// SPDX-License-Identifier: Apache-2.0
#include "cli/each.h"

int each_container(const struct command_context *context, int argc, char **argv,
                   each_action *action, void *action_context)
{
    struct engine engine = engine_of(context);
    int status = 0;
    for (int i = 0; i < argc; i++) {
        CLEANUP(error) struct error *e = NULL;
        int r = action(&engine, argv[i], action_context, &e);
        if (r < 0) {
            error_print(e, stderr); /* the one place but main: there are several errors to tell */
            status = 1;
        } else if (r == 0) {
            printf("%s\n", argv[i]);
            fflush(stdout); /* a failure shows in main's own */
        }
    }
    return status;
}
