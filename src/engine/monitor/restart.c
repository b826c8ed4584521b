// SPDX-License-Identifier: Apache-2.0
/* Docker's restart policies and their back-off: 100 ms, doubled each time up to a minute, and 100
 * ms again once a run lasted ten seconds. */
#include "engine/monitor/monitor.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 60000
#define BACKOFF_RESET_MS 10000

/* `update` may have changed it since the start. */
static void take_policy(struct monitor *m)
{
    CLEANUP(container) struct container *now = NULL;
    if (container_load(&m->engine, m->container->id, &now, NULL) >= 0) {
        char *old = m->container->restart_policy;
        m->container->restart_policy = take_ptr(now->restart_policy);
        m->container->restart_max = now->restart_max;
        free(old);
    }
}

bool monitor_should_restart(struct monitor *m)
{
    const struct container *c = m->container;
    if (m->oom_killed) {
        monitor_event(m, "oom", NULL);
    }
    if (m->pids_limit_hit) {
        monitor_event(m, "pids-limit", NULL);
    }
    CLEANUP(free) char *code = str_format("%d", monitor_exit_code(m));
    monitor_event(m, "die", json_pack("{s:s}", "exitCode", code));
    if (m->stop_wanted) {
        return false;
    }
    take_policy(m);
    if (str_equal(c->restart_policy, "on-failure")) {
        return monitor_exit_code(m) != 0 &&
               (c->restart_max <= 0 || m->restart_count < c->restart_max);
    }
    return str_equal(c->restart_policy, "always") || str_equal(c->restart_policy, "unless-stopped");
}

int monitor_backoff_ms(struct monitor *m)
{
    int64_t started_ms = (int64_t)m->started_at.tv_sec * 1000 + m->started_at.tv_nsec / 1000000;
    int64_t ended_ms = (int64_t)m->finished_at.tv_sec * 1000 + m->finished_at.tv_nsec / 1000000;
    if (m->backoff_ms == 0 || ended_ms - started_ms >= BACKOFF_RESET_MS) {
        m->backoff_ms = BACKOFF_FIRST_MS;
    } else {
        m->backoff_ms = m->backoff_ms * 2 < BACKOFF_MAX_MS ? m->backoff_ms * 2 : BACKOFF_MAX_MS;
    }
    return m->backoff_ms;
}
