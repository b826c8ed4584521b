// SPDX-License-Identifier: Apache-2.0
/* Health checks, as Docker runs them: the command every `interval` while the container runs;
 * `retries` failures in a row make it unhealthy, one success healthy; in the start period failures
 * do not count. A check that takes longer than `timeout` is killed and has failed. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "engine/exec.h"
#include "engine/monitor/monitor.h"

/* Docker's defaults; the image's are in nanoseconds. */
#define INTERVAL_MS 30000
#define TIMEOUT_MS 30000
#define RETRIES 3

static int64_t number(const json_t *check, const char *key, int64_t unit, int64_t otherwise)
{
    int64_t n = json_integer_value(json_object_get(check, key));
    return n > 0 ? n / unit : otherwise;
}

/* ["NONE"] switches off what an image inherited. */
static bool is_wanted(const json_t *check)
{
    const json_t *test = json_object_get(check, "Test");
    const char *kind = json_string_value(json_array_get(test, 0));
    return kind && !str_equal(kind, "NONE") && json_array_size(test) > 1;
}

static void set_health(struct monitor *m, const char *health)
{
    struct container *c = m->container;
    if (str_equal(c->health, health)) {
        return;
    }
    free(c->health);
    c->health = xstrdup(health);
    IGNORE(monitor_record_state(m, c->status, NULL) < 0); /* the next change writes it again */
    CLEANUP(free) char *action = str_format("health_status: %s", health);
    monitor_event(m, action, NULL);
}

void monitor_health_start(struct monitor *m)
{
    struct health *h = &m->health;
    const json_t *check = m->container->healthcheck;
    *h = (struct health){0};
    if (!is_wanted(check)) {
        return;
    }
    h->interval_ms = number(check, "Interval", 1000000, INTERVAL_MS);
    h->timeout_ms = number(check, "Timeout", 1000000, TIMEOUT_MS);
    h->start_period_ms = number(check, "StartPeriod", 1000000, 0);
    h->retries = number(check, "Retries", 1, RETRIES);
    h->begin_ms = clock_ms();
    h->next_ms = h->begin_ms + h->interval_ms;
    free(m->container->health);
    m->container->health = xstrdup("starting");
}

void monitor_health_end(struct monitor *m)
{
    m->health = (struct health){0};
    free(m->container->health);
    m->container->health = NULL;
}

static void add_command(const json_t *test, struct strv *command)
{
    if (str_equal(json_string_value(json_array_get(test, 0)), "CMD-SHELL")) {
        strv_add(command, "/bin/sh");
        strv_add(command, "-c");
    }
    for (size_t i = 1; i < json_array_size(test); i++) {
        strv_add(command, str_or(json_string_value(json_array_get(test, i)), ""));
    }
}

static int run_check(struct monitor *m, struct error **err)
{
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(free) char *config = container_data_path(&m->engine, m->container->id, "config.json");
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    struct exec_request request = {0};
    struct spec_process process;
    if (null < 0) {
        return null;
    }
    add_command(json_object_get(m->container->healthcheck, "Test"), &request.command);
    int r = spec_load_path(AT_FDCWD, config, &spec, err);
    if (r >= 0) {
        r = exec_process(&m->engine, m->container, &request, spec, &process, err);
    }
    if (r >= 0) {
        struct wall_exec x = {.process = &process, .io = {null, null, null}};
        r = m->wall->exec(m->workload, &x, &m->health.pid, err);
    }
    strv_done(&request.command);
    return r;
}

static void judge(struct monitor *m, bool good)
{
    struct health *h = &m->health;
    h->pid = 0;
    h->next_ms = clock_ms() + h->interval_ms;
    if (good) {
        h->failures = 0;
        set_health(m, "healthy");
        return;
    }
    if (str_equal(m->container->health, "starting") &&
        clock_ms() - h->begin_ms < h->start_period_ms) {
        return;
    }
    if (++h->failures >= h->retries) {
        set_health(m, "unhealthy");
    }
}

bool monitor_health_reap(struct monitor *m, pid_t pid, int status)
{
    if (pid != m->health.pid || pid == 0) {
        return false;
    }
    judge(m, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return true;
}

/* The time has come: for a check, or for the end of one that takes too long (reaping it judges). */
void monitor_health_due(struct monitor *m)
{
    struct health *h = &m->health;
    if (!h->next_ms || clock_ms() < h->next_ms || !m->workload || m->exited) {
        return;
    }
    if (h->pid) {
        (void)kill(h->pid, SIGKILL); /* ours until it is reaped */
        h->next_ms = clock_ms() + h->timeout_ms;
        return;
    }
    if (m->container->status == CONTAINER_PAUSED) {
        h->next_ms = clock_ms() + h->interval_ms;
        return;
    }
    if (!m->wall->exec || run_check(m, NULL) < 0) {
        judge(m, false);
    } else {
        h->next_ms = clock_ms() + h->timeout_ms;
    }
    monitor_quiet(m);
}
