// SPDX-License-Identifier: Apache-2.0
#include "compare/document.h"

#include <math.h>

#include "compare/statistics.h"

json_t *document_new(void)
{
    return json_pack("{s:s, s:{}, s:[], s:{}, s:{}, s:{}, s:[]}", "schema", DOCUMENT_SCHEMA,
                     "walls", "criteria", "memory", "facts", "isolation", "failures");
}

const json_t *document_criterion(const json_t *doc, const char *criterion)
{
    size_t i;
    const json_t *c;
    json_array_foreach(json_object_get(doc, "criteria"), i, c)
    {
        if (str_equal(document_text(c, "name"), criterion)) {
            return c;
        }
    }
    return NULL;
}

const json_t *document_figure(const json_t *doc, const char *criterion, const char *wall)
{
    return json_object_get(json_object_get(document_criterion(doc, criterion), "walls"), wall);
}

double document_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

const char *document_text(const json_t *object, const char *key)
{
    return str_or(json_string_value(json_object_get(object, key)), "");
}

bool document_wall_is_emulated(const json_t *doc, const char *wall)
{
    return json_is_true(
        json_object_get(json_object_get(json_object_get(doc, "walls"), wall), "emulated"));
}

json_t *document_part(json_t *doc, const char *part, const char *wall)
{
    json_t *parts = json_object_get(doc, part);
    json_t *p = json_object_get(parts, wall);
    if (!p) {
        p = json_object();
        (void)json_object_set_new(parts, wall, p);
    }
    return p;
}

static json_t *criterion_of(json_t *doc, const struct criterion *c)
{
    json_t *found = (json_t *)document_criterion(doc, c->name);
    if (!found) {
        found = json_pack("{s:s, s:s, s:s, s:s, s:{}}", "name", c->name, "title", c->title, "unit",
                          c->unit, "better", c->higher_is_better ? "higher" : "lower", "walls");
        (void)json_array_append_new(json_object_get(doc, "criteria"), found);
    }
    return found;
}

void document_add(json_t *doc, const struct criterion *c, const char *wall, const char *command,
                  int round, double value)
{
    json_t *walls = json_object_get(criterion_of(doc, c), "walls");
    json_t *figure = json_object_get(walls, wall);
    if (!figure) {
        figure = json_pack("{s:s, s:[]}", "command", command, "values");
        (void)json_object_set_new(walls, wall, figure);
    }
    json_t *values = json_object_get(figure, "values");
    while (json_array_size(values) <= (size_t)round) {
        (void)json_array_append_new(values, json_null());
    }
    (void)json_array_set_new(values, (size_t)round, json_real(value));
}

void document_fail(json_t *doc, const char *wall, const char *what, const char *why)
{
    json_t *failures = json_object_get(doc, "failures");
    size_t i;
    json_t *f;
    json_array_foreach(failures, i, f)
    {
        if (str_equal(document_text(f, "wall"), wall) &&
            str_equal(document_text(f, "what"), what)) {
            json_int_t times = json_integer_value(json_object_get(f, "times"));
            (void)json_object_set_new(f, "times", json_integer(times + 1));
            return;
        }
    }
    CLEANUP(free) char *line = xstrdup(why);
    str_replace_control(line);
    f = json_pack("{s:s, s:s, s:s, s:i}", "wall", wall, "what", what, "why", line, "times", 1);
    f = f ? f
          : json_pack("{s:s, s:s, s:s, s:i}", "wall", wall, "what", what, "why",
                      "(a message that is not UTF-8)", "times", 1);
    (void)json_array_append_new(failures, f);
}

/* The values that there are; of `by`, when it is given, those of the rounds that both have, divided
 * by it. How many; *ret is the caller's. */
static size_t values_of(const json_t *figure, const json_t *by, double **ret)
{
    const json_t *values = json_object_get(figure, "values");
    size_t n = 0, i;
    const json_t *v;
    *ret = xcalloc(json_array_size(values) + 1, sizeof(**ret));
    json_array_foreach(values, i, v)
    {
        const json_t *base = by ? json_array_get(json_object_get(by, "values"), i) : NULL;
        if (!json_is_number(v) || (by && !json_is_number(base))) {
            continue;
        }
        if (by && json_number_value(base) == 0) {
            continue;
        }
        (*ret)[n++] = json_number_value(v) / (by ? json_number_value(base) : 1);
    }
    return n;
}

static json_t *sum_up(const double *values, size_t n)
{
    struct statistics s = statistics_of(values, n);
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:s}", "n", (json_int_t)s.n, "median",
                     s.median, "low", s.low, "high", s.high, "confidence", s.confidence, "spread",
                     s.spread, "verdict", verdict_name(s.verdict));
}

static void sum_up_figure(json_t *figure, const json_t *native)
{
    CLEANUP(free) double *values = NULL;
    CLEANUP(free) double *ratios = NULL;
    size_t n = values_of(figure, NULL, &values);
    if (n > 0) {
        CLEANUP(json) json_t *s = sum_up(values, n);
        (void)json_object_update(figure, s);
    }
    if (native && native != figure && (n = values_of(figure, native, &ratios)) > 0) {
        (void)json_object_set_new(figure, "ratio", sum_up(ratios, n));
    }
}

void document_sum_up(json_t *doc)
{
    size_t i;
    json_t *c, *figure;
    const char *wall;
    json_array_foreach(json_object_get(doc, "criteria"), i, c)
    {
        json_t *walls = json_object_get(c, "walls");
        const json_t *native = json_object_get(walls, WALL_NATIVE);
        json_object_foreach(walls, wall, figure)
        {
            if (document_wall_is_emulated(doc, wall)) {
                (void)json_object_set_new(figure, "emulated", json_true());
            }
            sum_up_figure(figure, native);
        }
    }
}

static int refuse(const char *where, const char *key, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, 0,
                     "%s is no comparison: '%s' is not what it must be", where, key);
}

int document_check(const json_t *doc, const char *where, struct error **err)
{
    static const char *const objects[] = {"walls", "memory", "facts", "image", "settings", "host"};
    static const char *const arrays[] = {"criteria", "failures", "command"};
    if (!str_equal(document_text(doc, "schema"), DOCUMENT_SCHEMA)) {
        return refuse(where, "schema", err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        if (!json_is_object(json_object_get(doc, objects[i]))) {
            return refuse(where, objects[i], err);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
        if (!json_is_array(json_object_get(doc, arrays[i]))) {
            return refuse(where, arrays[i], err);
        }
    }
    return 0;
}
