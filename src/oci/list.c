// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci list` */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "oci/container.h"

struct list_values {
    const char *format;
    bool quiet;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(const char *root, struct strv *ret, struct error **err)
{
    CLEANUP(dir) DIR *dir = opendir(root);
    if (!dir) {
        return errno == ENOENT ? 0
                               : error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", root);
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (oci_id_check(e->d_name, NULL) >= 0 && e->d_type == DT_DIR) {
            strv_add(ret, e->d_name);
        }
    }
    if (ret->count) {
        qsort(ret->items, ret->count, sizeof(*ret->items), by_text);
    }
    return 0;
}

/* What vanishes meanwhile is not listed; what cannot be read is warned of. */
static json_t *read_states(const struct oci_context *oci, const struct strv *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < names->count; i++) {
        CLEANUP(oci_container) struct oci_container *c = NULL;
        CLEANUP(error) struct error *err = NULL;
        if (oci_container_open(oci, names->items[i], OCI_LOOK, &c, &err) >= 0) {
            (void)json_array_append_new(list, oci_container_state(c)); /* memory: aborts */
        } else if (err->kind != ERROR_NOT_FOUND) {
            CLEANUP(free) char *text = error_text(err);
            oci_log_warning(oci->log, "load container %s: %s", names->items[i], text);
        }
    }
    return list;
}

static const struct {
    const char *key, *heading;
} columns[] = {
    {"id", "ID"},         {"pid", "PID"},         {"status", "STATUS"},
    {"bundle", "BUNDLE"}, {"created", "CREATED"}, {"owner", "OWNER"},
};

static char *cell(const json_t *state, const char *key)
{
    const json_t *v = json_object_get(state, key);
    return json_is_integer(v) ? str_format("%lld", (long long)json_integer_value(v))
                              : xstrdup(str_or(json_string_value(v), ""));
}

#define COLUMN_WIDTH_MIN 12 /* as runc's tables */
#define COLUMN_GAP 3

static size_t column_width(const json_t *list, size_t column)
{
    size_t width = strlen(columns[column].heading);
    for (size_t i = 0; i < json_array_size(list); i++) {
        CLEANUP(free) char *text = cell(json_array_get(list, i), columns[column].key);
        width = strlen(text) > width ? strlen(text) : width;
    }
    return width + COLUMN_GAP < COLUMN_WIDTH_MIN ? COLUMN_WIDTH_MIN : width + COLUMN_GAP;
}

static void print_table(const json_t *list)
{
    size_t widths[ARRAY_SIZE(columns)];
    for (size_t k = 0; k < ARRAY_SIZE(columns); k++) {
        widths[k] = k + 1 < ARRAY_SIZE(columns) ? column_width(list, k) : 0;
        printf("%-*s", (int)widths[k], columns[k].heading);
    }
    printf("\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(columns); k++) {
            CLEANUP(free) char *text = cell(json_array_get(list, i), columns[k].key);
            printf("%-*s", (int)widths[k], text);
        }
        printf("\n");
    }
}

static int list_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    const struct list_values *v = values;
    const struct oci_context *oci = oci_of(context);
    bool json = str_equal(v->format, "json");
    if (v->format && !json && strcmp(v->format, "table") != 0) {
        return error_set(err, ERROR_USAGE, 0, "invalid format option: '%s'", v->format);
    }
    CLEANUP(strv) struct strv names = {0};
    int r = read_names(oci->root, &names, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *list = read_states(oci, &names);
    if (v->quiet) {
        for (size_t i = 0; i < json_array_size(list); i++) {
            printf("%s\n", json_string_value(json_object_get(json_array_get(list, i), "id")));
        }
    } else if (json) {
        CLEANUP(free) char *text = json_dumps(list, JSON_COMPACT);
        printf("%s\n", str_or(text, "[]"));
    } else {
        print_table(list);
    }
    return 0;
}

static const struct option list_options[] = {
    {'f', "format", OPTION_STRING, offsetof(struct list_values, format), "FORMAT", "table or json",
     COMPLETE_WORDS, "table json"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct list_values, quiet), NULL, "Print the ids alone"},
    {0},
};

const struct command oci_list = {
    .name = "list",
    .group = "Commands",
    .summary = "List the containers below --root",
    .arguments = "[OPTIONS]",
    .options = list_options,
    .values_size = sizeof(struct list_values),
    .run = list_run,
};
