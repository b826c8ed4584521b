// SPDX-License-Identifier: Apache-2.0
/* What the monitor tells the store. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/process.h"
#include "engine/container_json.h"
#include "engine/events.h"
#include "engine/monitor/monitor.h"

int monitor_exit_code(const struct monitor *m)
{
    return WIFSIGNALED(m->exit_status) ? 128 + WTERMSIG(m->exit_status)
                                       : WEXITSTATUS(m->exit_status);
}

static void set_time(char **at, const struct timespec *t)
{
    free(*at);
    *at = NULL;
    if (t->tv_sec) {
        *at = xmalloc(TIME_TEXT_BYTES);
        time_text(t, *at);
    }
}

int monitor_record_state(struct monitor *m, enum container_status status, struct error **err)
{
    struct container *c = m->container;
    c->status = status;
    c->fresh = false;
    c->pid = m->pid;
    c->pid_start = m->pid ? (int64_t)process_start_time(-1, m->pid) : 0;
    c->monitor_pid = getpid();
    c->restart_count = m->restart_count;
    set_time(&c->started, &m->started_at);
    CLEANUP(json) json_t *json = container_state_to_json(c);
    CLEANUP(free) char *path = container_run_path(&m->engine, c->id, "state.json");
    return json_save_path(AT_FDCWD, path, json, 0600, false, err);
}

/* With --rm there is nobody to read a record: state.json stays, so that a kill before the removal
 * is done leaves a dead monitor's container, which goes. Else the record first, then state.json's
 * end: whoever looks in between sees it running with the lock held, never dead. */
void monitor_record_exit(struct monitor *m)
{
    struct container *c = m->container;
    if (c->remove) {
        return;
    }
    c->exit_code = monitor_exit_code(m);
    c->oom_killed = m->oom_killed;
    c->pids_limit_hit = m->pids_limit_hit;
    c->restart_count = m->restart_count;
    set_time(&c->started, &m->started_at);
    set_time(&c->finished, &m->finished_at);
    free(c->error);
    c->error = m->failure ? xstrdup(m->failure) : NULL;
    CLEANUP(free) char *state = container_run_path(&m->engine, c->id, "state.json");
    IGNORE(container_save_exit(&m->engine, c, NULL) < 0); /* both disks full: no record */
    (void)unlink(state);
}

void monitor_event(struct monitor *m, const char *action, json_t *attributes_take)
{
    const struct container *c = m->container;
    CLEANUP(container) struct container *now = NULL;
    /* Once quiet, this process has forgotten the labels, and may have missed a rename. */
    bool known = c->labels || container_load(&m->engine, c->id, &now, NULL) < 0;
    event_write(&m->engine, known ? c : now, action, attributes_take);
}
