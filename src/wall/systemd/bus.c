// SPDX-License-Identifier: Apache-2.0
#include "wall/systemd/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define UNIT_PREFIX "/org/freedesktop/systemd1/unit"
#define PRIVATE_SOCKET "unix:path=/run/systemd/private"

#define JOB_TIMEOUT_US 30000000

struct bus_error {
    sd_bus_error e;
};
static void bus_error_cleanup(struct bus_error *e)
{
    sd_bus_error_free(&e->e);
}
DEFINE_CLEANUP(message, sd_bus_message *, sd_bus_message_unref)

/* No bus in the initrd or on the smallest of hosts: systemd listens for itself, too. */
static int open_private(sd_bus **ret)
{
    sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);
    r = r < 0 ? r : sd_bus_set_address(bus, PRIVATE_SOCKET);
    r = r < 0 ? r : sd_bus_start(bus);
    if (r < 0) {
        sd_bus_unref(bus);
        return r;
    }
    *ret = bus;
    return 0;
}

int systemd_bus_open(sd_bus **ret, struct error **err)
{
    int r = sd_bus_open_system(ret);
    if (r < 0 && open_private(ret) < 0) {
        r = error_set_errno(err, ERROR_UNSUPPORTED, -r, "connecting to the system bus");
        return error_hint(err, r, "the systemd cgroup driver needs systemd as the first process");
    }
    return 0;
}

static const char *text_of(const json_t *request, const char *key)
{
    return str_or(json_string_value(json_object_get(request, key)), "");
}

/* What systemd answered, in its words. */
static int refused(const struct bus_error *e, int r, const char *doing, const char *unit,
                   struct error **err)
{
    static const struct {
        const char *name;
        enum error_kind kind;
    } kinds[] = {
        {SERVICE ".UnitExists", ERROR_EXISTS},
        {SERVICE ".NoSuchUnit", ERROR_NOT_FOUND},
        {SD_BUS_ERROR_ACCESS_DENIED, ERROR_DENIED},
        {SD_BUS_ERROR_INVALID_ARGS, ERROR_INVALID_INPUT},
        {SD_BUS_ERROR_PROPERTY_READ_ONLY, ERROR_INVALID_INPUT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (sd_bus_error_has_name(&e->e, kinds[i].name)) {
            return error_set(err, kinds[i].kind, 0, "%s '%s': systemd: %s", doing, unit,
                             str_or(e->e.message, kinds[i].name));
        }
    }
    return sd_bus_error_is_set(&e->e)
               ? error_set(err, ERROR_KERNEL, 0, "%s '%s': systemd: %s", doing, unit,
                           str_or(e->e.message, e->e.name))
               : error_set_errno(err, ERROR_KERNEL, -r, "%s '%s'", doing, unit);
}

/* The job that is waited for, and its result when it has come. */
struct job {
    const char *unit;
    char *path, *result;
};
static void job_cleanup(struct job *j)
{
    free(j->path);
    free(j->result);
}

/* Called from await_job() alone, when the job's path is known: what comes before is queued. */
static int job_removed(sd_bus_message *m, void *context, sd_bus_error *ret_error)
{
    struct job *j = context;
    const char *path, *unit, *result;
    uint32_t id;
    (void)ret_error;
    if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
        str_equal(path, j->path)) {
        free(j->result);
        j->result = xstrdup(result);
    }
    return 0;
}

/* Signals are sent to those who subscribed. Neither call is waited for: what follows comes behind
 * them. Systemd's own socket has no subscriptions to match: the failure does not matter. */
static int watch_jobs(sd_bus *bus, struct job *j, sd_bus_slot **ret, struct error **err)
{
    int r = sd_bus_match_signal_async(bus, ret, SERVICE, MANAGER_PATH, MANAGER, "JobRemoved",
                                      job_removed, NULL, j);
    CLEANUP(message) sd_bus_message *m = NULL;
    r = r < 0
            ? r
            : sd_bus_message_new_method_call(bus, &m, SERVICE, MANAGER_PATH, MANAGER, "Subscribe");
    r = r < 0 ? r : sd_bus_message_set_expect_reply(m, 0);
    r = r < 0 ? r : sd_bus_send(bus, m, NULL);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "listening to systemd") : 0;
}

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int await_job(sd_bus *bus, struct job *j, const char *doing, struct error **err)
{
    uint64_t deadline = now_us() + JOB_TIMEOUT_US, now;
    while (!j->result && (now = now_us()) < deadline) {
        int r = sd_bus_process(bus, NULL);
        r = r ? r : sd_bus_wait(bus, deadline - now);
        if (r < 0 && r != -EINTR) {
            return error_set_errno(err, ERROR_KERNEL, -r, "%s '%s'", doing, j->unit);
        }
    }
    if (!j->result) {
        return error_set(err, ERROR_KERNEL, ETIMEDOUT, "%s '%s': systemd has not ended its job",
                         doing, j->unit);
    }
    return str_equal(j->result, "done")
               ? 0
               : error_set(err, ERROR_KERNEL, 0, "%s '%s': systemd ended the job with '%s'", doing,
                           j->unit, j->result);
}

/* Calls a method of the manager that answers with a job, and waits for the job's end. */
static int call_job(sd_bus *bus, sd_bus_message *m, struct job *j, const char *doing,
                    struct error **err)
{
    CLEANUP(bus_error) struct bus_error e = {SD_BUS_ERROR_NULL};
    CLEANUP(message) sd_bus_message *answer = NULL;
    const char *path;
    int r = sd_bus_call(bus, m, JOB_TIMEOUT_US, &e.e, &answer);
    r = r < 0 ? r : sd_bus_message_read(answer, "o", &path);
    if (r < 0) {
        return refused(&e, r, doing, j->unit, err);
    }
    j->path = xstrdup(path);
    return await_job(bus, j, doing, err);
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret, struct error **err)
{
    int r = sd_bus_message_new_method_call(bus, ret, SERVICE, MANAGER_PATH, MANAGER, method);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "talking to systemd") : 0;
}

/* All that a scope needs: the properties asked for, the slice, and who is in it. */
static int fill_start(sd_bus_message *m, const json_t *request, struct error **err)
{
    int r = sd_bus_message_append(m, "ss", text_of(request, "unit"), "fail");
    r = r < 0 ? r : sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");
    r = r < 0
            ? r
            : sd_bus_message_append(m, "(sv)(sv)(sv)", "Description", "s",
                                    text_of(request, "description"), "Slice", "s",
                                    text_of(request, "slice"), "PIDs", "au", 1, (uint32_t)getpid());
    if (r >= 0) {
        r = properties_append(m, json_object_get(request, "properties"), err);
        if (r < 0) {
            return r;
        }
    }
    r = r < 0 ? r : sd_bus_message_close_container(m);
    r = r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "wording the request to systemd") : 0;
}

static int start(sd_bus *bus, const json_t *request, struct error **err)
{
    CLEANUP(job) struct job j = {.unit = text_of(request, "unit")};
    CLEANUP(message) sd_bus_message *m = NULL;
    sd_bus_slot *slot = NULL;
    int r = new_call(bus, "StartTransientUnit", &m, err);
    r = r < 0 ? r : fill_start(m, request, err);
    r = r < 0 ? r : watch_jobs(bus, &j, &slot, err);
    r = r < 0 ? r : call_job(bus, m, &j, "making the scope", err);
    sd_bus_slot_unref(slot);
    return r;
}

static int call_with_unit(sd_bus *bus, const char *method, const char *unit)
{
    return sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, method, NULL, NULL, "s", unit);
}

/* The limits are written below the path that the plan computed: it must be systemd's, too. */
static int check_group(sd_bus *bus, const json_t *request, struct error **err)
{
    const char *unit = text_of(request, "unit"), *wanted = text_of(request, "group");
    CLEANUP(bus_error) struct bus_error e = {SD_BUS_ERROR_NULL};
    CLEANUP(free) char *path = NULL;
    CLEANUP(free) char *group = NULL;
    int r = sd_bus_path_encode(UNIT_PREFIX, unit, &path);
    r = r < 0 ? r
              : sd_bus_get_property_string(bus, SERVICE, path, SERVICE ".Scope", "ControlGroup",
                                           &e.e, &group);
    if (r < 0) {
        return refused(&e, r, "asking for the cgroup of the scope", unit, err);
    }
    return str_equal(group, wanted)
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, 0,
                           "systemd has put the scope '%s' into the cgroup '%s', not '%s'", unit,
                           group, wanted);
}

int scope_bus_start(sd_bus *bus, const json_t *request, struct error **err)
{
    CLEANUP(error) struct error *first = NULL;
    int r = start(bus, request, &first);
    if (r < 0 && first->kind == ERROR_EXISTS) {
        /* One that failed stays loaded until somebody has looked; nobody will. */
        (void)call_with_unit(bus, "ResetFailedUnit", text_of(request, "unit"));
        r = start(bus, request, err);
    } else if (r < 0) {
        return error_move(err, &first, r);
    }
    return r < 0 ? r : check_group(bus, request, err);
}

int scope_bus_set(sd_bus *bus, const json_t *request, struct error **err)
{
    const char *unit = text_of(request, "unit");
    CLEANUP(bus_error) struct bus_error e = {SD_BUS_ERROR_NULL};
    CLEANUP(message) sd_bus_message *m = NULL;
    int r = new_call(bus, "SetUnitProperties", &m, err);
    if (r < 0) {
        return r;
    }
    r = sd_bus_message_append(m, "sb", unit, 1);
    r = r < 0 ? r : sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");
    if (r >= 0) {
        r = properties_append(m, json_object_get(request, "properties"), err);
        if (r < 0) {
            return r;
        }
    }
    r = r < 0 ? r : sd_bus_message_close_container(m);
    r = r < 0 ? r : sd_bus_call(bus, m, JOB_TIMEOUT_US, &e.e, NULL);
    return r < 0 ? refused(&e, r, "changing the scope", unit, err) : 0;
}

int scope_bus_stop(sd_bus *bus, const json_t *request, struct error **err)
{
    CLEANUP(job) struct job j = {.unit = text_of(request, "unit")};
    CLEANUP(error) struct error *e = NULL;
    CLEANUP(message) sd_bus_message *m = NULL;
    sd_bus_slot *slot = NULL;
    int r = new_call(bus, "StopUnit", &m, err);
    r = r < 0 ? r : watch_jobs(bus, &j, &slot, err);
    if (r < 0) {
        return r;
    }
    r = sd_bus_message_append(m, "ss", j.unit, "replace");
    r = r < 0 ? error_set_errno(&e, ERROR_KERNEL, -r, "wording the request to systemd")
              : call_job(bus, m, &j, "stopping the scope", &e);
    sd_bus_slot_unref(slot);
    if (r < 0 && e->kind != ERROR_NOT_FOUND) {
        return error_move(err, &e, r);
    }
    (void)call_with_unit(bus, "ResetFailedUnit", j.unit); /* mostly it is not loaded any more */
    return 0;
}
