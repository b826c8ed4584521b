// SPDX-License-Identifier: Apache-2.0
/* compose-spec 05-services.md "extends": a service takes another one, of its own file or of
 * another, as its base. */
#include "compose/load.h"
#include "compose/merge.h"

#define EXTENDS_MAX 50 /* a chain longer than this is a mistake */

struct chain {
    struct loader *loader;
    struct strv visited; /* "FILE SERVICE" */
    struct error **err;
};

static int follow(struct chain *c, const char *path, const struct node *file,
                  const struct node *before, const char *name, struct node *service,
                  struct node **ret);

static int cycle(struct chain *c, const struct node *at, const char *name)
{
    return node_error(at, c->err, "service '%s' extends itself%s", name,
                      c->visited.count > 1 ? ", by way of others" : "");
}

static int missing(struct chain *c, const struct node *at, const char *name, const char *path)
{
    return node_error(at, c->err, "there is no service '%s' to extend in '%s'", name, path);
}

/* The file that `extends` names: loaded, its paths relative to its own folder. */
static int other_file(struct chain *c, const struct node *extends, const char *path,
                      const struct node *own, const char **ret_path, const struct node **ret)
{
    const char *other = node_text(extends, "file");
    *ret_path = path;
    *ret = own;
    if (!other || str_equal(other, path)) {
        return 0;
    }
    struct node *file = NULL;
    CLEANUP(free) char *folder = folder_of(other);
    int r =
        load_file(c->loader, other, arena_strdup(c->loader->project->arena, folder), &file, c->err);
    *ret_path = other;
    *ret = file;
    return r < 0 ? error_wrap(c->err, r, "extending a service of '%s'", other) : 0;
}

static int base_of(struct chain *c, const char *path, const struct node *file,
                   const struct node *before, struct node *service, struct node **ret)
{
    const struct node *extends = node_get(service, "extends");
    const char *name = node_text(extends, "service");
    const char *other_path = NULL;
    const struct node *other = NULL;
    if (!name) {
        return node_error(extends, c->err, "'extends' needs a 'service'");
    }
    int r = other_file(c, extends, path, file, &other_path, &other);
    if (r < 0) {
        return r;
    }
    struct node *base = node_at(other, "services", name, NULL);
    if (!base && other == file) {
        base = node_at(before, "services", name, NULL);
    }
    if (!base) {
        return missing(c, node_get(extends, "service"), name, other_path);
    }
    return follow(c, other_path, other, other == file ? before : NULL, name, base, ret);
}

static int follow(struct chain *c, const char *path, const struct node *file,
                  const struct node *before, const char *name, struct node *service,
                  struct node **ret)
{
    struct arena *a = c->loader->project->arena;
    const struct node *extends = node_get(service, "extends");
    if (node_is_empty(extends)) {
        *ret = service;
        return 0;
    }
    CLEANUP(free) char *key = str_format("%s %s", path, name);
    if (strv_contains(&c->visited, key) || c->visited.count > EXTENDS_MAX) {
        return cycle(c, extends, name);
    }
    strv_add(&c->visited, key);
    struct node *base = NULL;
    int r = base_of(c, path, file, before, service, &base);
    if (r == 0) {
        *ret = merge(a, shape_services, base, service);
        node_remove(*ret, "extends");
    }
    return r;
}

int extends_resolve(struct loader *l, const char *path, struct node *file,
                    const struct node *before, struct error **err)
{
    struct node *services = node_get(file, "services");
    for (size_t i = 0; services && i < services->count; i++) {
        struct node_entry *e = &services->entries[i];
        struct chain c = {.loader = l, .err = err};
        int r = e->value->kind == NODE_MAP
                    ? follow(&c, path, file, before, e->key, e->value, &e->value)
                    : 0;
        strv_done(&c.visited);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
