// SPDX-License-Identifier: Apache-2.0
/* Health checks, as Docker runs them: the command every `interval` while the container runs;
 * `retries` failures in a row make it unhealthy, one success healthy; in the start period failures
 * do not count. A check that takes longer than `timeout` is killed and has failed. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "engine/exec.h"
#include "engine/monitor/monitor.h"

/* Docker's defaults; the image's are in nanoseconds. */
#define INTERVAL_MS 30000
#define TIMEOUT_MS 30000
#define RETRIES 3
#define START_INTERVAL_MS 5000
#define LOG_ENTRIES 5
#define LOG_BYTES 4096 /* of a check's output */

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

/* The caller writes the state. */
static void set_health(struct monitor *m, const char *health)
{
    struct container *c = m->container;
    if (str_equal(c->health, health)) {
        return;
    }
    free(c->health);
    c->health = xstrdup(health);
    CLEANUP(free) char *action = str_format("health_status: %s", health);
    monitor_event(m, action, NULL);
}

static bool is_starting(const struct health *h)
{
    return clock_ms() - h->begin_ms < h->start_period_ms;
}

static int64_t interval_of(const struct health *h)
{
    return is_starting(h) && h->start_interval_ms < h->interval_ms ? h->start_interval_ms
                                                                   : h->interval_ms;
}

static void forget(struct container *c)
{
    free(take_ptr(c->health));
    json_decref(take_ptr(c->health_log));
    c->health_failures = 0;
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
    h->start_interval_ms = number(check, "StartInterval", 1000000, START_INTERVAL_MS);
    h->next_ms = h->begin_ms + interval_of(h);
    forget(m->container);
    m->container->health = xstrdup("starting");
}

void monitor_health_end(struct monitor *m)
{
    if (m->health.pid) {
        fd_close(m->health.output);
    }
    m->health = (struct health){0};
    forget(m->container);
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
    CLEANUP(fd) int output = memfd_create("health", MFD_CLOEXEC);
    struct exec_request request = {0};
    struct spec_process process;
    if (null < 0 || output < 0) {
        return null < 0 ? null : error_set_errno(err, ERROR_KERNEL, errno, "making a file");
    }
    add_command(json_object_get(m->container->healthcheck, "Test"), &request.command);
    int r = spec_load_path(AT_FDCWD, config, &spec, err);
    if (r >= 0) {
        r = exec_process(&m->engine, m->container, &request, spec, &process, err);
    }
    if (r >= 0) {
        struct wall_exec x = {.process = &process, .io = {null, output, output}};
        r = m->wall->exec(m->workload, &x, &m->health.pid, err);
    }
    if (r >= 0) {
        m->health.output = take_fd(&output);
    }
    strv_done(&request.command);
    return r;
}

static void judge(struct monitor *m, int exit_code, const char *output)
{
    struct health *h = &m->health;
    struct container *c = m->container;
    char ended[TIME_TEXT_BYTES];
    time_now_text(ended);
    h->pid = 0;
    h->next_ms = clock_ms() + interval_of(h);
    c->health_log = c->health_log ? c->health_log : json_array();
    if (json_array_size(c->health_log) == LOG_ENTRIES) {
        (void)json_array_remove(c->health_log, 0); /* it is there */
    }
    json_array_append_new(c->health_log,
                          json_pack("{s:s, s:s, s:i, s:o}", "Start", h->started, "End", ended,
                                    "ExitCode", exit_code, "Output", json_string_lossy(output)));
    if (exit_code == 0) {
        c->health_failures = 0;
        set_health(m, "healthy");
    } else if (!(str_equal(c->health, "starting") && is_starting(h)) &&
               ++c->health_failures >= h->retries) {
        set_health(m, "unhealthy");
    }
    IGNORE(monitor_record_state(m, c->status, NULL) < 0); /* the next check writes it again */
}

/* The running one has ended. */
static void judge_check(struct monitor *m, int status)
{
    struct health *h = &m->health;
    char text[LOG_BYTES + 1];
    ssize_t n = pread(h->output, text, LOG_BYTES, 0);
    text[n < 0 ? 0 : n] = '\0';
    h->output = fd_close(h->output);
    if (h->late) {
        CLEANUP(free)
        char *why = str_format("Health check exceeded timeout (%gs)", (double)h->timeout_ms / 1000);
        judge(m, -1, why);
    } else {
        judge(m, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text);
    }
}

bool monitor_health_reap(struct monitor *m, pid_t pid, int status)
{
    if (pid != m->health.pid || pid == 0) {
        return false;
    }
    judge_check(m, status);
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
        h->late = true;
        h->next_ms = clock_ms() + h->timeout_ms;
        return;
    }
    if (m->container->status == CONTAINER_PAUSED) {
        h->next_ms = clock_ms() + interval_of(h);
        return;
    }
    CLEANUP(error) struct error *why = NULL;
    time_now_text(h->started);
    h->late = false;
    if ((m->wall->exec ? run_check(m, &why) : wall_cannot(m->wall, "execute", &why)) < 0) {
        judge(m, -1, why->message);
    } else {
        h->next_ms = clock_ms() + h->timeout_ms;
    }
    monitor_quiet(m);
}
