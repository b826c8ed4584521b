// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "compose/balancer.h"
#include "compose/verbs/verbs.h"
#include "engine/lifecycle.h"

int scope_load(const struct compose_request *r, struct scope *ret, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    const char *named = global_text(r, "project-name");
    int result = verb_project(r, NULL, &ret->project, &mine);
    bool without = result < 0 && named && mine->kind == ERROR_NOT_FOUND;
    if (result < 0 && !without) {
        return error_move(err, &mine, result);
    }
    ret->name = xstrdup(ret->project ? ret->project->name : named);
    return members_load(&r->engine, ret->name, &ret->members, err);
}

void scope_done(struct scope *s)
{
    project_free(s->project);
    free(s->name);
    members_done(&s->members);
}

static bool scope_has(const struct scope *s, const char *service)
{
    if (s->project && (node_at(s->project->model, "services", service, NULL) ||
                       node_get(s->project->disabled, service))) {
        return true;
    }
    for (size_t i = 0; i < s->members.count; i++) {
        if (str_equal(s->members.items[i].service, service)) {
            return true;
        }
    }
    return false;
}

int scope_check(const struct scope *s, const struct strv *names, struct error **err)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!scope_has(s, names->items[i])) {
            return s->project
                       ? verb_check_services(s->project, names, err)
                       : error_set(err, ERROR_NOT_FOUND, 0, "project '%s' has no service '%s'",
                                   s->name, names->items[i]);
        }
    }
    return 0;
}

void verb_add_with_needs(const struct project *p, const char *name, bool deps, struct strv *ret)
{
    const struct node *service = node_at(p->model, "services", name, NULL);
    const struct node *all = node_get(service, "depends_on");
    if (!service || strv_contains(ret, name)) {
        return;
    }
    for (size_t i = 0; deps && all && i < all->count; i++) {
        verb_add_with_needs(p, all->entries[i].key, deps, ret);
    }
    strv_add(ret, name);
}

int scope_container(const struct scope *s, const char *service, int64_t index,
                    const struct member **ret, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    strv_add(&names, service);
    int r = scope_check(s, &names, err);
    if (r < 0) {
        return r;
    }
    *ret = member_find(&s->members, service, (int)index);
    if (*ret) {
        return 0;
    }
    r = index ? error_set(err, ERROR_NOT_FOUND, 0, "service '%s' has no container %lld", service,
                          (long long)index)
              : error_set(err, ERROR_NOT_FOUND, 0, "service '%s' has no container", service);
    return error_hint(err, r, "cloison compose up -d %s", service);
}

int project_lock(const struct compose_request *r, const char *name, struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/compose-locks", r->engine.run_dir);
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    int result = mkdir_all(folder, 0700, err);
    if (result < 0) {
        return result;
    }
    int fd = lock_file(AT_FDCWD, path, LOCK_EXCLUSIVE, false, NULL);
    if (fd == -EWOULDBLOCK) {
        fprintf(stderr, "%s: another command changes project '%s': waiting for it\n",
                error_program(), name);
        fd = lock_file(AT_FDCWD, path, LOCK_EXCLUSIVE, true, err);
    } else if (fd < 0) {
        fd = lock_file(AT_FDCWD, path, LOCK_EXCLUSIVE, false, err);
    }
    return fd;
}

int verb_crew_style(const struct compose_request *r, struct crew *crew, struct error **err)
{
    static const char *const kinds[] = {[CREW_AUTO] = "auto",
                                        [CREW_TERMINAL] = "tty",
                                        [CREW_PLAIN] = "plain",
                                        [CREW_JSON] = "json"};
    const char *kind = str_or(global_text(r, "progress"), "auto");
    const char *ansi = str_or(global_text(r, "ansi"), "auto");
    int64_t limit = global_integer(r, "parallel", 0);
    if (!str_equal(ansi, "auto") && !str_equal(ansi, "always") && !str_equal(ansi, "never")) {
        return error_set(err, ERROR_USAGE, 0, "--ansi: '%s' is none of auto, always, never", ansi);
    }
    crew->style = str_equal(ansi, "never")    ? CREW_PLAIN
                  : str_equal(ansi, "always") ? CREW_TERMINAL
                                              : CREW_AUTO;
    crew->limit = limit < 0 ? INT_MAX : limit > 0 ? (int)limit : crew->limit;
    if (str_equal(kind, "quiet")) {
        crew->quiet = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (str_equal(kind, kinds[i])) {
            crew->style = i == CREW_AUTO ? crew->style : (enum crew_style)i;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE, 0,
                     "--progress: '%s' is none of auto, tty, plain, json, quiet", kind);
}

int asked_timeout(const struct compose_request *r)
{
    return (int)asked_integer(r, "timeout", STOP_TIMEOUT_OWN);
}

void tell_resource(void *context, const char *what, const char *name, const char *word)
{
    const struct crew *crew = context; /* NULL: plainly */
    if (crew && crew->quiet) {
        return;
    }
    if (crew && crew->style == CREW_JSON) {
        fprintf(stderr, "{\"id\":\"%s %s\",\"status\":\"Done\",\"text\":\"%s\"}\n", what, name,
                word);
    } else {
        fprintf(stderr, " %s %s  %s\n", what, name, word);
    }
}

/* Whether the container's service needs the other's, by its label "db:service_started:false,…". */
static bool needs(const struct member *m, const char *other)
{
    const char *text = container_label(m->container, LABEL "depends_on");
    CLEANUP(strv) struct strv parts = {0};
    if (text && *text) {
        strv_split(&parts, text, ',');
    }
    for (size_t i = 0; i < parts.count; i++) {
        size_t n = strcspn(parts.items[i], ":");
        if (strlen(other) == n && strncmp(parts.items[i], other, n) == 0) {
            return true;
        }
    }
    return false;
}

static void add_orders(struct crew *crew, const struct member **chosen, bool reverse)
{
    for (size_t i = 0; i < crew->count; i++) {
        for (size_t k = 0; k < crew->count; k++) {
            if (i != k && needs(chosen[i], chosen[k]->service)) {
                crew_needs(crew, reverse ? k : i, reverse ? i : k);
            }
        }
    }
}

int on_each_member(const struct compose_request *r, const struct scope *s, const struct strv *names,
                   const struct each_member *each, struct error **err)
{
    CLEANUP(crew) struct crew crew = {0};
    CLEANUP(operations) struct operations operations = {0};
    CLEANUP(free) const struct member **chosen = xcalloc(s->members.count + 1, sizeof(*chosen));
    int result = verb_crew_style(r, &crew, err);
    if (result == 0) {
        result = scope_check(s, names, err);
    }
    for (size_t i = 0; i < s->members.count && result == 0; i++) {
        const struct member *m = &s->members.items[i];
        if (!is_asked_for(names, m->service) || (m->one_off && !each->one_off) ||
            (each->wanted && !each->wanted(m))) {
            continue;
        }
        struct operation *o = operations_add(&operations, &each->like);
        o->engine = &r->engine;
        o->project = s->project && node_at(s->project->model, "services", m->service, NULL)
                         ? s->project
                         : NULL;
        o->cloison = r->cloison;
        o->service = m->service;
        o->name = xstrdup(m->container->name);
        o->old = xstrdup(m->container->id);
        chosen[crew.count] = m;
        (void)crew_add(&crew, str_format("Container %s", o->name), each->doing, each->done,
                       each->run, o);
    }
    add_orders(&crew, chosen, each->reverse);
    if (result == 0) {
        result = crew_run(&crew, err);
    }
    bool balanced = s->project && node_at(s->project->model, "services", BALANCER_SERVICE, NULL);
    return result == 0 && balanced && crew.count > 0 ? balancer_load(&r->engine, s->project, err)
                                                     : result;
}
