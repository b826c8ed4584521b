// SPDX-License-Identifier: Apache-2.0
/* `compose ps`, `ls`, `images`, `port`: what there is. */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/human.h"
#include "cli/container_text.h"
#include "cli/format.h"
#include "compose/verbs/verbs.h"
#include "image/image.h"

static const struct list_column ps_columns[] = {
    {"Name", "NAME"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"Service", "SERVICE"},
    {"CreatedAt", "CREATED AT"},
    {"Status", "STATUS"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Health", "HEALTH"},
    {"ID", "CONTAINER ID"},
    {"Project", "PROJECT"},
    {"ExitCode", "EXIT CODE"},
    {"Labels", "LABELS"},
    {NULL, NULL},
};

static json_t *ps_row(const struct member *m, bool whole)
{
    const struct container *c = m->container;
    CLEANUP(free) char *id = container_id_text(c, whole);
    CLEANUP(free) char *status = container_status_text(c);
    CLEANUP(free) char *ports = container_ports_text(c);
    CLEANUP(free) char *command = container_command_text(c, !whole);
    CLEANUP(free) char *labels = labels_text(c->labels);
    CLEANUP(free) char *created = human_time(c->created);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s}", "ID", id, "Name",
                     c->name, "Image", c->image, "Command", command, "Service", m->service,
                     "CreatedAt", created, "Status", status, "Ports", ports, "State",
                     container_status_name(c->status), "Health", str_or(c->health, ""), "Project",
                     str_or(container_label(c, LABEL "project"), ""), "ExitCode", c->exit_code,
                     "Labels", labels);
}

/* --status and --filter status=… */
static int wanted_states(const struct compose_request *r, struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv filters = {0};
    asked_list(r, "status", ret);
    asked_list(r, "filter", &filters);
    for (size_t i = 0; i < filters.count; i++) {
        if (!str_starts(filters.items[i], "status=")) {
            return error_set(err, ERROR_USAGE, 0, "--filter: '%s' is not status=…",
                             filters.items[i]);
        }
        strv_add(ret, filters.items[i] + strlen("status="));
    }
    return 0;
}

static void print_services(const struct member *const *shown, size_t count)
{
    CLEANUP(strv) struct strv done = {0};
    for (size_t i = 0; i < count; i++) {
        if (!strv_contains(&done, shown[i]->service)) {
            strv_add(&done, shown[i]->service);
            printf("%s\n", shown[i]->service);
        }
    }
}

static int print_rows(const struct compose_request *r, const struct member *const *shown,
                      size_t count, struct error **err)
{
    struct list *list = NULL;
    int result = list_begin(asked_text(r, "format"),
                            "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.CreatedAt}}\t"
                            "{{.Status}}\t{{.Ports}}",
                            ps_columns, &list, err);
    for (size_t i = 0; i < count && result >= 0; i++) {
        CLEANUP(json) json_t *methods = json_pack("{s:O*}", "Label", shown[i]->container->labels);
        result = list_row(list, ps_row(shown[i], asked_flag(r, "no-trunc")), methods, err);
    }
    if (result < 0) {
        list_cancel(list);
        return result;
    }
    list_end(list);
    return 0;
}

int verb_ps(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(strv) struct strv states = {0};
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    if (result == 0) {
        result = wanted_states(r, &states, err);
    }
    CLEANUP(free) const struct member **shown = xcalloc(s.members.count + 1, sizeof(*shown));
    size_t count = 0;
    for (size_t i = 0; i < s.members.count && result == 0; i++) {
        const struct member *m = &s.members.items[i];
        const char *state = container_status_name(m->container->status);
        bool in_state = states.count ? strv_contains(&states, state)
                                     : asked_flag(r, "all") || container_is_up(m->container);
        bool orphan = s.project && !node_at(s.project->model, "services", m->service, NULL);
        if (is_asked_for(&r->arguments, m->service) && in_state &&
            (asked_flag(r, "orphans") || !orphan)) {
            shown[count++] = m;
        }
    }
    if (result < 0) {
        return result;
    }
    if (asked_flag(r, "services")) {
        print_services(shown, count);
        return 0;
    }
    if (asked_flag(r, "quiet")) {
        for (size_t i = 0; i < count; i++) {
            printf("%s\n", shown[i]->container->id);
        }
        return 0;
    }
    return print_rows(r, shown, count, err);
}

static const struct list_column ls_columns[] = {
    {"Name", "NAME"}, {"Status", "STATUS"}, {"ConfigFiles", "CONFIG FILES"}, {NULL, NULL}};

/* `ls` and `images` print one JSON array, as Docker Compose does; other forms row by row. */
static int add_row(struct list *list, json_t *array, json_t *row_take, struct error **err)
{
    if (array) {
        json_array_append_new(array, row_take);
        return 0;
    }
    return list_row(list, row_take, NULL, err);
}

static void end_rows(struct list *list, json_t *array, bool shown)
{
    if (list && !shown) {
        list_cancel(list);
    } else if (array) {
        CLEANUP(free) char *text = json_dumps(array, JSON_COMPACT);
        printf("%s\n", text);
        list_cancel(list);
    } else if (list) {
        list_end(list);
    }
}

/* --filter name=PATTERN, as Docker Compose's: a regular expression. */
static int name_filters(const struct compose_request *r, struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv filters = {0};
    asked_list(r, "filter", &filters);
    for (size_t i = 0; i < filters.count; i++) {
        if (!str_starts(filters.items[i], "name=")) {
            return error_set(err, ERROR_USAGE, 0, "--filter: '%s' is not name=…", filters.items[i]);
        }
        strv_add(ret, filters.items[i] + strlen("name="));
    }
    return 0;
}

static bool name_fits(const struct strv *patterns, const char *name)
{
    bool fits = patterns->count == 0;
    for (size_t i = 0; i < patterns->count && !fits; i++) {
        regex_t pattern;
        if (regcomp(&pattern, patterns->items[i], REG_EXTENDED | REG_NOSUB) == 0) {
            fits = regexec(&pattern, name, 0, NULL, 0) == 0;
            regfree(&pattern);
        }
    }
    return fits;
}

/* "exited(1), running(2)" */
static char *states_of(const struct members *m, const char *project)
{
    CLEANUP(json) json_t *counts = json_object();
    CLEANUP(strbuf) struct strbuf b = {0};
    for (size_t i = 0; i < m->count; i++) {
        const struct container *c = m->items[i].container;
        const char *state = container_status_name(c->status);
        if (str_equal(container_label(c, LABEL "project"), project)) {
            json_int_t n = json_integer_value(json_object_get(counts, state));
            json_object_set_new(counts, state, json_integer(n + 1));
        }
    }
    const char *state;
    json_t *n;
    CLEANUP(free) char *text = json_dumps(counts, JSON_SORT_KEYS);
    CLEANUP(json) json_t *sorted = json_loads(text, 0, NULL);
    json_object_foreach(sorted, state, n)
    {
        strbuf_addf(&b, "%s%s(%d)", b.len ? ", " : "", state, (int)json_integer_value(n));
    }
    return strbuf_take(&b);
}

int verb_ls(const struct compose_request *r, struct error **err)
{
    CLEANUP(members) struct members m = {0};
    CLEANUP(strv) struct strv done = {0}, patterns = {0};
    CLEANUP(json) json_t *array = str_equal(asked_text(r, "format"), "json") ? json_array() : NULL;
    struct list *list = NULL;
    int result = members_load(&r->engine, NULL, &m, err);
    if (result == 0) {
        result = name_filters(r, &patterns, err);
    }
    if (result == 0) {
        result = list_begin(asked_text(r, "format"), "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}",
                            ls_columns, &list, err);
    }
    for (size_t i = 0; i < m.count && result >= 0; i++) {
        const struct container *c = m.items[i].container;
        const char *name = container_label(c, LABEL "project");
        CLEANUP(free) char *states = states_of(&m, name);
        if (strv_contains(&done, name) || !name_fits(&patterns, name) ||
            (!asked_flag(r, "all") && !strstr(states, "running"))) {
            continue;
        }
        strv_add(&done, name);
        if (asked_flag(r, "quiet")) {
            printf("%s\n", name);
            continue;
        }
        result = add_row(list, array,
                         json_pack("{s:s,s:s,s:s}", "Name", name, "Status", states, "ConfigFiles",
                                   str_or(container_label(c, LABEL "project.config_files"), "")),
                         err);
    }
    end_rows(list, array, result >= 0 && !asked_flag(r, "quiet"));
    return result < 0 ? result : 0;
}

static const struct list_column image_columns[] = {{"ContainerName", "CONTAINER"},
                                                   {"Repository", "REPOSITORY"},
                                                   {"Tag", "TAG"},
                                                   {"ID", "IMAGE ID"},
                                                   {"Size", "SIZE"},
                                                   {NULL, NULL}};

static json_t *image_row(const struct compose_request *r, const struct member *m)
{
    const struct container *c = m->container;
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(reference) struct reference name = {0};
    bool named = reference_parse(c->image, &name, NULL) >= 0;
    const char *id = c->image_id + (str_starts(c->image_id, "sha256:") ? 7 : 0);
    CLEANUP(free) char *short_id = xstrndup(id, 12);
    CLEANUP(free)
    char *size = image_resolve(r->engine.data_dir, c->image_id, &i, NULL) < 0
                     ? xstrdup("N/A")
                     : human_size(i->size_bytes);
    const char *colon = strrchr(c->image, ':');
    bool tagged = colon && !strchr(colon, '/');
    CLEANUP(free)
    char *repository = tagged ? xstrndup(c->image, (size_t)(colon - c->image)) : xstrdup(c->image);
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "ContainerName", c->name, "Repository", repository,
                     "Tag",
                     tagged  ? colon + 1
                     : named ? "latest"
                             : "<none>",
                     "ID", short_id, "Size", size);
}

int verb_images(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(json) json_t *array = str_equal(asked_text(r, "format"), "json") ? json_array() : NULL;
    struct list *list = NULL;
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    if (result == 0) {
        result = list_begin(asked_text(r, "format"),
                            "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Size}}",
                            image_columns, &list, err);
    }
    for (size_t i = 0; i < s.members.count && result >= 0; i++) {
        const struct member *m = &s.members.items[i];
        if (!is_asked_for(&r->arguments, m->service)) {
            continue;
        }
        if (asked_flag(r, "quiet")) {
            printf("%s\n", m->container->image_id);
        } else {
            result = add_row(list, array, image_row(r, m), err);
        }
    }
    end_rows(list, array, result >= 0 && !asked_flag(r, "quiet"));
    return result < 0 ? result : 0;
}
