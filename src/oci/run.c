// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci run`: create and start in one; in the foreground also the wait and the delete. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "engine/terminal.h"
#include "oci/launch.h"

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The container is others' to change while we wait: deleted by one of them, it is gone already. */
static int clean_up(struct oci_container *c, struct error **err)
{
    int r = oci_container_lock(c, NULL);
    return r == -ENOENT ? 0 : oci_container_delete(c, err);
}

int launch_wait(struct oci_container *c, struct terminal *t, bool keep, struct error **err)
{
    int status = 0;
    struct error *second = NULL;
    oci_container_unlock(c);
    int r = terminal_serve(t, &status, err);
    int removed = keep ? 0 : clean_up(c, r < 0 ? &second : err);
    error_free(second);
    r = r < 0 ? r : removed;
    return r < 0 ? r : exit_code(status);
}

static int run_created(struct launch *l, struct oci_container *c, struct terminal *t,
                       struct error **err)
{
    int r = c->oci->wall->start(c->workload, err);
    if (r < 0) {
        IGNORE(oci_container_delete(c, NULL)); /* the first error counts */
        return r;
    }
    if (l->options->detach) {
        return 0;
    }
    t->master = l->master;
    t->pid = c->pid;
    return launch_wait(c, t, l->options->keep, err);
}

static int run_run(const struct command_context *context, void *values, int argc, char **argv,
                   struct error **err)
{
    const struct launch_options *o = values;
    struct launch l = {.oci = oci_of(context), .options = o, .id = argv[0]};
    struct terminal t = {.interactive = true, .no_detach = true, .signals = -1, .master = -1};
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = launch_begin(&l, err);
    if (r >= 0 && !o->detach) {
        r = terminal_prepare(&t, err);
    }
    if (r >= 0) {
        r = launch_create(&l, &c, err);
    }
    if (r >= 0) {
        r = run_created(&l, c, &t, err);
    }
    terminal_done(&t);
    launch_done(&l);
    return r;
}

const struct command oci_run = {
    .name = "run",
    .group = "Commands",
    .summary = "Create and start a container",
    .arguments = "[OPTIONS] CONTAINER",
    .options = launch_rows,
    .values_size = sizeof(struct launch_options),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_run,
};
