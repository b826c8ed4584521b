// SPDX-License-Identifier: Apache-2.0
/* `exec -d`: the monitor makes the process, because it is here to reap it. Its output goes nowhere,
 * as Docker's. */
#include <fcntl.h>
#include <string.h>

#include "engine/monitor/monitor.h"

#define PROCESS_BYTES_MAX ((size_t)4 << 20)

static int load(struct monitor *m, const char *name, json_t **ret, struct error **err)
{
    if (!str_starts(name, "exec-") || strchr(name, '/')) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a malformed request");
    }
    CLEANUP(free) char *path = container_run_path(&m->engine, m->container->id, name);
    int r = json_load_path(AT_FDCWD, path, PROCESS_BYTES_MAX, ret, err);
    (void)unlink(path); /* the client removes it too */
    return r;
}

static int execute(struct monitor *m, const json_t *json, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    struct spec_process process = {0};
    bool privileged = false;
    pid_t pid = 0;
    if (null < 0) {
        return null;
    }
    int r = spec_parse_process(a, json_object_get(json, "process"), "process", &process, err);
    if (r >= 0) {
        r = json_get_bool(json, "privileged", "exec", &privileged, err);
    }
    if (r < 0) {
        return r;
    }
    process.terminal = false; /* nobody would be at its other end */
    struct wall_exec x = {.process = &process, .io = {null, null, null}, .privileged = privileged};
    return m->wall->exec(m->workload, &x, &pid, err);
}

int monitor_exec(struct monitor *m, const char *name, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    if (!m->workload || m->exited) {
        return error_set(err, ERROR_BUSY, 0, "container %s is not running", m->container->name);
    }
    if (!m->wall->exec) {
        return wall_cannot(m->wall, "execute another process", err);
    }
    int r = load(m, name, &json, err);
    if (r >= 0) {
        r = execute(m, json, err);
    }
    json_decref(take_ptr(json));
    monitor_quiet(m);
    return r < 0 ? r : 0;
}
