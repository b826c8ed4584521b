// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci checkpoint`: the container's processes as files, by CRIU. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "oci/criu.h"

static int save_descriptors(pid_t pid, const char *folder, struct error **err)
{
    CLEANUP(json) json_t *list = json_array();
    for (int fd = 0; fd < 3; fd++) {
        char path[64], target[256];
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd); /* fits */
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        (void)json_array_append_new(list, json_string(target)); /* memory: aborts */
    }
    CLEANUP(free) char *file = str_format("%s/%s", folder, CRIU_DESCRIPTORS);
    return json_save_path(AT_FDCWD, file, list, 0600, false, err);
}

static int checkpoint(struct oci_container *c, const struct criu_options *o, struct error **err)
{
    CLEANUP(spec) struct spec *s = NULL;
    CLEANUP(json) json_t *request = NULL;
    struct criu_container whom = {
        .rootfs = str_or(json_string_value(json_object_get(c->facts, "rootfs")), "/"),
        .bundle = json_string_value(json_object_get(c->facts, "bundle")),
        .program = c->oci->criu,
    };
    pid_t ignored;
    int r = spec_load_path(c->fd, "config.json", &s, err);
    if (r >= 0) {
        whom.spec = s;
        r = criu_request(o, &whom, o->pre_dump ? "pre-dump" : "dump", &request, err);
    }
    if (r >= 0) {
        (void)json_object_set_new(request, "pid", json_integer(c->pid)); /* memory: aborts */
        const char *freezer = c->status == OCI_PAUSED ? c->oci->wall->freezer(c->workload) : NULL;
        if (freezer) { /* what is frozen runs for no debugger: CRIU has to thaw it */
            (void)json_object_set_new(request, "freezer", json_string(freezer)); /* likewise */
        }
        r = save_descriptors(c->pid, json_string_value(json_object_get(request, "imageDir")), err);
    }
    return r < 0 ? r : criu_call(request, &ignored, err);
}

static int checkpoint_run(const struct command_context *context, void *values, int argc,
                          char **argv, struct error **err)
{
    const struct criu_options *o = values;
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_CHANGE, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->status != OCI_RUNNING && c->status != OCI_PAUSED) {
        return error_set(err, ERROR_BUSY, 0, "container cannot be checkpointed in %s state: '%s'",
                         oci_status_name(c->status), c->id);
    }
    r = checkpoint(c, o, err);
    if (r < 0 || o->leave_running || o->pre_dump) {
        return r;
    }
    /* As with runc: what was saved and has ended is deleted. */
    return oci_container_delete(c, err);
}

const struct command oci_checkpoint = {
    .name = "checkpoint",
    .group = "Commands",
    .summary = "Save a running container to files, by CRIU",
    .arguments = "[OPTIONS] CONTAINER",
    .options = criu_checkpoint_rows,
    .values_size = sizeof(struct criu_options),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = checkpoint_run,
};
