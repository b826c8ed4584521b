// SPDX-License-Identifier: Apache-2.0
#include "engine/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sealed.h"
#include "engine/control.h"
#include "engine/draft.h"
#include "engine/recover.h"
#include "engine/session.h"
#include "engine/terminal.h"
#include "wall/wall.h"

static int check(const struct container *c, const struct exec_request *r, struct error **err)
{
    if (!container_is_up(c) || c->pid <= 0) {
        return error_set(err, ERROR_BUSY, 0, "container %s is not running", c->name);
    }
    if (c->status == CONTAINER_PAUSED) {
        int result = error_set(err, ERROR_BUSY, 0, "container %s is paused", c->name);
        return error_hint(err, result, "unpause it first");
    }
    if (r->tty && r->interactive && !r->detach && !isatty(STDIN_FILENO)) {
        return error_set(err, ERROR_USAGE, 0, "the input is not a terminal: leave out -t");
    }
    return 0;
}

/* The monitor reads the file, removes it, and answers when the program was executed. */
static int detached(const struct engine *e, const struct container *c, const struct exec_request *r,
                    const struct spec_process *p, struct error **err)
{
    CLEANUP(free) char *tag = random_hex(8);
    CLEANUP(free) char *name = str_format("exec-%s.json", tag);
    CLEANUP(free) char *path = container_run_path(e, c->id, name);
    CLEANUP(json)
    json_t *json =
        json_pack("{s:o,s:b}", "process", spec_process_to_json(p), "privileged", r->privileged);
    int result = json_save_path(AT_FDCWD, path, json, 0600, false, err);
    if (result == 0) {
        result = control_request(e, c, FRAME_EXEC, name, strlen(name), err);
        (void)unlink(path); /* gone already when the monitor took it */
    }
    return result;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void take_master(void *context, int master_fd)
{
    *(int *)context = master_fd;
}

static int attached(struct workload *w, const struct wall_ops *wall, const struct exec_request *r,
                    const struct spec_process *p, struct error **err)
{
    CLEANUP(fd) int master = -1;
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    pid_t pid = 0;
    int status = 0;
    if (null < 0) {
        return null;
    }
    struct wall_exec x = {
        .process = p,
        .io = {r->interactive ? STDIN_FILENO : null, STDOUT_FILENO, STDERR_FILENO},
        .console = take_master,
        .context = &master,
        .privileged = r->privileged,
    };
    struct terminal t = {.interactive = r->interactive, .detach_keys = r->detach_keys};
    int result = terminal_prepare(&t, err);
    if (result >= 0) {
        result = wall->exec(w, &x, &pid, err);
    }
    if (result >= 0) {
        t.master = master;
        t.pid = pid;
        result = terminal_serve(&t, &status, err);
    }
    terminal_done(&t);
    return result < 0 ? result : t.detached ? 0 : exit_code(status);
}

static int in_workload(const struct engine *e, const struct container *c,
                       const struct exec_request *r, const struct spec_process *p,
                       struct error **err)
{
    CLEANUP(free) char *state_dir = container_run_path(e, c->id, "wall");
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    int result = wall_find(c->wall, &wall, err);
    if (result == 0 && !wall->exec) {
        return wall_cannot(wall, "execute another process", err);
    }
    if (result == 0) {
        result = wall->open(state_dir, &w, err);
    }
    if (result >= 0) {
        result = attached(w, wall, r, p, err);
        wall->close(w);
    }
    return result;
}

int engine_exec(const struct engine *e, const char *name, struct exec_request *request,
                struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(spec) struct spec *spec = NULL;
    struct spec_process process;
    int r = sealed_reexecute(err);
    if (r == 0) {
        r = container_find_recovered(e, name, &c, err);
    }
    if (r == 0) {
        r = check(c, request, err);
    }
    if (r == 0) {
        r = environment_complete(&request->env_files, &request->env, err);
    }
    if (r != 0) {
        return r;
    }
    CLEANUP(free) char *config = container_data_path(e, c->id, "config.json");
    r = spec_load_path(AT_FDCWD, config, &spec, err);
    if (r >= 0) {
        r = exec_process(e, c, request, spec, &process, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(error) struct error *mine = NULL;
    r = request->detach ? detached(e, c, request, &process, &mine)
                        : in_workload(e, c, request, &process, &mine);
    return r < 0 ? control_explain(c, r, &mine, err) : r;
}
