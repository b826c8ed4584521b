// SPDX-License-Identifier: Apache-2.0
/* `cloison stats`: what running containers use, as a table that is drawn anew every second. */
#include "engine/stats.h"
#include "engine/recover.h"

#include <poll.h>
#include <string.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/engine_of.h"
#include "cli/format.h"

#define PERIOD_MS 1000
#define CLEAR_SCREEN "\033[2J\033[H"

struct stats_values {
    bool all, no_stream, no_trunc;
    const char *format;
};

static const struct list_column columns[] = {
    {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},
    {"Name", "NAME"},
    {"CPUPerc", "CPU %"},
    {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},
    {"NetIO", "NET I/O"},
    {"NetRate", "NET RATE"},
    {"BlockIO", "BLOCK I/O"},
    {"PIDs", "PIDS"},
    {NULL, NULL},
};

#define TABLE                                                                                      \
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.NetRate}}\t"    \
    "{{.BlockIO}}\t{{.PIDs}}"

/* A container between two looks at it. */
struct watched {
    char *id;
    struct container_usage before, now;
    bool counted; /* `now` was read in this round */
};

struct watch {
    struct engine engine;
    const struct stats_values *values;
    char **names; /* asked for; none: all that run */
    int name_count;
    struct watched *items;
    size_t count;
};

static void watch_cleanup(struct watch *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->items[i].id);
    }
    free(w->items);
}

static struct watched *watched_of(struct watch *w, const char *id)
{
    for (size_t i = 0; i < w->count; i++) {
        if (str_equal(w->items[i].id, id)) {
            return &w->items[i];
        }
    }
    w->items = xrealloc(w->items, (w->count + 1) * sizeof(*w->items));
    w->items[w->count] = (struct watched){.id = xstrdup(id)};
    return &w->items[w->count++];
}

static void set_take(json_t *row, const char *key, char *text_take)
{
    CLEANUP(free) char *text = text_take;
    json_object_set_new(row, key, json_string(text));
}

/* "1.2MB / 3kB"; what cannot be told is "--", as in Docker. */
static char *pair(int64_t a, int64_t b, char *(*text_of)(int64_t))
{
    CLEANUP(free) char *left = a < 0 ? xstrdup("--") : text_of(a);
    CLEANUP(free) char *right = b < 0 ? xstrdup("--") : text_of(b);
    return str_format("%s / %s", left, right);
}

static char *percent(double part, double whole)
{
    return str_format("%.2f%%", whole > 0 ? 100 * part / whole : 0.0);
}

/* Of one CPU, since the last look: two busy CPUs are 200 %. */
static char *cpu_text(const struct watched *i)
{
    double used = (double)(i->now.wall.cpu_ns - i->before.wall.cpu_ns);
    double passed = (double)(i->now.at_ns - i->before.at_ns);
    return i->now.wall.cpu_ns < 0 ? xstrdup("--") : percent(used < 0 ? 0 : used, passed);
}

static json_t *row_of(const struct watch *w, const struct container *c, const struct watched *i)
{
    json_t *row = json_object();
    const struct wall_stats *s = &i->now.wall;
    bool up = i->counted;
    int64_t host = host_memory_bytes();
    int64_t limit =
        s->memory_limit_bytes < 0 || s->memory_limit_bytes > host ? host : s->memory_limit_bytes;
    int64_t cache = s->memory_cache_bytes < 0 ? 0 : s->memory_cache_bytes;
    int64_t memory = s->memory_bytes < cache ? s->memory_bytes : s->memory_bytes - cache;
    set_take(row, "BlockIO", up ? pair(s->read_bytes, s->write_bytes, human_size) : xstrdup("--"));
    set_take(row, "CPUPerc", up ? cpu_text(i) : xstrdup("--"));
    set_take(row, "Container", container_id_text(c, w->values->no_trunc));
    set_take(row, "ID", container_id_text(c, w->values->no_trunc));
    set_take(row, "MemPerc",
             up && memory >= 0 ? percent((double)memory, (double)limit) : xstrdup("--"));
    set_take(row, "MemUsage", up ? pair(memory, limit, human_binary_size) : xstrdup("-- / --"));
    set_take(row, "Name", xstrdup(c->name));
    set_take(row, "NetIO",
             up ? pair(i->now.received_bytes, i->now.sent_bytes, human_size) : xstrdup("--"));
    set_take(row, "NetRate", xstrdup(str_or(c->network_rate, "--")));
    set_take(row, "PIDs",
             up && s->pids >= 0 ? str_format("%lld", (long long)s->pids) : xstrdup("--"));
    return row;
}

/* Those asked for, or all that run (with --all, all). */
static int list_watched(const struct watch *w, struct container ***ret, size_t *ret_count,
                        struct error **err)
{
    if (!w->name_count) {
        return container_list(&w->engine, ret, ret_count, err);
    }
    *ret = xcalloc((size_t)w->name_count, sizeof(**ret));
    *ret_count = 0;
    for (int i = 0; i < w->name_count; i++) {
        int r = container_find_recovered(&w->engine, w->names[i], &(*ret)[*ret_count], err);
        if (r < 0) {
            container_list_free(*ret, *ret_count);
            return r;
        }
        ++*ret_count;
    }
    return 0;
}

/* A container that ends between the look at the list and this one has used nothing. */
static void count(struct watch *w, const struct container *c)
{
    struct watched *i = watched_of(w, c->id);
    i->before = i->now;
    i->counted = engine_usage(&w->engine, c, &i->now, NULL) >= 0;
}

static int print_round(const struct watch *w, struct container *const *list, size_t n,
                       struct error **err)
{
    struct list *table = NULL;
    int r = list_begin(w->values->format, TABLE, columns, &table, err);
    for (size_t k = 0; k < n && r >= 0; k++) {
        struct watched *i = watched_of((struct watch *)w, list[k]->id);
        if (i->counted || w->values->all || w->name_count) {
            r = list_row(table, row_of(w, list[k], i), NULL, err);
        }
    }
    if (r < 0 && table) {
        list_cancel(table);
    } else if (table) {
        list_end(table);
    }
    return r;
}

static int watch_round(struct watch *w, bool print, struct error **err)
{
    struct container **list = NULL;
    size_t n = 0;
    int r = list_watched(w, &list, &n, err);
    if (r < 0) {
        return r;
    }
    for (size_t k = 0; k < n; k++) {
        count(w, list[k]);
    }
    r = print ? print_round(w, list, n, err) : 0;
    container_list_free(list, n);
    return r;
}

/* The first round is the one that the next is compared with. */
static int stats_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    CLEANUP(watch)
    struct watch w = {
        .engine = engine_of(context), .values = values, .names = argv, .name_count = argc};
    bool stream = !w.values->no_stream;
    int r = watch_round(&w, false, err);
    do {
        (void)poll(NULL, 0, PERIOD_MS); /* the time over which is measured */
        if (stream && r >= 0) {
            fputs(isatty(STDOUT_FILENO) ? CLEAR_SCREEN : "", stdout);
        }
        r = r < 0 ? r : watch_round(&w, true, err);
    } while (r >= 0 && stream && fflush(stdout) == 0);
    return r;
}

#define AT(field) offsetof(struct stats_values, field)
static const struct option stats_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Show those that do not run too"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {0, "no-stream", OPTION_FLAG, AT(no_stream), NULL, "Show one result and end"},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Do not shorten IDs"},
    {0},
};

const struct command command_stats = {
    .name = "stats",
    .group = "Containers",
    .summary = "Show what containers use of the host",
    .arguments = "[OPTIONS] [CONTAINER...]",
    .options = stats_options,
    .values_size = sizeof(struct stats_values),
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = stats_run,
};
