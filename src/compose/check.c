// SPDX-License-Identifier: Apache-2.0
/* What must hold between the parts of a project: names that are used are defined, no service waits
 * for itself. */
#include <string.h>

#include "base/options.h"
#include "compose/load.h"
#include "compose/pull.h"

struct checker {
    const struct project *project;
    const struct node *services;
    struct error **err;
};

static const char *nearest_key(const struct node *map, const char *name)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2;
    for (size_t i = 0; map && i < map->count; i++) {
        size_t d = str_distance(name, map->entries[i].key);
        if (d < best_distance) {
            best = map->entries[i].key;
            best_distance = d;
        }
    }
    return best;
}

static int undefined(struct checker *c, const struct node *at, const char *service,
                     const char *what, const char *name, const struct node *defined)
{
    const char *near = nearest_key(defined, name);
    int r =
        node_error(at, c->err, "service '%s' refers to the undefined %s '%s'", service, what, name);
    return near ? error_hint(c->err, r, "did you mean '%s'?", near) : r;
}

static int check_networks(struct checker *c, const char *name, const struct node *service)
{
    const struct node *used = node_get(service, "networks");
    const struct node *defined = node_get(c->project->model, "networks");
    if (used && node_get(service, "network_mode")) {
        return node_error(node_get(service, "network_mode"), c->err,
                          "service '%s' has both 'network_mode' and 'networks'", name);
    }
    for (size_t i = 0; used && i < used->count; i++) {
        if (!node_entry_of(defined, used->entries[i].key)) {
            return undefined(c, used->entries[i].value, name, "network", used->entries[i].key,
                             defined);
        }
    }
    return 0;
}

static int check_files(struct checker *c, const char *name, const struct node *service,
                       const char *section, const char *what)
{
    const struct node *used = node_get(service, section);
    const struct node *defined = node_get(c->project->model, section);
    for (size_t i = 0; used && i < used->count; i++) {
        const char *source = node_text(used->items[i], "source");
        if (!source) {
            return node_error(used->items[i], c->err, "a %s of service '%s' has no 'source'", what,
                              name);
        }
        if (!node_entry_of(defined, source)) {
            return undefined(c, used->items[i], name, what, source, defined);
        }
    }
    return 0;
}

static int check_volumes(struct checker *c, const char *name, const struct node *service)
{
    const struct node *used = node_get(service, "volumes");
    const struct node *defined = node_get(c->project->model, "volumes");
    for (size_t i = 0; used && i < used->count; i++) {
        const char *source = node_text(used->items[i], "source");
        if (source && str_equal(node_text(used->items[i], "type"), "volume") &&
            !node_entry_of(defined, source)) {
            return undefined(c, used->items[i], name, "volume", source, defined);
        }
    }
    return 0;
}

static int check_dependencies(struct checker *c, const char *name, const struct node *service)
{
    const struct node *all = node_get(service, "depends_on");
    for (size_t i = 0; all && i < all->count; i++) {
        const struct node_entry *e = &all->entries[i];
        const struct node *required = node_get(e->value, "required");
        bool optional = required && !required->boolean;
        if (node_entry_of(c->project->disabled, e->key) && !optional) {
            int r = node_error(e->value, c->err,
                               "service '%s' depends on '%s', whose profile is not asked for", name,
                               e->key);
            return error_hint(c->err, r, "--profile, or 'required: false'");
        }
        if (!node_entry_of(c->services, e->key) && !optional) {
            return undefined(c, e->value, name, "service", e->key, c->services);
        }
    }
    return 0;
}

static int check_scale(struct checker *c, const char *name, const struct node *service)
{
    int64_t replicas = node_int(node_get(service, "deploy"), "replicas", -1);
    int64_t scale = node_int(service, "scale", replicas);
    if (scale != replicas && replicas >= 0) {
        return node_error(node_get(service, "scale"), c->err,
                          "service '%s': 'scale' and 'deploy.replicas' differ", name);
    }
    if (scale < -1 || scale > 1000) {
        return node_error(node_get(service, "scale"), c->err,
                          "service '%s' cannot have %lld replicas", name, (long long)scale);
    }
    if (scale > 1 && node_get(service, "container_name")) {
        return node_error(node_get(service, "container_name"), c->err,
                          "service '%s' has a 'container_name' and more than one replica", name);
    }
    return 0;
}

static int check_service(struct checker *c, const char *name, const struct node *service)
{
    if (!node_get(service, "image") && !node_get(service, "build")) {
        return node_error(service, c->err, "service '%s' has neither an image nor a build", name);
    }
    const struct node *policy = node_get(service, "pull_policy");
    if (policy && !pull_policy_is_known(str_or(policy->text, ""))) {
        return node_error(policy, c->err,
                          "services.%s.pull_policy is '%s', which is none of: always never missing "
                          "if_not_present build daily weekly every_DURATION",
                          name, str_or(policy->text, ""));
    }
    int r = check_networks(c, name, service);
    if (r == 0) {
        r = check_volumes(c, name, service);
    }
    if (r == 0) {
        r = check_files(c, name, service, "configs", "config");
    }
    if (r == 0) {
        r = check_files(c, name, service, "secrets", "secret");
    }
    if (r == 0) {
        r = check_dependencies(c, name, service);
    }
    return r < 0 ? r : check_scale(c, name, service);
}

enum mark { UNSEEN, ON_THE_WAY, SEEN };

/* Depth first: `path` is the way here. */
static int visit(struct checker *c, size_t index, enum mark *marks, struct strv *path)
{
    const struct node_entry *e = &c->services->entries[index];
    const struct node *all = node_get(e->value, "depends_on");
    strv_add(path, e->key);
    if (marks[index] == ON_THE_WAY) {
        CLEANUP(free) char *way = strv_join(path, " -> ");
        return node_error(e->value, c->err, "services depend on each other in a circle: %s", way);
    }
    bool seen = marks[index] == SEEN;
    marks[index] = ON_THE_WAY;
    for (size_t i = 0; !seen && all && i < all->count; i++) {
        const struct node_entry *other = node_entry_of(c->services, all->entries[i].key);
        int r = other ? visit(c, (size_t)(other - c->services->entries), marks, path) : 0;
        if (r < 0) {
            return r;
        }
    }
    marks[index] = SEEN;
    free(path->items[--path->count]);
    path->items[path->count] = NULL;
    return 0;
}

static int check_circles(struct checker *c)
{
    CLEANUP(free) enum mark *marks = xcalloc(c->services->count + 1, sizeof(*marks));
    CLEANUP(strv) struct strv path = {0};
    for (size_t i = 0; i < c->services->count; i++) {
        int r = visit(c, i, marks, &path);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A config or secret has one source. */
static int check_sources(struct checker *c, const char *section)
{
    static const char *const keys[] = {"file", "environment", "content", "external"};
    const struct node *all = node_get(c->project->model, section);
    for (size_t i = 0; all && i < all->count; i++) {
        const struct node_entry *e = &all->entries[i];
        int count = 0;
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            count += node_get(e->value, keys[k]) != NULL;
        }
        if (count != 1) {
            return node_error(e->value, c->err, "%s.%s needs one of: file, environment, content",
                              section, e->key);
        }
        if (node_true(e->value, "external")) {
            return node_error(e->value, c->err,
                              "%s.%s is external: this engine keeps none outside of files", section,
                              e->key);
        }
    }
    return 0;
}

/* The same port of the host twice in one project never works. */
static int check_host_ports(struct checker *c)
{
    CLEANUP(json) json_t *taken = json_object();
    for (size_t i = 0; i < c->services->count; i++) {
        const struct node *ports = node_get(c->services->entries[i].value, "ports");
        for (size_t k = 0; ports && k < ports->count; k++) {
            const struct node *port = ports->items[k];
            const char *published = node_text(port, "published");
            if (!published || strchr(published, '-') || str_equal(published, "0")) {
                continue;
            }
            CLEANUP(free)
            char *key = str_format("%s:%s/%s", str_or(node_text(port, "host_ip"), "*"), published,
                                   node_text(port, "protocol"));
            const char *other = json_string_value(json_object_get(taken, key));
            if (other) {
                return node_error(port, c->err, "service '%s' publishes port %s, as '%s' does",
                                  c->services->entries[i].key, published, other);
            }
            json_object_set_new(taken, key, json_string(c->services->entries[i].key));
        }
    }
    return 0;
}

int project_check(const struct project *p, struct error **err)
{
    struct checker c = {p, node_get(p->model, "services"), err};
    int r = check_sources(&c, "configs");
    if (r == 0) {
        r = check_sources(&c, "secrets");
    }
    for (size_t i = 0; i < c.services->count && r == 0; i++) {
        r = check_service(&c, c.services->entries[i].key, c.services->entries[i].value);
    }
    if (r == 0) {
        r = check_circles(&c);
    }
    return r < 0 ? r : check_host_ports(&c);
}

static void put_behind_dependencies(const struct project *p, const struct node *services,
                                    const char *name, struct strv *order)
{
    const struct node *service = node_get(services, name);
    const struct node *all = node_get(service, "depends_on");
    if (!service || strv_contains(order, name)) {
        return;
    }
    for (size_t i = 0; all && i < all->count; i++) {
        put_behind_dependencies(p, services, all->entries[i].key, order);
    }
    strv_add(order, name);
}

struct strv project_order(const struct project *p)
{
    struct strv order = {0};
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count; i++) {
        put_behind_dependencies(p, services, services->entries[i].key, &order);
    }
    return order;
}
