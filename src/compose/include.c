// SPDX-License-Identifier: Apache-2.0
/* compose-spec 14-include.md: other projects' files, with folders and .env files of their own; what
 * they define is copied, and may not be defined otherwise here. */
#include "compose/load.h"
#include "compose/merge.h"

#define INCLUDES_MAX 20 /* deep */

static int copy_section(struct loader *l, struct node *file, const struct node *included,
                        const char *section, struct error **err)
{
    struct arena *a = l->project->arena;
    const struct node *from = node_get(included, section);
    struct node *to = node_get(file, section);
    if (!from) {
        return 0;
    }
    if (!to) {
        to = node_new(a, NODE_MAP, from);
        node_set(a, file, section, to);
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct node *there = node_get(to, from->entries[i].key);
        if (there && !node_equal(there, from->entries[i].value)) {
            return node_error(there, err, "%s.%s is also defined, otherwise, by the included '%s'",
                              section, from->entries[i].key,
                              str_or(from->entries[i].value->file, from->file));
        }
        node_set(a, to, from->entries[i].key, from->entries[i].value);
    }
    return 0;
}

static int own_environment(struct loader *l, const struct node *item, const char *directory,
                           struct environment *e, struct error **err)
{
    struct load_options o = {0};
    const struct node *files = node_get(item, "env_file");
    environment_init(e);
    e->no_process = l->environment->no_process;
    int r = 0;
    for (size_t i = 0; files && i < files->count; i++) {
        strv_add_take(&o.env_files, absolute_path(l->directory, files->items[i]->text));
    }
    /* The including project's variables win over those of the included one's files. */
    r = find_environment(&o, directory, e, err);
    json_object_update(e->values, l->environment->values);
    strv_done(&o.env_files);
    return r;
}

static int include_one(struct loader *l, const struct node *item, struct node *file,
                       struct error **err)
{
    static const char *const sections[] = {"services", "networks", "volumes", "configs", "secrets"};
    const struct node *paths = node_get(item, "path");
    CLEANUP(strv) struct strv files = {0};
    CLEANUP(environment) struct environment environment = {0};
    if (node_is_empty(paths)) {
        return node_error(item, err, "'include' needs a 'path'");
    }
    for (size_t i = 0; i < paths->count; i++) {
        strv_add_take(&files, absolute_path(l->directory, paths->items[i]->text));
    }
    const char *named = node_text(item, "project_directory");
    CLEANUP(free)
    char *directory = named ? absolute_path(l->directory, named) : folder_of(files.items[0]);
    struct loader inner = *l;
    struct node *included = NULL;
    int r = own_environment(l, item, directory, &environment, err);
    inner.directory = arena_strdup(l->project->arena, directory);
    inner.environment = &environment;
    inner.depth++;
    if (r == 0) {
        r = load_files(&inner, &files, &included, err);
    }
    if (r < 0) {
        return error_wrap(err, r, "%s:%d: including", item->file, item->line);
    }
    for (size_t i = 0; i < ARRAY_SIZE(sections) && r == 0; i++) {
        r = copy_section(l, file, included, sections[i], err);
    }
    return r;
}

int include_resolve(struct loader *l, struct node **file, struct error **err)
{
    const struct node *include = node_get(*file, "include");
    if (!include) {
        return 0;
    }
    if (l->depth >= INCLUDES_MAX) {
        return node_error(include, err, "includes are more than %d deep", INCLUDES_MAX);
    }
    node_remove(*file, "include");
    for (size_t i = 0; i < include->count; i++) {
        int r = include_one(l, include->items[i], *file, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
