// SPDX-License-Identifier: Apache-2.0
/* `compose watch` and `up --watch`: what `develop.watch` asks for when files change. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "compose/changes.h"
#include "compose/hooks.h"
#include "compose/sync.h"
#include "compose/verbs/verbs.h"
#include "engine/lifecycle.h"

#define QUIET_MS 200 /* one change of a user's is several of the files' */

struct watcher {
    const struct compose_request *request;
    const struct project *project;
    struct watch_rules rules;
    struct changes changes;
    int wake_fd; /* a byte tells of new containers; -1: nobody */
};

/* `up -d --no-deps SERVICE…` by a process of its own; --build when `build` says so. */
static int bring_up_anew(const struct watcher *w, const struct strv *services, bool build,
                         struct error **err)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "starting a process");
    }
    if (pid == 0) {
        struct error *mine = NULL;
        struct compose_request r = *w->request;
        r.json = json_deep_copy(w->request->json);
        json_object_set_new(
            r.json, "options",
            json_pack("{s:b,s:b,s:b}", "detach", 1, "build", build, "no-deps", build));
        r.arguments = *services;
        int result = verb_up(&r, &mine);
        if (result < 0) {
            error_print(mine, stderr);
        }
        (void)fflush(NULL);
        _exit(result == 0 ? 0 : 1);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (w->wake_fd >= 0) {
        IGNORE(write_all(w->wake_fd, "", 1) < 0); /* the logs' reader may have ended */
    }
    return status == 0 ? 0 : error_set(err, ERROR_INTERNAL, 0, "bringing it up failed");
}

static int restart(const struct watcher *w, const char *service, struct error **err)
{
    struct each_member each = {.run = op_restart,
                               .doing = "Restarting",
                               .done = "Started",
                               .like = {.timeout_s = STOP_TIMEOUT_OWN}};
    CLEANUP(scope) struct scope s = {.name = xstrdup(w->project->name)};
    CLEANUP(strv) struct strv name = {0};
    strv_add(&name, service);
    int r = members_load(&w->request->engine, s.name, &s.members, err);
    return r < 0 ? r : on_each_member(w->request, &s, &name, &each, err);
}

static int exec_there(const struct watcher *w, const struct watch_rule *rule, const char *container,
                      struct error **err)
{
    struct node *list = node_new(w->project->arena, NODE_LIST, rule->at);
    node_append(w->project->arena, list, node_copy(w->project->arena, rule->exec));
    return hooks_run(&w->request->engine, w->request->cloison, list, container, err);
}

/* What the rule wants of these paths in each container of its service. */
static int sync_rule(const struct watcher *w, const struct watch_rule *rule,
                     const struct strv *paths, struct error **err)
{
    CLEANUP(sync) struct sync_work work = {0};
    CLEANUP(members) struct members m = {0};
    for (size_t i = 0; i < paths->count; i++) {
        const char *rest = watch_rule_takes(rule, paths->items[i]);
        if (rest) {
            sync_add(&work, rule, paths->items[i], rest);
        }
    }
    int r = members_load(&w->request->engine, w->project->name, &m, err);
    for (size_t i = 0; i < m.count && r == 0; i++) {
        const struct member *one = &m.items[i];
        if (!str_equal(one->service, rule->service) || one->one_off ||
            one->container->status != CONTAINER_RUNNING) {
            continue;
        }
        r = sync_run(&w->request->engine, w->request->cloison, &work, one->container->name, err);
        if (r == 0 && str_equal(rule->action, "sync+exec")) {
            r = exec_there(w, rule, one->container->name, err);
        }
    }
    if (r == 0) {
        fprintf(stderr, "%s: %s: %zu changed, %zu gone: synced\n", error_program(), rule->service,
                work.from.count, work.gone.count);
    }
    return r;
}

static bool concerns(const struct watch_rule *rule, const struct strv *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (watch_rule_takes(rule, paths->items[i])) {
            return true;
        }
    }
    return false;
}

/* The rules of one service, `from` to before `to`: building anew makes all else needless; one
 * restart is enough. */
static int answer(const struct watcher *w, size_t from, size_t to, const struct strv *paths,
                  struct error **err)
{
    const char *service = w->rules.items[from].service;
    bool restarts = false;
    int r = 0;
    for (size_t i = from; i < to; i++) {
        if (str_equal(w->rules.items[i].action, "rebuild") && concerns(&w->rules.items[i], paths)) {
            CLEANUP(strv) struct strv name = {0};
            strv_add(&name, service);
            fprintf(stderr, "%s: %s: files have changed: building\n", error_program(), service);
            return bring_up_anew(w, &name, true, err);
        }
    }
    for (size_t i = from; i < to && r == 0; i++) {
        const struct watch_rule *rule = &w->rules.items[i];
        if (concerns(rule, paths)) {
            restarts = restarts || strstr(rule->action, "restart");
            r = watch_rule_syncs(rule) ? sync_rule(w, rule, paths, err) : 0;
        }
    }
    return r == 0 && restarts ? restart(w, service, err) : r;
}

/* A failure is told, and the next change may mend it. */
static void answer_all(const struct watcher *w, const struct strv *paths)
{
    for (size_t from = 0, to; from < w->rules.count; from = to) {
        CLEANUP(error) struct error *err = NULL;
        for (to = from + 1;
             to < w->rules.count && w->rules.items[to].service == w->rules.items[from].service;
             to++) {
        }
        if (answer(w, from, to, paths, &err) < 0) {
            error_print(err, stderr);
        }
    }
}

static int sync_first(const struct watcher *w, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < w->rules.count && r == 0; i++) {
        CLEANUP(strv) struct strv all = {0};
        if (w->rules.items[i].initial_sync && watch_rule_syncs(&w->rules.items[i])) {
            changes_list(&w->changes, w->rules.items[i].path, &all);
            r = sync_rule(w, &w->rules.items[i], &all, err);
        }
    }
    return r;
}

int watch_check(const struct project *p, const struct strv *services, struct error **err)
{
    CLEANUP(watch_rules) struct watch_rules rules = {0};
    return watch_rules_load(p, services, &rules, err);
}

static bool pass_over(const void *rules, const char *folder)
{
    return watch_rules_pass_over(rules, folder);
}

static int open_watcher(struct watcher *w, const struct strv *services, struct error **err)
{
    int r = watch_rules_load(w->project, services, &w->rules, err);
    if (r == 0) {
        r = changes_open(&w->changes, err);
    }
    w->changes.pass_over = pass_over;
    w->changes.context = &w->rules;
    for (size_t i = 0; i < w->rules.count && r == 0; i++) {
        r = changes_watch(&w->changes, w->rules.items[i].path, err);
    }
    return r;
}

/* Until a signal ends the process. */
static int keep_watching(struct watcher *w, struct error **err)
{
    int r = sync_first(w, err);
    if (r == 0) {
        fprintf(stderr, "%s: watching for changes\n", error_program());
    }
    while (r == 0) {
        CLEANUP(strv) struct strv paths = {0};
        r = changes_wait(&w->changes, QUIET_MS, &paths, err);
        if (r == 1) {
            answer_all(w, &paths);
            r = 0;
        }
    }
    return r;
}

static void close_watcher(struct watcher *w)
{
    watch_rules_done(&w->rules);
    changes_close(&w->changes);
}

pid_t watch_beside(const struct compose_request *r, const struct project *p, int wake_fd,
                   struct error **err)
{
    struct watcher w = {.request = r, .project = p, .wake_fd = wake_fd, .changes = {.fd = -1}};
    int result = open_watcher(&w, &r->arguments, err);
    (void)fflush(NULL);
    pid_t pid = result < 0 ? -1 : fork();
    if (pid == 0) {
        struct error *mine = NULL;
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (keep_watching(&w, &mine) < 0) {
            error_print(mine, stderr);
        }
        _exit(1);
    }
    int code = errno;
    close_watcher(&w);
    return result < 0 ? result
           : pid < 0  ? error_set_errno(err, ERROR_KERNEL, code, "starting a process")
                      : pid;
}

int verb_watch(const struct compose_request *r, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    int result = verb_project(r, &r->arguments, &p, err);
    if (result == 0) {
        result = verb_check_services(p, &r->arguments, err);
    }
    struct watcher w = {.request = r, .project = p, .wake_fd = -1, .changes = {.fd = -1}};
    if (result == 0) {
        result = open_watcher(&w, &r->arguments, err);
    }
    if (result == 0 && !asked_flag(r, "no-up")) {
        result = bring_up_anew(&w, &r->arguments, false, err);
    }
    result = result < 0 ? result : keep_watching(&w, err);
    close_watcher(&w);
    return result;
}
