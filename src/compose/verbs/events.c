// SPDX-License-Identifier: Apache-2.0
/* `compose events`: what happens to the project's containers, as Docker Compose prints it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/human.h"
#include "compose/verbs/verbs.h"
#include "engine/events.h"
#include "engine/logs.h"

struct printer {
    const char *project;
    const struct strv *services; /* none: all */
    bool json;
};

static const char *label_of(const json_t *event, const char *name)
{
    return json_string_value(json_object_get(json_object_get(event, "attributes"), name));
}

/* Without Docker Compose's own labels, in the order of their names. */
static json_t *attributes_of(const json_t *event)
{
    json_t *all = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(event, "attributes"), key, value)
    {
        if (!str_starts(key, LABEL)) {
            json_object_set(all, key, value);
        }
    }
    CLEANUP(free) char *text = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(all);
    return json_loads(text, 0, NULL);
}

/* 2026-01-02 15:04:05.000000 container die ID (exitCode=0, image=busybox, name=web) */
static void print_line(const json_t *event, const json_t *attributes)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    const char *key;
    json_t *value;
    struct timespec t = {0};
    struct tm local;
    char when[32] = "";
    json_object_foreach((json_t *)attributes, key, value)
    {
        strbuf_addf(&line, "%s%s=%s", line.len ? ", " : "", key,
                    str_or(json_string_value(value), ""));
    }
    if (line.len) {
        str_replace_control(line.data);
    }
    if (time_parse(json_string_value(json_object_get(event, "time")), &t) == 0) {
        (void)strftime(when, sizeof(when), "%F %T", localtime_r(&t.tv_sec, &local));
    }
    printf("%s.%06ld container %s %s (%s)\n", when, t.tv_nsec / 1000,
           json_string_value(json_object_get(event, "action")),
           json_string_value(json_object_get(event, "id")), str_or(line.data, ""));
}

static int print_event(void *context, const json_t *event, struct error **err)
{
    const struct printer *p = context;
    const char *service = label_of(event, LABEL "service");
    if (!json_is_string(json_object_get(event, "action")) ||
        !json_is_string(json_object_get(event, "id")) ||
        !json_is_string(json_object_get(event, "time")) ||
        !str_equal(label_of(event, LABEL "project"), p->project) || !service ||
        str_equal(label_of(event, LABEL "oneoff"), "True") || !is_asked_for(p->services, service)) {
        return 0;
    }
    CLEANUP(json) json_t *attributes = attributes_of(event);
    if (p->json) {
        CLEANUP(json)
        json_t *object =
            json_pack("{s:O,s:O,s:O,s:s,s:O,s:s}", "action", json_object_get(event, "action"),
                      "attributes", attributes, "id", json_object_get(event, "id"), "service",
                      service, "time", json_object_get(event, "time"), "type", "container");
        CLEANUP(free) char *text = json_dumps(object, JSON_COMPACT);
        printf("%s\n", text);
    } else {
        print_line(event, attributes);
    }
    return fflush(stdout) ? error_set_errno(err, ERROR_KERNEL, errno, "writing the events") : 0;
}

int verb_events(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    const char *since = asked_text(r, "since"), *until = asked_text(r, "until");
    struct events_options o = {0};
    struct timespec now;
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    if (result == 0 && since) {
        result = logs_time_parse(since, &o.since, err);
    }
    if (result == 0 && until) {
        result = logs_time_parse(until, &o.until, err);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    o.follow = !until || o.until.tv_sec > now.tv_sec ||
               (o.until.tv_sec == now.tv_sec && o.until.tv_nsec > now.tv_nsec);
    struct printer p = {s.name, &r->arguments, asked_flag(r, "json")};
    return result < 0 ? result : events_read(&r->engine, &o, print_event, &p, err);
}
