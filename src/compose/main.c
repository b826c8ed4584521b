// SPDX-License-Identifier: Apache-2.0
/* The program cloison-compose (libexec): what `cloison compose` executes. See cli/compose.h. */
#include <stdio.h>

#include "base/file.h"
#include "compose/verbs/verbs.h"

static const struct {
    const char *name;
    compose_verb *run;
} verbs[] = {
    {"attach", verb_attach},   {"boot", verb_boot},       {"build", verb_build},
    {"commit", verb_commit},   {"config", verb_config},   {"convert", verb_config},
    {"cp", verb_cp},           {"create", verb_create},   {"export", verb_export},
    {"down", verb_down},       {"events", verb_events},   {"exec", verb_exec},
    {"images", verb_images},   {"kill", verb_kill},       {"kubernetes", verb_kubernetes},
    {"logs", verb_logs},       {"ls", verb_ls},           {"pause", verb_pause},
    {"port", verb_port},       {"ps", verb_ps},           {"pull", verb_pull},
    {"push", verb_push},       {"restart", verb_restart}, {"rm", verb_rm},
    {"run", verb_run},         {"scale", verb_scale},     {"start", verb_start},
    {"stats", verb_stats},     {"stop", verb_stop},       {"top", verb_top},
    {"trust", verb_trust},     {"unpause", verb_unpause}, {"up", verb_up},
    {"version", verb_version}, {"volumes", verb_volumes}, {"wait", verb_wait},
    {"watch", verb_watch},
};

static int run_verb(const struct compose_request *r, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (str_equal(verbs[i].name, r->verb)) {
            return verbs[i].run(r, err);
        }
    }
    return error_set(err, ERROR_INTERNAL, 0, "cloison-compose has no verb '%s'", r->verb);
}

/* Docker Compose's: 1 for all failures but those that have a status of their own. */
static int exit_status(const struct error *e)
{
    return e->kind == ERROR_USAGE || e->kind == ERROR_COMMAND_NOT_FOUND ||
                   e->kind == ERROR_COMMAND_NOT_EXECUTABLE
               ? error_exit_status(e)
               : 1;
}

int main(int argc, char **argv)
{
    open_standard_streams();
    CLEANUP(error) struct error *err = NULL;
    struct compose_request r = {0};
    int status = argc == 2 ? compose_request_parse(argv[1], &r, &err)
                           : error_set(&err, ERROR_USAGE, 0, "cloison-compose is run by `cloison`");
    if (status == 0) {
        status = run_verb(&r, &err);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status >= 0) {
        status = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (status < 0) {
        error_print(err, stderr);
        status = exit_status(err);
    }
    compose_request_done(&r);
    return status;
}
