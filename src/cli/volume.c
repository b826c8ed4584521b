// SPDX-License-Identifier: Apache-2.0
/* `cloison volume …`: volumes by hand. */
#include <fnmatch.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/each.h"
#include "cli/format.h"
#include "cli/inspect_object.h"
#include "cli/prune.h"
#include "engine/volumes.h"

struct volume_values {
    struct strv labels, filters;
    const char *driver, *format;
    bool all, force, quiet;
};
#define AT(member) offsetof(struct volume_values, member)

static int check_driver(const char *driver, struct error **err)
{
    return !driver || str_equal(driver, "local")
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, 0, "--driver: there is 'local' alone, not '%s'",
                           driver);
}

static int create_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    const struct volume_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(json) json_t *labels = json_object();
    CLEANUP(free) char *name = argc ? xstrdup(argv[0]) : volume_anonymous_name();
    for (size_t i = 0; i < v->labels.count; i++) {
        const char *text = v->labels.items[i];
        size_t n = strcspn(text, "=");
        CLEANUP(free) char *key = xstrndup(text, n);
        json_object_set_new(labels, key, json_string(text[n] ? text + n + 1 : ""));
    }
    int r = check_driver(v->driver, err);
    if (r >= 0) {
        r = volume_make(&engine, name, labels, err);
    }
    if (r >= 0) {
        printf("%s\n", name);
    }
    return r;
}

static const struct list_column columns[] = {
    {"Driver", "DRIVER"},
    {"Name", "VOLUME NAME"},
    {"Scope", "SCOPE"},
    {"Mountpoint", "MOUNTPOINT"},
    {"Labels", "LABELS"},
    {"Links", "LINKS"},
    {"Size", "SIZE"},
    {"Status", "STATUS"},
    {"Availability", "AVAILABILITY"},
    {"Group", "GROUP"},
    {NULL, NULL},
};

/* One condition: 1 or 0. */
static int fits_one(const struct engine *e, const struct volume *v, const char *filter,
                    struct error **err)
{
    CLEANUP(strv) struct strv users = {0};
    CLEANUP(strv) struct strv one = {0};
    CLEANUP(prune_filter) struct prune_filter label = {0};
    if (str_starts(filter, "name=")) {
        return strstr(v->name, filter + strlen("name=")) != NULL;
    }
    if (str_starts(filter, "driver=")) {
        return str_equal(filter + strlen("driver="), "local");
    }
    if (str_starts(filter, "label=")) {
        strv_add(&one, filter);
        int r = prune_filter_parse(&one, &label, err);
        return r < 0 ? r : prune_filter_fits(&label, v->created, v->labels);
    }
    bool yes = str_equal(filter, "dangling=true") || str_equal(filter, "dangling=1");
    if (yes || str_equal(filter, "dangling=false") || str_equal(filter, "dangling=0")) {
        int r = volume_users(e, v->name, &users, err);
        return r < 0 ? r : (users.count == 0) == yes;
    }
    int r = error_set(err, ERROR_USAGE, 0, "invalid filter '%s'", filter);
    return error_hint(err, r, "dangling=true or false, driver=, label= or name=");
}

static int fits(const struct engine *e, const struct volume *v, const struct strv *filters,
                struct error **err)
{
    int r = 1;
    bool named = false, has_name = false; /* several names are alternatives, as Docker's are */
    for (size_t i = 0; i < filters->count && r > 0; i++) {
        bool is_name = str_starts(filters->items[i], "name=");
        r = fits_one(e, v, filters->items[i], err);
        named |= is_name;
        has_name |= is_name && r > 0;
        r = is_name && r == 0 ? 1 : r;
    }
    return r > 0 ? !named || has_name : r;
}

static int print_volume(const struct volume *v, bool quiet, struct list *list, struct error **err)
{
    if (quiet) {
        printf("%s\n", v->name);
        return 0;
    }
    CLEANUP(free) char *labels = labels_text(v->labels);
    CLEANUP(json) json_t *methods = json_pack("{s:O}", "Label", v->labels);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Driver", "local", "Name",
                  v->name, "Scope", "local", "Mountpoint", v->path, "Labels", labels, "Links",
                  "N/A", "Size", "N/A", "Status", "N/A", "Availability", "N/A", "Group", "N/A");
    return list_row(list, row, methods, err);
}

static int ls_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    const struct volume_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(strv) struct strv names = {0};
    struct list *list = NULL;
    int r = list_begin(v->quiet ? NULL : v->format, "{{.Driver}}\t{{.Name}}", columns, &list, err);
    if (r < 0) {
        return r;
    }
    volumes_sweep(&engine);
    r = volume_list(&engine, &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(volume) struct volume volume = {0};
        if (volume_load(&engine, names.items[i], &volume, NULL) >= 0) { /* else: just removed */
            r = fits(&engine, &volume, &v->filters, err);
            r = r > 0 ? print_volume(&volume, v->quiet, list, err) : r;
        }
    }
    if (r < 0 || v->quiet) {
        list_cancel(list);
    } else {
        list_end(list);
    }
    return r < 0 ? r : 0;
}

static int rm_one(const struct engine *engine, const char *name, void *context, struct error **err)
{
    const struct volume_values *v = context;
    CLEANUP(error) struct error *mine = NULL;
    int r = volume_remove(engine, name, &mine);
    return r < 0 && v->force && mine->kind == ERROR_NOT_FOUND ? 0
           : r < 0                                            ? error_move(err, &mine, r)
                                                              : 0;
}

static int rm_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    return each_container(context, argc, argv, rm_one, values);
}

static int prune_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    const struct volume_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    CLEANUP(strv) struct strv filters = {0};
    bool all = v->all;
    int64_t freed = 0;
    for (size_t i = 0; i < v->filters.count; i++) {
        const char *text = v->filters.items[i];
        if (str_equal(text, "all") || str_equal(text, "all=true") || str_equal(text, "all=1")) {
            all = true; /* Docker's older way of saying it */
        } else {
            strv_add(&filters, text);
        }
    }
    int r = prune_filter_parse(&filters, &filter, err);
    CLEANUP(free)
    char *text = str_format("This will remove %s volumes not used by at least one container.",
                            all ? "all local" : "anonymous local");
    if (r < 0 || !prune_confirmed(v->force, text)) {
        return r < 0 ? r : 1;
    }
    r = prune_volumes(&engine, &filter, all, &freed, err);
    if (r >= 0) {
        prune_print_sum(freed);
    }
    return r;
}

static int inspect_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct volume_values *v = values;
    return inspect_objects(context, "volume", v->format, argc, argv, err);
}

static const struct option create_options[] = {
    {'d', "driver", OPTION_STRING, AT(driver), "DRIVER", "'local', the one there is",
     COMPLETE_WORDS, "local"},
    {0, "label", OPTION_LIST, AT(labels), "KEY=VALUE", "Give the volume a label"},
    {0},
};
static const struct option ls_options[] = {
    {'f', "filter", OPTION_LIST, AT(filters), "FILTER", "dangling=, driver=, label= or name="},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the names alone"},
    {0},
};
static const struct option rm_options[] = {
    {'f', "force", OPTION_FLAG, AT(force), NULL, "A missing volume is no error"},
    {0},
};
static const struct option prune_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Remove those with a name of their own too"},
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", PRUNE_FILTER_HELP},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0},
};
static const struct option inspect_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {0},
};

const struct command command_volume_create = {
    .name = "volume create",
    .group = "Volumes",
    .summary = "Make a volume",
    .arguments = "[OPTIONS] [VOLUME]",
    .options = create_options,
    .values_size = sizeof(struct volume_values),
    .max_arguments = 1,
    .run = create_run,
};

const struct command command_volume_ls = {
    .name = "volume ls",
    .group = "Volumes",
    .summary = "List volumes",
    .arguments = "[OPTIONS]",
    .options = ls_options,
    .values_size = sizeof(struct volume_values),
    .run = ls_run,
};

const struct command command_volume_inspect = {
    .name = "volume inspect",
    .group = "Volumes",
    .summary = "All that is known of volumes",
    .arguments = "[OPTIONS] VOLUME [VOLUME...]",
    .options = inspect_options,
    .values_size = sizeof(struct volume_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_VOLUME,
    .run = inspect_run,
};

const struct command command_volume_rm = {
    .name = "volume rm",
    .group = "Volumes",
    .summary = "Remove volumes",
    .arguments = "[OPTIONS] VOLUME [VOLUME...]",
    .options = rm_options,
    .values_size = sizeof(struct volume_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_VOLUME,
    .run = rm_run,
};

const struct command command_volume_prune = {
    .name = "volume prune",
    .group = "Volumes",
    .summary = "Remove volumes that no container uses",
    .arguments = "[OPTIONS]",
    .options = prune_options,
    .values_size = sizeof(struct volume_values),
    .run = prune_run,
};
