// SPDX-License-Identifier: Apache-2.0
/* `cloison events`: what happens to containers, as it happens. */
#include "engine/events.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/format.h"
#include "engine/logs.h"

struct events_values {
    const char *since, *until, *format;
    struct strv filters;
};

/* What a --filter looks at; conditions of one key are alternatives, those of different keys must
 * all hold, labels too. */
enum filter_key { FILTER_CONTAINER, FILTER_EVENT, FILTER_IMAGE, FILTER_LABEL, FILTER_TYPE };
static const char *const filter_names[] = {"container", "event", "image", "label", "type", NULL};

struct events_printer {
    const struct strv *filters;
    const char *format;
};

static int filter_parse(const char *text, enum filter_key *ret, const char **ret_value,
                        struct error **err)
{
    const char *sign = strchr(text, '=');
    for (size_t i = 0; sign && filter_names[i]; i++) {
        if (strlen(filter_names[i]) == (size_t)(sign - text) &&
            strncmp(text, filter_names[i], (size_t)(sign - text)) == 0) {
            *ret = (enum filter_key)i;
            *ret_value = sign + 1;
            return 0;
        }
    }
    int r = error_set(err, ERROR_USAGE, 0, "filter '%s' is not known", text);
    return error_hint(err, r, "container=, event=, image=, label= or type=");
}

static const char *attribute(const json_t *event, const char *key)
{
    return json_string_value(json_object_get(json_object_get(event, "attributes"), key));
}

/* "health_status" stands for all of "health_status: …", as in Docker. */
static bool matches_action(const char *action, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncmp(action, wanted, len) == 0 && (!action[len] || action[len] == ':');
}

static bool matches_label(const json_t *event, const char *wanted)
{
    const char *sign = strchr(wanted, '=');
    CLEANUP(free) char *key = sign ? xstrndup(wanted, (size_t)(sign - wanted)) : xstrdup(wanted);
    const char *value = attribute(event, key);
    return value && (!sign || str_equal(value, sign + 1));
}

/* "busybox" is "busybox:latest" too, as the user may have written either. */
static bool matches_image(const char *image, const char *wanted)
{
    size_t len = strlen(wanted);
    return str_equal(image, wanted) ||
           (strncmp(image, wanted, len) == 0 && (image[len] == ':' || image[len] == '@'));
}

static bool matches(const json_t *event, enum filter_key key, const char *wanted)
{
    const char *id = str_or(json_string_value(json_object_get(event, "id")), "");
    const char *action = str_or(json_string_value(json_object_get(event, "action")), "");
    switch (key) {
    case FILTER_CONTAINER:
        return *wanted && (str_starts(id, wanted) || str_equal(attribute(event, "name"), wanted));
    case FILTER_EVENT:
        return matches_action(action, wanted);
    case FILTER_IMAGE:
        return matches_image(str_or(attribute(event, "image"), ""), wanted);
    case FILTER_LABEL:
        return matches_label(event, wanted);
    case FILTER_TYPE:
        return str_equal(wanted, "container"); /* the one kind there is */
    }
    return false;
}

static bool is_wanted(const struct strv *filters, const json_t *event)
{
    bool asked[sizeof(filter_names) / sizeof(*filter_names)] = {false};
    bool met[sizeof(filter_names) / sizeof(*filter_names)] = {false};
    for (size_t i = 0; i < filters->count; i++) {
        enum filter_key key = FILTER_TYPE;
        const char *value = NULL;
        if (filter_parse(filters->items[i], &key, &value, NULL) < 0) {
            return false; /* checked before */
        }
        bool holds = matches(event, key, value);
        if (key == FILTER_LABEL && !holds) {
            return false;
        }
        asked[key] = true;
        met[key] |= holds;
    }
    for (size_t i = 0; filter_names[i]; i++) {
        if (asked[i] && !met[i]) {
            return false;
        }
    }
    return true;
}

/* The event as Docker's API shapes it, old fields included. */
static json_t *event_object(const json_t *event)
{
    const char *time = json_string_value(json_object_get(event, "time"));
    json_t *action = json_object_get(event, "action"), *id = json_object_get(event, "id");
    json_t *attributes = json_object_get(event, "attributes");
    struct timespec t = {0};
    IGNORE(time_parse(str_or(time, ""), &t) < 0); /* the reader has parsed it */
    return json_pack("{s:O,s:O,s:s*,s:s,s:O,s:{s:O,s:O},s:s,s:I,s:I}", "status", action, "id", id,
                     "from", attribute(event, "image"), "Type", "container", "Action", action,
                     "Actor", "ID", id, "Attributes", attributes, "scope", "local", "time",
                     (json_int_t)t.tv_sec, "timeNano",
                     (json_int_t)t.tv_sec * 1000000000 + t.tv_nsec);
}

/* 2026-01-02T15:04:05.999999999Z container die ID (exitCode=0, image=busybox, name=web) */
static void print_line(const json_t *event)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    CLEANUP(json) json_t *sorted = NULL;
    const char *key;
    json_t *value;
    CLEANUP(free)
    char *text = json_dumps(json_object_get(event, "attributes"), JSON_SORT_KEYS | JSON_COMPACT);
    sorted = text ? json_loads(text, 0, NULL) : NULL; /* an object keeps the order of insertion */
    json_object_foreach(sorted, key, value)
    {
        strbuf_addf(&line, "%s%s=%s", line.len ? ", " : "", key,
                    str_or(json_string_value(value), ""));
    }
    if (line.len) {
        str_replace_control(line.data);
    }
    printf("%s container %s %s (%s)\n", json_string_value(json_object_get(event, "time")),
           json_string_value(json_object_get(event, "action")),
           json_string_value(json_object_get(event, "id")), str_or(line.data, ""));
}

static int print_event(void *context, const json_t *event, struct error **err)
{
    const struct events_printer *p = context;
    int r = 0;
    if (!json_object_get(event, "action") || !json_object_get(event, "id") ||
        !json_object_get(event, "attributes") || !is_wanted(p->filters, event)) {
        return 0;
    }
    if (p->format) {
        CLEANUP(json) json_t *object = event_object(event);
        r = print_object(p->format, object, false, err);
    } else {
        print_line(event);
    }
    if (r >= 0 && fflush(stdout) != 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "writing the events");
    }
    return r;
}

/* Without an end in the past it waits. */
static bool is_future(const struct timespec *until)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return !until->tv_sec || until->tv_sec > now.tv_sec ||
           (until->tv_sec == now.tv_sec && until->tv_nsec > now.tv_nsec);
}

static int events_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    const struct events_values *v = values;
    struct engine engine = engine_of(context);
    struct events_options o = {0};
    struct events_printer p = {&v->filters, v->format};
    int r = 0;
    for (size_t i = 0; i < v->filters.count && r == 0; i++) {
        enum filter_key key = FILTER_TYPE;
        const char *value = NULL;
        r = filter_parse(v->filters.items[i], &key, &value, err);
    }
    if (r == 0 && v->since) {
        r = logs_time_parse(v->since, &o.since, err);
    }
    if (r == 0 && v->until) {
        r = logs_time_parse(v->until, &o.until, err);
    }
    o.follow = is_future(&o.until);
    return r < 0 ? r : events_read(&engine, &o, print_event, &p, err);
}

#define AT(field) offsetof(struct events_values, field)
static const struct option events_options[] = {
    {'f', "filter", OPTION_LIST, AT(filters), "KEY=VALUE",
     "Show those that meet the condition: container, event, image, label or type"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {0, "since", OPTION_STRING, AT(since), "TIME",
     "From this time on: RFC 3339, seconds, or 10m ago"},
    {0, "until", OPTION_STRING, AT(until), "TIME",
     "Up to this time: RFC 3339, seconds, or 10m ago"},
    {0},
};

const struct command command_events = {
    .name = "events",
    .group = "System",
    .summary = "Show what happens to containers, as it happens",
    .arguments = "[OPTIONS]",
    .options = events_options,
    .values_size = sizeof(struct events_values),
    .run = events_run,
};
