// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci restore`: a container from checkpoint's files, by CRIU. */
#include <fcntl.h>

#include "base/file.h"
#include "engine/terminal.h"
#include "oci/criu.h"
#include "oci/launch.h"

static int call(void *context, pid_t *ret_pid, struct error **err)
{
    return criu_call(context, ret_pid, err);
}

static void add_descriptors(json_t *request)
{
    const char *folder = json_string_value(json_object_get(request, "imageDir"));
    CLEANUP(free) char *path = str_format("%s/%s", folder, CRIU_DESCRIPTORS);
    json_t *list = NULL;
    if (json_load_path(AT_FDCWD, path, 65536, &list, NULL) >= 0) {
        (void)json_object_set_new(request, "descriptors", list); /* memory: aborts */
    } /* images of another runtime's may have none */
}

static int restore(struct launch *l, const struct criu_options *o, struct oci_container **ret,
                   struct error **err)
{
    CLEANUP(json) json_t *request = NULL;
    int r = criu_request(o, l->spec, l->rootfs, "restore", &request, err);
    if (r < 0) {
        return r;
    }
    add_descriptors(request);
    if (o->console_socket) {
        (void)json_object_set_new(request, "consoleSocket", json_string(o->console_socket));
    }
    return launch_adopt(l, call, request, ret, err);
}

static int restore_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct criu_options *o = values;
    const struct launch_options options = {.bundle = o->bundle, .pid_file = o->pid_file};
    struct launch l = {.oci = oci_of(context), .options = &options, .id = argv[0], .adopts = true};
    struct terminal t = {.interactive = true, .no_detach = true, .signals = -1, .master = -1};
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = launch_begin(&l, err);
    if (r >= 0 && !o->detach) {
        r = terminal_prepare(&t, err);
    }
    if (r >= 0) {
        r = restore(&l, o, &c, err);
    }
    if (r >= 0 && !o->detach) {
        t.pid = c->pid;
        r = launch_wait(c, &t, false, err);
    }
    terminal_done(&t);
    launch_done(&l);
    return r;
}

const struct command oci_restore = {
    .name = "restore",
    .group = "Commands",
    .summary = "Make a container from a checkpoint, by CRIU",
    .arguments = "[OPTIONS] CONTAINER",
    .options = criu_restore_rows,
    .values_size = sizeof(struct criu_options),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = restore_run,
};
