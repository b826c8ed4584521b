// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci delete`: everything of a stopped container goes; with --force of any. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "oci/container.h"

struct delete_values {
    bool force;
};

/* A folder without facts: its creator died at once. It goes in any case; who forced is content. */
static int delete_remains(const struct oci_context *oci, const char *id, bool force, int result,
                          struct error **err)
{
    if (result != -ENOENT || oci_id_check(id, NULL) < 0) {
        return result;
    }
    CLEANUP(free) char *path = str_format("%s/%s", oci->root, id);
    IGNORE(remove_tree(AT_FDCWD, path, NULL)); /* nearly always there is none */
    if (!force) {
        return result;
    }
    if (err) {
        error_free(take_ptr(*err));
    }
    return 0;
}

/* Whoever is making it fails then, and undoes what it did. */
static int stop_creation(const struct oci_container *c, bool force, struct error **err)
{
    if (c->status != OCI_CREATING) {
        return 0;
    }
    if (!force) {
        return error_set(err, ERROR_BUSY, 0, "cannot delete container '%s': it is being created",
                         c->id);
    }
    if (c->workload) {
        IGNORE(c->oci->wall->signal(c->workload, SIGKILL, false, NULL)); /* gone: fine */
    }
    return 0;
}

static int delete_opened(struct oci_container *c, bool force, struct error **err)
{
    if (!force && c->status != OCI_STOPPED) {
        return error_set(err, ERROR_BUSY, 0, "cannot delete container '%s' that is not stopped: %s",
                         c->id, oci_status_name(c->status));
    }
    return oci_container_delete(c, err);
}

static int delete_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    const struct delete_values *v = values;
    const struct oci_context *oci = oci_of(context);
    CLEANUP(oci_container) struct oci_container *seen = NULL, *c = NULL;
    int r = oci_container_open(oci, argv[0], OCI_LOOK, &seen, err);
    if (r >= 0) {
        r = stop_creation(seen, v->force, err);
    }
    if (r >= 0) {
        r = oci_container_open(oci, argv[0], OCI_CHANGE, &c, err);
    }
    if (r < 0) {
        return delete_remains(oci, argv[0], v->force, r, err);
    }
    return delete_opened(c, v->force, err);
}

static const struct option delete_options[] = {
    {'f', "force", OPTION_FLAG, offsetof(struct delete_values, force), NULL,
     "Kill it when it has not ended; no error when there is none"},
    {0},
};

const struct command oci_delete = {
    .name = "delete",
    .group = "Commands",
    .summary = "Remove a stopped container",
    .arguments = "[OPTIONS] CONTAINER",
    .options = delete_options,
    .values_size = sizeof(struct delete_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = delete_run,
};
