// SPDX-License-Identifier: Apache-2.0
/* `cloison compare`: the program cloison-compare does it. */
#include <string.h>

#include "cli/commands.h"
#include "cli/compare_program.h"

struct compare_values {
    struct strv run_options;
    const char *walls, *counts, *ready_log, *co2_source, *json, *html;
    struct option_integer repeat, probe_time_ms, timeout_ms, ready_port, co2_thousandths;
};
#define AT(member) offsetof(struct compare_values, member)

static const struct option options[] = {
    {0, "co2", OPTION_DECIMAL, AT(co2_thousandths), "GRAMS",
     "The grid's CO2 a kWh, for an estimate from the energy", .origin = FROM_CLOISON},
    {0, "co2-source", OPTION_STRING, AT(co2_source), "TEXT", "Where that figure comes from",
     .origin = FROM_CLOISON},
    {0, "counts", OPTION_STRING, AT(counts), "N,N,...",
     "How many at once to measure memory of (1,2,4)", .origin = FROM_CLOISON},
    {0, "html", OPTION_STRING, AT(html), "FILE", "Write a page with plots", COMPLETE_FILE,
     .origin = FROM_CLOISON},
    {0, "json", OPTION_STRING, AT(json), "FILE", "Write everything that was measured",
     COMPLETE_FILE, .origin = FROM_CLOISON},
    {0, "probe-time", OPTION_DURATION, AT(probe_time_ms), "DURATION",
     "How long each probe runs in each round (50ms)", .origin = FROM_CLOISON},
    {0, "ready-log", OPTION_STRING, AT(ready_log), "TEXT",
     "It is ready when a line of its output has this in it", .origin = FROM_CLOISON},
    {0, "ready-port", OPTION_INTEGER, AT(ready_port), "PORT",
     "It is ready when this TCP port of its own answers", .origin = FROM_CLOISON},
    {0, "repeat", OPTION_INTEGER, AT(repeat), "N", "How many rounds (9)", .origin = FROM_CLOISON},
    {0, "run-option", OPTION_LIST, AT(run_options), "OPTION",
     "Run it with this option behind its walls, '--memory=256m'", .origin = FROM_CLOISON},
    {0, "timeout", OPTION_DURATION, AT(timeout_ms), "DURATION", "How long one run may take (2m)",
     .origin = FROM_CLOISON},
    {0, "walls", OPTION_STRING, AT(walls), "WALL,...",
     "Which to compare: none,container,vm (all three)", COMPLETE_WORDS, "none container vm",
     FROM_CLOISON},
    {0},
};

static void defaults(void *values)
{
    struct compare_values *v = values;
    v->walls = "none,container,vm";
    v->counts = "1,2,4";
    v->repeat.value = 9; /* the fewest whose 95 % interval leaves an outlier out */
    v->probe_time_ms.value = 50;
    v->timeout_ms.value = 120000;
}

static int check_range(const char *option, const struct option_integer *v, int64_t min, int64_t max,
                       struct error **err)
{
    if (v->set && (v->value < min || v->value > max)) {
        return error_set(err, ERROR_USAGE, 0, "'--%s' must be from %lld to %lld, not %lld", option,
                         (long long)min, (long long)max, (long long)v->value);
    }
    return 0;
}

static int add_walls(json_t *request, const char *text, struct error **err)
{
    static const char *const known[] = {"none", "container", "vm", NULL};
    CLEANUP(strv) struct strv walls = {0};
    CLEANUP(strv) struct strv unique = {0};
    strv_split(&walls, text, ',');
    for (size_t i = 0; i < walls.count; i++) {
        if (!str_in(walls.items[i], known)) {
            int r =
                error_set(err, ERROR_USAGE, 0, "'--walls': there is no wall '%s'", walls.items[i]);
            return error_hint(err, r, "there are none (native), container and vm");
        }
        if (!strv_contains(&unique, walls.items[i])) {
            strv_add(&unique, walls.items[i]);
        }
    }
    json_object_set_new(request, "walls", json_from_strv(&unique));
    return 0;
}

#define COUNTS_MAX 16
#define COUNT_MAX 10000

/* Rising, since instances are added to those that run. */
static int add_counts(json_t *request, const char *text, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    json_t *counts = json_array();
    int64_t before = 0, n = 0;
    json_object_set_new(request, "counts", counts);
    strv_split(&words, text, ',');
    for (size_t i = 0; i < words.count; i++) {
        if (str_to_i64(words.items[i], 10, &n) < 0 || n <= before || n > COUNT_MAX ||
            i >= COUNTS_MAX) {
            return error_set(err, ERROR_USAGE, 0,
                             "'--counts' takes up to %d rising numbers from 1 to %d, not '%s'",
                             COUNTS_MAX, COUNT_MAX, text);
        }
        json_array_append_new(counts, json_integer(n));
        before = n;
    }
    return 0;
}

/* One word each, which begins with a dash: else it would pass for the image. */
static int check_run_options(const struct strv *words, struct error **err)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *o = words->items[i];
        bool is_value = i > 0 && words->items[i - 1][0] == '-' && !strchr(words->items[i - 1], '=');
        if (o[0] != '-' && !is_value) {
            int r = error_set(err, ERROR_USAGE, 0, "'--run-option': '%s' is no option of run", o);
            return error_hint(err, r, "one word each: --run-option=--memory=256m");
        }
        if (str_starts(o, "--wall") || str_starts(o, "--name") || str_starts(o, "--rm") ||
            str_starts(o, "--detach") || str_equal(o, "-d")) {
            return error_set(err, ERROR_USAGE, 0, "'--run-option': '%s' is the comparison's own",
                             o);
        }
    }
    return 0;
}

static int check(const struct compare_values *v, struct error **err)
{
    int r = check_range("repeat", &v->repeat, 1, 1000, err);
    r = r < 0 ? r : check_range("ready-port", &v->ready_port, 1, 65535, err);
    r = r < 0 ? r : check_range("probe-time", &v->probe_time_ms, 1, 60000, err);
    r = r < 0 ? r : check_range("timeout", &v->timeout_ms, 1, 86400000, err);
    r = r < 0 ? r : check_run_options(&v->run_options, err);
    r = r < 0 ? r : check_range("co2", &v->co2_thousandths, 0, INT64_MAX, err);
    if (r < 0) {
        return r;
    }
    if (v->ready_log && v->ready_port.set) {
        return error_set(err, ERROR_USAGE, 0,
                         "'--ready-port' and '--ready-log' exclude each other");
    }
    if (v->ready_log && !*v->ready_log) {
        return error_set(err, ERROR_USAGE, 0, "'--ready-log' needs a text to look for");
    }
    if (v->co2_thousandths.set != (v->co2_source != NULL)) {
        int r2 = error_set(err, ERROR_USAGE, 0, "'--co2' and '--co2-source' belong together");
        return error_hint(err, r2, "a figure without its source says nothing");
    }
    return 0;
}

static void set_text(json_t *request, const char *key, const char *text)
{
    if (text) {
        json_object_set_new(request, key, json_string(text));
    }
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct compare_values *v = values;
    CLEANUP(json) json_t *request = compare_request("compare", context);
    CLEANUP(strv) struct strv command = {0};
    int r = check(v, err);
    r = r < 0 ? r : add_walls(request, v->walls, err);
    r = r < 0 ? r : add_counts(request, v->counts, err);
    if (r < 0) {
        return r;
    }
    for (int i = 1; i < argc; i++) {
        strv_add(&command, argv[i]);
    }
    json_object_set_new(request, "image", json_string(argv[0]));
    json_object_set_new(request, "command", json_from_strv(&command));
    json_object_set_new(request, "runOptions", json_from_strv(&v->run_options));
    json_object_set_new(request, "repeat", json_integer(v->repeat.value));
    json_object_set_new(request, "probeMs", json_integer(v->probe_time_ms.value));
    json_object_set_new(request, "timeoutMs", json_integer(v->timeout_ms.value));
    json_object_set_new(request, "readyPort", json_integer(v->ready_port.value));
    if (v->co2_thousandths.set) {
        json_object_set_new(request, "co2Milligrams", json_integer(v->co2_thousandths.value));
    }
    set_text(request, "readyLog", v->ready_log);
    set_text(request, "co2Source", v->co2_source);
    set_text(request, "json", v->json);
    set_text(request, "html", v->html);
    return compare_become(request, err);
}

const struct command command_compare = {
    .name = "compare",
    .group = "Walls",
    .summary = "Measure what each wall costs for an image, on this machine",
    .arguments = "[OPTIONS] IMAGE [-- COMMAND [ARG...]]",
    .options = options,
    .values_size = sizeof(struct compare_values),
    .defaults = defaults,
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
