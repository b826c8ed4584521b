// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci restore`: a container from checkpoint's files, by CRIU. */
#include <fcntl.h>

#include "base/file.h"
#include "engine/terminal.h"
#include "oci/criu.h"
#include "oci/launch.h"

struct restoring {
    json_t *request;
    pid_t pid; /* the first process, our child until it is waited for, also when it has ended */
};

/* The images say which group it was in; this container's may have another name. */
static int call(void *context, const char *cgroup, pid_t *ret_pid, struct error **err)
{
    struct restoring *r = context;
    if (cgroup) {
        (void)json_object_set_new(r->request, "cgroup", json_string(cgroup)); /* memory: aborts */
    }
    int result = criu_call(r->request, ret_pid, err);
    r->pid = *ret_pid;
    return result;
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

static int restore(struct launch *l, const struct criu_options *o, pid_t *ret_pid,
                   struct oci_container **ret, struct error **err)
{
    CLEANUP(json) json_t *request = NULL;
    const struct criu_container whom = {l->spec, l->rootfs, l->bundle, l->oci->criu};
    int r = criu_request(o, &whom, "restore", &request, err);
    if (r < 0) {
        return r;
    }
    add_descriptors(request);
    if (o->console_socket) {
        (void)json_object_set_new(request, "consoleSocket", json_string(o->console_socket));
    }
    struct restoring restoring = {.request = request};
    r = launch_adopt(l, call, &restoring, ret, err);
    *ret_pid = restoring.pid;
    return r;
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
        r = restore(&l, o, &t.pid, &c, err);
    }
    if (r >= 0 && !o->detach) {
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
