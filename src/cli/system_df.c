// SPDX-License-Identifier: Apache-2.0
/* `cloison system df`: what images, containers and volumes take on the disk. */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/human.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/disk_usage.h"
#include "cli/engine_of.h"
#include "cli/format.h"
#include "engine/volumes.h"
#include "image/build_cache.h"
#include "image/usage.h"

struct df_values {
    const char *format;
    bool verbose;
};

/* Everything there is, read once. */
struct stock {
    struct engine engine;
    struct container **containers;
    size_t container_count;
    struct image_entry *images;
    size_t image_count;
    struct image_usage usage;
    bool *active; /* of each image: a container uses it */
    struct strv volumes;
    struct build_cache cache;
};

static void stock_done(struct stock *s)
{
    container_list_free(s->containers, s->container_count);
    image_list_free(s->images, s->image_count);
    image_usage_done(&s->usage);
    free(s->active);
    strv_done(&s->volumes);
    build_cache_done(&s->cache);
}

static size_t containers_of(const struct stock *s, const char *image_id)
{
    size_t n = 0;
    for (size_t i = 0; i < s->container_count; i++) {
        n += container_uses_image(s->containers[i], image_id);
    }
    return n;
}

static int stock_read(const struct command_context *context, struct stock *s, struct error **err)
{
    s->engine = engine_of(context);
    int r;
    if ((r = container_list(&s->engine, &s->containers, &s->container_count, err)) < 0 ||
        (r = image_list(context->data_dir, &s->images, &s->image_count, err)) < 0 ||
        (r = image_usage_read(context->data_dir, s->images, s->image_count, &s->usage, err)) < 0 ||
        (r = volume_list(&s->engine, &s->volumes, err)) < 0 ||
        (r = build_cache_read(context->data_dir, &s->cache, err)) < 0) {
        return r;
    }
    s->active = xcalloc(s->image_count + 1, sizeof(*s->active));
    for (size_t i = 0; i < s->image_count; i++) {
        s->active[i] = containers_of(s, s->images[i].id) > 0;
    }
    return 0;
}

static const struct list_column columns[] = {
    {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
    {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}, {NULL, NULL},
};
#define TABLE "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"

struct summary {
    const char *type;
    size_t total, active;
    int64_t bytes, reclaimable;
};

static int print_summary(const struct summary *s, struct list *list, struct error **err)
{
    CLEANUP(free) char *total = str_format("%zu", s->total);
    CLEANUP(free) char *active = str_format("%zu", s->active);
    CLEANUP(free) char *size = human_size(s->bytes);
    CLEANUP(free) char *free_text = human_size(s->reclaimable);
    CLEANUP(free)
    char *reclaimable = s->bytes ? str_format("%s (%lld%%)", free_text,
                                              (long long)(s->reclaimable * 100 / s->bytes))
                                 : xstrdup(free_text);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "Type", s->type, "TotalCount", total,
                            "Active", active, "Size", size, "Reclaimable", reclaimable);
    return list_row(list, row, NULL, err);
}

static struct summary of_images(const struct stock *s)
{
    struct summary sum = {.type = "Images", .total = s->image_count};
    for (size_t i = 0; i < s->image_count; i++) {
        sum.active += s->active[i];
    }
    sum.bytes = image_usage_total(&s->usage, NULL);
    sum.reclaimable = sum.bytes - image_usage_total(&s->usage, s->active);
    return sum;
}

static int64_t container_bytes(const struct stock *s, const struct container *c)
{
    return disk_usage_of_container(&s->engine, c);
}

static struct summary of_containers(const struct stock *s)
{
    struct summary sum = {.type = "Containers", .total = s->container_count};
    for (size_t i = 0; i < s->container_count; i++) {
        int64_t bytes = container_bytes(s, s->containers[i]);
        bool up = container_is_up(s->containers[i]);
        sum.active += up;
        sum.bytes += bytes;
        sum.reclaimable += up ? 0 : bytes;
    }
    return sum;
}

static int of_volumes(const struct stock *s, struct summary *ret, struct error **err)
{
    *ret = (struct summary){.type = "Local Volumes", .total = s->volumes.count};
    for (size_t i = 0; i < s->volumes.count; i++) {
        CLEANUP(volume) struct volume v = {0};
        CLEANUP(strv) struct strv users = {0};
        int r = volume_users(&s->engine, s->volumes.items[i], &users, err);
        if (r < 0) {
            return r;
        }
        if (volume_load(&s->engine, s->volumes.items[i], &v, NULL) >= 0) { /* else: just removed */
            int64_t bytes = disk_usage(v.path);
            ret->active += users.count > 0;
            ret->bytes += bytes;
            ret->reclaimable += users.count ? 0 : bytes;
        }
    }
    return 0;
}

static struct summary of_build_cache(const struct stock *s)
{
    struct summary sum = {.type = "Build Cache",
                          .total = s->cache.count,
                          .bytes = build_cache_total(&s->cache),
                          .reclaimable = build_cache_reclaimable(&s->cache)};
    for (size_t i = 0; i < s->cache.count; i++) {
        sum.active += s->cache.items[i].is_shared;
    }
    return sum;
}

/* Kernels that are kept, and what machines have of kernels, unpacked: a row when there is any. Of
 * layers they have disks, which count with the images. */
static struct summary of_machines(const struct stock *s)
{
    CLEANUP(free) char *kernels = str_format("%s/kernels", s->engine.data_dir);
    CLEANUP(free) char *cache = str_format("%s/cache/vm", s->engine.data_dir);
    CLEANUP(strv) struct strv kept = {0};
    IGNORE(list_folder(AT_FDCWD, kernels, &kept, NULL) < 0); /* none */
    return (struct summary){.type = "Machine Kernels",
                            .total = kept.count,
                            .active = kept.count,
                            .bytes = disk_usage(kernels) + disk_usage(cache)};
}

static int print_summaries(const struct stock *s, const char *format, struct error **err)
{
    struct list *list = NULL;
    struct summary rows[] = {
        of_images(s), of_containers(s), {0}, of_build_cache(s), of_machines(s)};
    int r = of_volumes(s, &rows[2], err);
    if (r >= 0) {
        r = list_begin(format, TABLE, columns, &list, err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0 && (i < 4 || rows[i].bytes > 0); i++) {
        r = print_summary(&rows[i], list, err);
    }
    if (r >= 0) {
        list_end(list);
    } else if (list) {
        list_cancel(list);
    }
    return r;
}

/* A table of its own columns, each row made by `row`. */
typedef json_t *make_row(const struct stock *s, size_t i);

static int print_table(const struct stock *s, const char *heading, const char *table,
                       const struct list_column *of, size_t count, make_row *row,
                       struct error **err)
{
    struct list *list = NULL;
    printf("%s\n\n", heading);
    int r = list_begin(NULL, table, of, &list, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        json_t *made = row(s, i);
        r = made ? list_row(list, made, NULL, err) : 0;
    }
    if (r >= 0) {
        list_end(list);
        printf("\n");
    } else if (list) {
        list_cancel(list);
    }
    return r;
}

static json_t *image_row(const struct stock *s, size_t i)
{
    const struct image_entry *e = &s->images[i];
    const char *name = e->tags.count ? e->tags.items[0] : NULL;
    CLEANUP(free) char *repository = name ? reference_text_familiar(name, true) : NULL;
    CLEANUP(free) char *id = xstrndup(e->id + strlen("sha256:"), 12);
    int64_t age = e->created ? human_seconds_since(e->created) : 0;
    CLEANUP(free) char *since = human_duration(age < 0 ? 0 : age);
    int64_t own = image_usage_unique(&s->usage, i), common = image_usage_shared(&s->usage, i);
    CLEANUP(free) char *created = str_format("%s ago", since);
    CLEANUP(free) char *size = human_size(own + common);
    CLEANUP(free) char *shared = human_size(common);
    CLEANUP(free) char *unique = human_size(own);
    CLEANUP(free) char *users = str_format("%zu", containers_of(s, e->id));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Repository",
                     str_or(repository, "<none>"), "Tag", name ? strrchr(name, ':') + 1 : "<none>",
                     "ID", id, "CreatedSince", created, "Size", size, "SharedSize", shared,
                     "UniqueSize", unique, "Containers", users);
}

static json_t *container_row(const struct stock *s, size_t i)
{
    const struct container *c = s->containers[i];
    CLEANUP(free) char *id = container_id_text(c, false);
    CLEANUP(free) char *command = container_command_text(c, true);
    CLEANUP(free) char *volumes = str_format("%zu", c->volumes.count);
    CLEANUP(free) char *size = human_size(container_bytes(s, c));
    int64_t age = human_seconds_since(str_or(c->created, ""));
    CLEANUP(free) char *since = human_duration(age < 0 ? 0 : age);
    CLEANUP(free) char *created = str_format("%s ago", since);
    CLEANUP(free) char *status = container_status_text(c);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", id, "Image",
                     str_or(c->image, ""), "Command", command, "LocalVolumes", volumes, "Size",
                     size, "RunningFor", created, "Status", status, "Names", c->name);
}

static json_t *volume_row(const struct stock *s, size_t i)
{
    CLEANUP(volume) struct volume v = {0};
    CLEANUP(strv) struct strv users = {0};
    if (volume_load(&s->engine, s->volumes.items[i], &v, NULL) < 0 ||
        volume_users(&s->engine, v.name, &users, NULL) < 0) {
        return NULL; /* just removed */
    }
    CLEANUP(free) char *links = str_format("%zu", users.count);
    CLEANUP(free) char *size = human_size(disk_usage(v.path));
    return json_pack("{s:s, s:s, s:s}", "Name", v.name, "Links", links, "Size", size);
}

static char *ago(int64_t then_s)
{
    CLEANUP(free) char *since = human_duration(time(NULL) < then_s ? 0 : time(NULL) - then_s);
    return str_format("%s ago", since);
}

static json_t *build_cache_row(const struct stock *s, size_t i)
{
    const struct build_cache_item *item = &s->cache.items[i];
    CLEANUP(free) char *id = xstrndup(strrchr(item->path, '/') + 1, 12);
    CLEANUP(free) char *size = human_size(item->is_again ? 0 : item->bytes);
    CLEANUP(free) char *made = ago(item->made_s);
    CLEANUP(free) char *used = ago(item->used_s);
    CLEANUP(free) char *uses = str_format("%lld", (long long)item->uses);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", id, "CacheType",
                     item->is_mount ? "exec.cachemount" : "regular", "Size", size, "CreatedSince",
                     made, "LastUsedSince", used, "UsageCount", uses, "Shared",
                     item->is_shared ? "true" : "false");
}

static int print_build_cache(const struct stock *s, struct error **err)
{
    static const struct list_column columns_of_cache[] = {{"ID", "CACHE ID"},
                                                          {"CacheType", "CACHE TYPE"},
                                                          {"Size", "SIZE"},
                                                          {"CreatedSince", "CREATED"},
                                                          {"LastUsedSince", "LAST USED"},
                                                          {"UsageCount", "USAGE"},
                                                          {"Shared", "SHARED"},
                                                          {NULL, NULL}};
    CLEANUP(free) char *total = human_size(build_cache_total(&s->cache));
    CLEANUP(free) char *heading = str_format("Build cache usage: %s", total);
    return print_table(s, heading,
                       "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t"
                       "{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
                       columns_of_cache, s->cache.count, build_cache_row, err);
}

static int print_verbose(const struct stock *s, struct error **err)
{
    static const struct list_column of_image[] = {{"Repository", "REPOSITORY"},
                                                  {"Tag", "TAG"},
                                                  {"ID", "IMAGE ID"},
                                                  {"CreatedSince", "CREATED"},
                                                  {"Size", "SIZE"},
                                                  {"SharedSize", "SHARED SIZE"},
                                                  {"UniqueSize", "UNIQUE SIZE"},
                                                  {"Containers", "CONTAINERS"},
                                                  {NULL, NULL}};
    static const struct list_column of_container[] = {{"ID", "CONTAINER ID"},
                                                      {"Image", "IMAGE"},
                                                      {"Command", "COMMAND"},
                                                      {"LocalVolumes", "LOCAL VOLUMES"},
                                                      {"Size", "SIZE"},
                                                      {"RunningFor", "CREATED"},
                                                      {"Status", "STATUS"},
                                                      {"Names", "NAMES"},
                                                      {NULL, NULL}};
    static const struct list_column of_volume[] = {
        {"Name", "VOLUME NAME"}, {"Links", "LINKS"}, {"Size", "SIZE"}, {NULL, NULL}};
    int r = print_table(s, "Images space usage:",
                        "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t"
                        "{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
                        of_image, s->image_count, image_row, err);
    if (r >= 0) {
        r = print_table(s, "Containers space usage:",
                        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
                        "{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
                        of_container, s->container_count, container_row, err);
    }
    if (r >= 0) {
        r = print_table(s, "Local Volumes space usage:", "{{.Name}}\t{{.Links}}\t{{.Size}}",
                        of_volume, s->volumes.count, volume_row, err);
    }
    return r < 0 ? r : print_build_cache(s, err);
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct df_values *v = values;
    struct stock s = {0};
    if (v->verbose && v->format) {
        return error_set(err, ERROR_USAGE, 0, "--verbose and --format do not go together");
    }
    int r = stock_read(context, &s, err);
    if (r >= 0) {
        r = v->verbose ? print_verbose(&s, err) : print_summaries(&s, v->format, err);
    }
    stock_done(&s);
    return r;
}

static const struct option options[] = {
    {0, "format", OPTION_STRING, offsetof(struct df_values, format), "FORMAT",
     LIST_FORMAT_OPTION_HELP},
    {'v', "verbose", OPTION_FLAG, offsetof(struct df_values, verbose), NULL,
     "Show each image, container, volume and step kept"},
    {0},
};

const struct command command_system_df = {
    .name = "system df",
    .group = "System",
    .summary = "Show what images, containers and volumes take",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct df_values),
    .run = run,
};
