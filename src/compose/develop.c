// SPDX-License-Identifier: Apache-2.0
#include "compose/develop.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define IGNORE_BYTES_MAX (1u << 20)

/* What nobody means: version control, and what editors leave beside the file that they write. */
static const char *const never_meant[] = {"**/.git", "**/*~",  "**/.*.sw?", "**/.*.sw??",
                                          "**/4913", "**/.#*", "**/#*#",    "**/.DS_Store"};

static int add_patterns(struct ignore *to, const struct node *list, struct error **err)
{
    int r = 0;
    for (size_t i = 0; list && i < list->count && r == 0; i++) {
        r = ignore_add(to, list->items[i]->text, err);
        r = r < 0 ? error_wrap(err, r, "%s:%d:%d", str_or(list->items[i]->file, "?"),
                               list->items[i]->line, list->items[i]->column)
                  : 0;
    }
    return r;
}

/* The patterns of the build context, where the rule's path is that folder. */
static int add_dockerignore(struct watch_rule *r, const struct node *service, struct error **err)
{
    const char *context = node_text(node_get(service, "build"), "context");
    CLEANUP(free) char *path = str_format("%s/.dockerignore", str_or(context, ""));
    CLEANUP(free) char *text = NULL;
    struct ignore more = {0};
    if (!context || !str_equal(context, r->path) ||
        file_read(AT_FDCWD, path, IGNORE_BYTES_MAX, &text, NULL, NULL) < 0) {
        return 0;
    }
    int result = ignore_parse(path, text, &more, err);
    for (size_t i = 0; i < more.count && result == 0; i++) {
        CLEANUP(free)
        char *one = str_format("%s%s", more.items[i].back ? "!" : "", more.items[i].text);
        result = ignore_add(&r->ignored, one, err);
    }
    ignore_done(&more);
    return result;
}

static int check(const struct watch_rule *r, const struct node *service, struct error **err)
{
    if (!r->action || !r->path) {
        return node_error(r->at, err, "a rule of 'watch' needs an 'action' and a 'path'");
    }
    if (watch_rule_syncs(r) && !r->target) {
        return node_error(r->at, err, "action '%s' needs a 'target'", r->action);
    }
    if (str_equal(r->action, "sync+exec") && !node_get(r->exec, "command")) {
        return node_error(r->at, err, "action 'sync+exec' needs 'exec' with a 'command'");
    }
    if (str_equal(r->action, "rebuild") && !node_get(service, "build")) {
        return node_error(r->at, err, "action 'rebuild' needs a service with a 'build'");
    }
    struct stat st;
    return stat(r->path, &st) < 0
               ? node_error(r->at, err, "watching '%s': %s", r->path, strerror(errno))
               : 0;
}

static int load_rule(const char *name, const struct node *service, const struct node *at,
                     struct watch_rule *r, struct error **err)
{
    *r = (struct watch_rule){.service = name,
                             .action = node_text(at, "action"),
                             .path = node_text(at, "path"),
                             .target = node_text(at, "target"),
                             .exec = node_get(at, "exec"),
                             .at = at,
                             .initial_sync = node_true(at, "initial_sync")};
    int result = check(r, service, err);
    for (size_t i = 0; i < ARRAY_SIZE(never_meant) && result == 0; i++) {
        result = ignore_add(&r->ignored, never_meant[i], err);
    }
    if (result == 0) {
        result = add_dockerignore(r, service, err);
    }
    if (result == 0) {
        result = add_patterns(&r->ignored, node_get(at, "ignore"), err);
    }
    return result < 0 ? result : add_patterns(&r->included, node_get(at, "include"), err);
}

int watch_rules_load(const struct project *p, const struct strv *services, struct watch_rules *ret,
                     struct error **err)
{
    const struct node *all = node_get(p->model, "services");
    *ret = (struct watch_rules){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct node *rules = node_at(all->entries[i].value, "develop", "watch", NULL);
        if (!rules || (services->count && !strv_contains(services, all->entries[i].key))) {
            continue;
        }
        ret->items = xrealloc(ret->items, (ret->count + rules->count) * sizeof(*ret->items));
        for (size_t k = 0; k < rules->count; k++) {
            int r = load_rule(all->entries[i].key, all->entries[i].value, rules->items[k],
                              &ret->items[ret->count++], err);
            if (r < 0) {
                return r;
            }
        }
    }
    return ret->count ? 0
                      : error_set(err, ERROR_USAGE, 0,
                                  "no service has 'develop.watch': there is nothing to watch");
}

void watch_rules_done(struct watch_rules *r)
{
    for (size_t i = 0; i < r->count; i++) {
        ignore_done(&r->items[i].ignored);
        ignore_done(&r->items[i].included);
    }
    free(r->items);
    *r = (struct watch_rules){0};
}

bool watch_rule_syncs(const struct watch_rule *r)
{
    return str_starts(r->action, "sync");
}

/* With the verdicts on the folders above. */
static bool is_taken(const struct ignore *i, const char *path)
{
    bool taken = false;
    CLEANUP(free) char *part = xstrdup(path);
    for (char *slash = part; *slash; slash++) {
        if (*slash == '/') {
            *slash = '\0';
            taken = ignore_takes(i, part, taken);
            *slash = '/';
        }
    }
    return ignore_takes(i, part, taken);
}

static const char *behind(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (!str_starts(path, folder) || (path[n] && path[n] != '/' && !str_equal(folder, "/"))) {
        return NULL;
    }
    return path + n + strspn(path + n, "/");
}

const char *watch_rule_takes(const struct watch_rule *r, const char *path)
{
    const char *rest = behind(path, r->path);
    if (!rest || !*rest) {
        return rest;
    }
    return is_taken(&r->ignored, rest) || (r->included.count && !is_taken(&r->included, rest))
               ? NULL
               : rest;
}

bool watch_rules_pass_over(const struct watch_rules *r, const char *folder)
{
    for (size_t i = 0; i < r->count; i++) {
        const char *rest = behind(folder, r->items[i].path);
        if (behind(r->items[i].path, folder) ||
            (rest && (!is_taken(&r->items[i].ignored, rest) ||
                      ignore_may_take_back(&r->items[i].ignored, rest)))) {
            return false;
        }
    }
    return true;
}
