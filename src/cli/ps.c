// SPDX-License-Identifier: Apache-2.0
/* `cloison ps`: the containers as a list. */
#include <string.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/disk_usage.h"
#include "cli/format.h"
#include "cli/ps_filter.h"
#include "image/image.h"

struct ps_values {
    bool all, quiet, latest, no_trunc, size;
    struct strv filters;
    struct option_integer last;
    const char *format;
};

static const struct list_column columns[] = {
    {"ID", "CONTAINER ID"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Status", "STATUS"},
    {"Size", "SIZE"},
    {"Names", "NAMES"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"LocalVolumes", "LOCAL VOLUMES"},
    {"Networks", "NETWORKS"},
    {NULL, NULL},
};

#define TABLE                                                                                      \
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

static void set_text(json_t *row, const char *key, char *text_take)
{
    CLEANUP(free) char *text = text_take;
    json_object_set_new(row, key, json_string(text));
}

static char *mounts_text(const struct container *c, bool whole)
{
    struct strbuf b = {0};
    for (size_t i = 0; i < c->volumes.count; i++) {
        const char *v = c->volumes.items[i];
        CLEANUP(free) char *name = xstrndup(v, strcspn(v, ":"));
        CLEANUP(free) char *cut = whole ? xstrdup(name) : text_shorten(name, 15);
        strbuf_addf(&b, "%s%s", b.len ? "," : "", cut);
    }
    return strbuf_take(&b);
}

static char *running_for(const struct container *c)
{
    int64_t seconds = human_seconds_since(c->created);
    CLEANUP(free) char *duration = human_duration(seconds < 0 ? 0 : seconds);
    return str_format("%s ago", duration);
}

/* "1.09kB (virtual 4.3MB)": the writable layer, and with the image's. */
static char *size_text(const struct command_context *context, const struct container *c)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    CLEANUP(image) struct image *image = NULL;
    int64_t own = disk_usage_of_container(&engine, c);
    int64_t all = own;
    if (c->image_id && image_resolve(context->data_dir, c->image_id, &image, NULL) >= 0) {
        all += image->size_bytes;
    }
    CLEANUP(free) char *own_text = human_size(own);
    CLEANUP(free) char *all_text = human_size(all);
    return str_format("%s (virtual %s)", own_text, all_text);
}

/* "front,back" */
static char *networks_text(const struct container *c)
{
    CLEANUP(strv) struct strv names = {0};
    const json_t *one;
    size_t i;
    json_array_foreach(c->networks, i, one)
    {
        strv_add(&names, str_or(json_string_value(json_object_get(one, "network")), ""));
    }
    return names.count ? strv_join(&names, ",") : xstrdup(str_or(c->network_mode, ""));
}

static json_t *row_of(const struct command_context *context, const struct ps_values *v,
                      const struct container *c)
{
    json_t *row = json_object();
    set_text(row, "Command", container_command_text(c, !v->no_trunc));
    set_text(row, "CreatedAt", human_time(str_or(c->created, "")));
    set_text(row, "ID", container_id_text(c, v->no_trunc));
    set_text(row, "Image", xstrdup(str_or(c->image, "")));
    set_text(row, "Labels", labels_text(c->labels));
    set_text(row, "LocalVolumes", str_format("%zu", c->volumes.count));
    set_text(row, "Mounts", mounts_text(c, v->no_trunc));
    set_text(row, "Names", xstrdup(c->name));
    set_text(row, "Networks", networks_text(c));
    set_text(row, "Ports", container_ports_text(c));
    set_text(row, "RunningFor", running_for(c));
    set_text(row, "Size", v->size ? size_text(context, c) : xstrdup("0B"));
    set_text(row, "State", xstrdup(container_status_name(c->status)));
    set_text(row, "Status", container_status_text(c));
    return row;
}

static int print_row(const struct command_context *context, const struct ps_values *v,
                     const struct container *c, struct list *list, struct error **err)
{
    if (v->quiet) {
        CLEANUP(free) char *id = container_id_text(c, v->no_trunc);
        printf("%s\n", id);
        return 0;
    }
    CLEANUP(json) json_t *methods = json_object();
    json_object_set_new(methods, "Label", c->labels ? json_incref(c->labels) : json_object());
    return list_row(list, row_of(context, v, c), methods, err);
}

/* How many are shown at most; -1: no limit. */
static int64_t limit_of(const struct ps_values *v)
{
    return v->latest ? 1 : v->last.set && v->last.value >= 0 ? v->last.value : -1;
}

/* What a killed monitor has left may still run: it is not hidden. */
static bool is_alive(const struct container *c)
{
    return container_is_up(c) || c->status == CONTAINER_DEAD;
}

static int print_containers(const struct command_context *context, const struct ps_values *v,
                            struct container **containers, size_t count, struct list *list,
                            struct error **err)
{
    CLEANUP(ps_filter) struct ps_filter *filter = NULL;
    int r = ps_filter_new(&v->filters, containers, count, &filter, err);
    int64_t left = limit_of(v);
    bool all = v->all || left >= 0;
    if (r >= 0) {
        all = all || ps_filter_wants_all(filter);
    }
    for (size_t i = 0; i < count && r >= 0 && left != 0; i++) {
        if ((all || is_alive(containers[i])) && ps_filter_matches(filter, containers[i])) {
            r = print_row(context, v, containers[i], list, err);
            left -= left > 0;
        }
    }
    return r;
}

static int ps_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    const struct ps_values *v = values;
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    struct container **containers = NULL;
    size_t count = 0;
    struct list *list = NULL;
    int r = list_begin(v->quiet ? NULL : v->format, v->size ? TABLE "\t{{.Size}}" : TABLE, columns,
                       &list, err);
    if (r < 0) {
        return r;
    }
    r = container_list(&engine, &containers, &count, err);
    if (r >= 0) {
        r = print_containers(context, v, containers, count, list, err);
        container_list_free(containers, count);
    }
    if (r < 0 || v->quiet) {
        list_cancel(list);
    } else {
        list_end(list);
    }
    return r < 0 ? r : 0;
}

#define AT(field) offsetof(struct ps_values, field)
static const struct option ps_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Show all containers (default: those that run)"},
    {'f', "filter", OPTION_LIST, AT(filters), "KEY=VALUE",
     "Show those that meet the condition: id, name, label, status, exited, ancestor, network, "
     "volume, publish, health, before or since"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'n', "last", OPTION_INTEGER, AT(last), "NUMBER",
     "Show the last created containers, whatever their state"},
    {'l', "latest", OPTION_FLAG, AT(latest), NULL,
     "Show the last created container, whatever its state"},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Do not shorten IDs and commands"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the IDs alone"},
    {'s', "size", OPTION_FLAG, AT(size), NULL, "Show what each takes on the disk"},
    {0},
};

const struct command command_ps = {
    .name = "ps",
    .group = "Containers",
    .summary = "List containers",
    .arguments = "[OPTIONS]",
    .options = ps_options,
    .values_size = sizeof(struct ps_values),
    .run = ps_run,
};
