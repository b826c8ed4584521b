// SPDX-License-Identifier: Apache-2.0
/* What the merged files leave unsaid: environments read, default networks, names of resources,
 * dependencies that other keys imply; what no profile asked for is set aside. */
#include <stdlib.h>
#include <string.h>

#include "compose/load.h"

struct finisher {
    struct project *project;
    const struct load_options *options;
    struct error **err;
};

static void add_pairs(struct arena *a, struct node *to, json_t *values, const struct node *at)
{
    const char *key;
    json_t *value;
    json_object_foreach(values, key, value)
    {
        if (!node_get(to, key)) {
            node_set(a, to, key, node_string(a, json_string_value(value), at));
        }
    }
}

/* One file of env_file or label_file. */
static int read_pairs(struct finisher *f, const struct node *item, const char *path, json_t *values)
{
    struct variables v = {environment_lookup, &f->project->environment, NULL};
    CLEANUP(error) struct error *mine = NULL;
    const struct node *required = node_get(item, "required");
    bool raw = str_equal(node_text(item, "format"), "raw");
    int r = dotenv_load(path, &v, raw, values, &mine);
    if (r == -ENOENT && required && !required->boolean) {
        return 0;
    }
    return r < 0 ? node_error(item, f->err, "%s", mine->message) : 0;
}

/* The files of `files_key` go under the pairs of `key`, which win. */
static int resolve_files(struct finisher *f, struct node *service, const char *files_key,
                         const char *key)
{
    struct arena *a = f->project->arena;
    const struct node *files = node_get(service, files_key);
    if (node_is_empty(files)) {
        return 0;
    }
    CLEANUP(json) json_t *values = json_object();
    for (size_t i = 0; i < files->count; i++) {
        const struct node *item = files->items[i];
        int r = read_pairs(f, item, item->kind == NODE_MAP ? node_text(item, "path") : item->text,
                           values);
        if (r < 0) {
            return r;
        }
    }
    struct node *pairs = node_get(service, key);
    if (!pairs) {
        pairs = node_new(a, NODE_MAP, files);
        node_set(a, service, key, pairs);
    }
    add_pairs(a, pairs, values, files);
    node_remove(service, files_key);
    return 0;
}

/* A KEY without a value takes the project's variable. */
static void resolve_bare(struct finisher *f, struct node *pairs)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        struct node_entry *e = &pairs->entries[i];
        const char *value = e->value->kind == NODE_NULL
                                ? environment_lookup(&f->project->environment, e->key)
                                : NULL;
        if (value) {
            e->value = node_string(f->project->arena, value, e->value);
        }
    }
}

const char *service_reference(const struct node *service, const char *key)
{
    const char *text = node_text(service, key);
    return text && str_starts(text, "service:") ? text + strlen("service:") : NULL;
}

static void imply_dependency(struct finisher *f, struct node *service, const char *name,
                             bool restart, const struct node *at)
{
    struct arena *a = f->project->arena;
    struct node *all = node_get(service, "depends_on");
    if (!all) {
        all = node_new(a, NODE_MAP, at);
        node_set(a, service, "depends_on", all);
    }
    if (node_get(all, name)) {
        return;
    }
    struct node *d = node_new(a, NODE_MAP, at);
    node_set(a, d, "condition", node_string(a, "service_started", at));
    node_set(a, d, "required", node_bool(a, true, at));
    if (restart) {
        node_set(a, d, "restart", node_bool(a, true, at));
    }
    node_set(a, all, name, d);
}

/* compose-spec 05-services.md: links, volumes_from, and what shares a namespace. */
static void imply_dependencies(struct finisher *f, struct node *service)
{
    static const char *const shared[] = {"network_mode", "ipc", "pid"};
    struct arena *a = f->project->arena;
    for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
        const char *other = service_reference(service, shared[i]);
        if (other) {
            imply_dependency(f, service, other, true, node_get(service, shared[i]));
        }
    }
    const struct node *links = node_get(service, "links");
    for (size_t i = 0; links && i < links->count; i++) {
        const char *text = links->items[i]->text;
        imply_dependency(f, service, arena_strndup(a, text, strcspn(text, ":")), true,
                         links->items[i]);
    }
    const struct node *from = node_get(service, "volumes_from");
    for (size_t i = 0; from && i < from->count; i++) {
        const char *text = from->items[i]->text;
        if (!str_starts(text, "container:")) {
            imply_dependency(f, service, arena_strndup(a, text, strcspn(text, ":")), false,
                             from->items[i]);
        }
    }
}

static void default_build(struct finisher *f, struct node *service)
{
    struct arena *a = f->project->arena;
    struct node *build = node_get(service, "build");
    if (!build) {
        return;
    }
    if (!node_get(build, "context")) {
        node_set(a, build, "context", node_string(a, f->project->directory, build));
    }
    if (!node_get(build, "dockerfile") && !node_get(build, "dockerfile_inline")) {
        node_set(a, build, "dockerfile", node_string(a, "Dockerfile", build));
    }
    resolve_bare(f, node_get(build, "args"));
}

static void default_network(struct finisher *f, struct node *service)
{
    struct arena *a = f->project->arena;
    if (!node_get(service, "network_mode") && node_is_empty(node_get(service, "networks"))) {
        struct node *networks = node_new(a, NODE_MAP, service);
        node_set(a, networks, "default", node_new(a, NODE_NULL, service));
        node_set(a, service, "networks", networks);
    }
}

static int finish_service(struct finisher *f, struct node *service)
{
    int r = resolve_files(f, service, "env_file", "environment");
    if (r == 0) {
        r = resolve_files(f, service, "label_file", "labels");
    }
    if (r < 0) {
        return r;
    }
    resolve_bare(f, node_get(service, "environment"));
    imply_dependencies(f, service);
    default_build(f, service);
    default_network(f, service);
    return 0;
}

/* Networks, volumes, …: "<project>_<key>" unless named, or from outside. */
static void name_resources(struct finisher *f, const char *section)
{
    struct arena *a = f->project->arena;
    struct node *all = node_get(f->project->model, section);
    for (size_t i = 0; all && i < all->count; i++) {
        struct node_entry *e = &all->entries[i];
        if (e->value->kind == NODE_NULL) {
            e->value = node_new(a, NODE_MAP, e->value);
        }
        if (!node_get(e->value, "name")) {
            const char *name = node_true(e->value, "external")
                                   ? e->key
                                   : arena_format(a, "%s_%s", f->project->name, e->key);
            node_set(a, e->value, "name", node_string(a, name, e->value));
        }
    }
}

static bool profile_is_asked_for(const struct finisher *f, const struct strv *asked,
                                 const char *name, const struct node *service)
{
    const struct node *profiles = node_get(service, "profiles");
    if (node_is_empty(profiles) || strv_contains(asked, "*") ||
        (f->options->services && strv_contains(f->options->services, name))) {
        return true;
    }
    for (size_t i = 0; i < profiles->count; i++) {
        if (strv_contains(asked, profiles->items[i]->text)) {
            return true;
        }
    }
    return false;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect_profiles(struct project *p, const struct node *services)
{
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node *profiles = node_get(services->entries[i].value, "profiles");
        for (size_t k = 0; profiles && k < profiles->count; k++) {
            if (!strv_contains(&p->profiles, profiles->items[k]->text)) {
                strv_add(&p->profiles, profiles->items[k]->text);
            }
        }
    }
    if (p->profiles.count > 0) {
        qsort(p->profiles.items, p->profiles.count, sizeof(char *), compare_text);
    }
}

/* A profile that no service has is a slip of the pen. Those of COMPOSE_PROFILES may be for other
 * projects. */
static int check_profiles(const struct finisher *f)
{
    const struct project *p = f->project;
    for (size_t i = 0; i < f->options->profiles.count; i++) {
        const char *name = f->options->profiles.items[i];
        if (!str_equal(name, "*") && !strv_contains(&p->profiles, name)) {
            CLEANUP(free) char *all = strv_join(&p->profiles, ", ");
            int r = error_set(f->err, ERROR_NOT_FOUND, 0, "no service has the profile '%s'", name);
            return error_hint(f->err, r, "%s%s", *all ? "there are: " : "there is none", all);
        }
    }
    return 0;
}

static int apply_profiles(struct finisher *f)
{
    struct project *p = f->project;
    CLEANUP(strv) struct strv asked = {0};
    struct node *services = node_get(p->model, "services");
    struct node *enabled = node_new(p->arena, NODE_MAP, services);
    const char *variable = environment_lookup(&p->environment, "COMPOSE_PROFILES");
    p->disabled = node_new(p->arena, NODE_MAP, services);
    strv_add_all(&asked, f->options->profiles.items);
    if (variable && *variable) {
        strv_split(&asked, variable, ',');
    }
    collect_profiles(p, services);
    for (size_t i = 0; services && i < services->count; i++) {
        const struct node_entry *e = &services->entries[i];
        bool wanted = profile_is_asked_for(f, &asked, e->key, e->value);
        node_set(p->arena, wanted ? enabled : p->disabled, e->key, e->value);
    }
    node_set(p->arena, p->model, "services", enabled);
    return check_profiles(f);
}

/* Whether a service names it: networks are keys, the others items. */
static bool is_used(const struct node *services, const char *section, const char *name)
{
    for (size_t i = 0; i < services->count; i++) {
        const struct node *used = node_get(services->entries[i].value, section);
        if (used && used->kind == NODE_MAP && node_entry_of(used, name)) {
            return true;
        }
        for (size_t k = 0; used && used->kind == NODE_LIST && k < used->count; k++) {
            bool of_type = !str_equal(section, "volumes") ||
                           str_equal(node_text(used->items[k], "type"), "volume");
            if (of_type && str_equal(node_text(used->items[k], "source"), name)) {
                return true;
            }
        }
    }
    return false;
}

static void drop_unused(struct finisher *f, const char *section)
{
    struct project *p = f->project;
    const struct node *services = node_get(p->model, "services");
    struct node *all = node_get(p->model, section);
    for (size_t i = all ? all->count : 0; i-- > 0;) {
        if (!f->options->all_resources && !is_used(services, section, all->entries[i].key)) {
            node_remove(all, all->entries[i].key);
        }
    }
    if (all && all->count == 0) {
        node_remove(p->model, section);
    }
}

static void define_default_network(struct finisher *f)
{
    struct project *p = f->project;
    struct node *networks = node_get(p->model, "networks");
    if (!is_used(node_get(p->model, "services"), "networks", "default")) {
        return;
    }
    if (!networks) {
        networks = node_new(p->arena, NODE_MAP, p->model);
        node_set(p->arena, p->model, "networks", networks);
    }
    if (!node_entry_of(networks, "default")) {
        node_set(p->arena, networks, "default", node_new(p->arena, NODE_MAP, p->model));
    }
}

int project_finish(struct project *p, const struct load_options *o, struct error **err)
{
    static const char *const sections[] = {"networks", "volumes", "configs", "secrets"};
    struct finisher f = {p, o, err};
    if (node_is_empty(node_get(p->model, "services"))) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' defines no services",
                         str_or(p->files.count ? p->files.items[0] : NULL, "the file"));
    }
    int r = apply_profiles(&f);
    struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count && r == 0; i++) {
        r = finish_service(&f, services->entries[i].value);
    }
    if (r < 0) {
        return r;
    }
    define_default_network(&f);
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        name_resources(&f, sections[i]);
    }
    r = project_check(p, err);
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        drop_unused(&f, sections[i]);
    }
    node_sort(p->model);
    return r;
}
