// SPDX-License-Identifier: Apache-2.0
/* `compose up`, `create`, `scale`: images first, so that one that does not exist changes nothing;
 * then networks and volumes; then the containers, each as soon as what it needs is there. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "compose/balancer.h"
#include "compose/reconcile.h"
#include "compose/resources.h"
#include "compose/roll.h"
#include "compose/translate.h"
#include "compose/verbs/verbs.h"
#include "engine/lifecycle.h"

/* "web=3", into {"web": 3} */
static int parse_scale(const struct project *p, const struct strv *texts, json_t *ret,
                       struct error **err)
{
    for (size_t i = 0; i < texts->count; i++) {
        const char *equals = strchr(texts->items[i], '=');
        CLEANUP(strv) struct strv name = {0};
        int64_t n = 0;
        if (!equals || str_to_i64(equals + 1, 10, &n) < 0 || n < 0 || n > 1000) {
            return error_set(err, ERROR_USAGE, 0, "'%s' is not SERVICE=NUMBER", texts->items[i]);
        }
        strv_add_take(&name, xstrndup(texts->items[i], (size_t)(equals - texts->items[i])));
        int r = verb_check_services(p, &name, err);
        if (r < 0) {
            return r;
        }
        if (n > 1 && node_at(p->model, "services", name.items[0], "container_name", NULL)) {
            return error_set(err, ERROR_USAGE, 0,
                             "service '%s' has a 'container_name': it cannot have %lld containers",
                             name.items[0], (long long)n);
        }
        json_object_set_new(ret, name.items[0], json_integer(n));
    }
    return 0;
}

/* Those named and what they need, or all; in starting order. */
static int choose_services(const struct project *p, const struct strv *names, bool deps,
                           struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv order = project_order(p), wanted = {0};
    int r = verb_check_services(p, names, err);
    for (size_t i = 0; i < names->count && r == 0; i++) {
        const struct node *service = node_at(p->model, "services", names->items[i], NULL);
        verb_add_with_needs(p, names->items[i], deps, &wanted);
        if (deps && balancer_serves(service)) {
            verb_add_with_needs(p, BALANCER_SERVICE, false, &wanted);
        }
    }
    for (size_t i = 0; i < order.count && r == 0; i++) {
        if (names->count == 0 || strv_contains(&wanted, order.items[i])) {
            strv_add(ret, order.items[i]);
        }
    }
    return r;
}

static void warn_of_orphans(const struct project *p, const struct members *m)
{
    CLEANUP(strbuf) struct strbuf list = {0};
    for (size_t i = 0; i < m->count; i++) {
        if (!m->items[i].one_off && !node_at(p->model, "services", m->items[i].service, NULL) &&
            !node_get(p->disabled, m->items[i].service)) {
            strbuf_addf(&list, "%s%s", list.len ? ", " : "", m->items[i].container->name);
        }
    }
    if (list.len) {
        fprintf(stderr, "%s: of no service of the file (--remove-orphans removes them): %s\n",
                error_program(), list.data);
    }
}

static int check_exclusive(const struct compose_request *r, struct error **err)
{
    static const char *const pairs[][2] = {{"build", "no-build"},
                                           {"detach", "abort-on-container-exit"},
                                           {"force-recreate", "no-recreate"},
                                           {"wait", "abort-on-container-exit"},
                                           {"no-start", "wait"},
                                           {"detach", "watch"},
                                           {"wait", "watch"},
                                           {"no-start", "watch"},
                                           {"abort-on-container-exit", "watch"},
                                           {"detach", "abort-on-container-failure"},
                                           {"wait", "abort-on-container-failure"},
                                           {"abort-on-container-failure", "watch"},
                                           {"no-recreate", "always-recreate-deps"}};
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (asked_flag(r, pairs[i][0]) && asked_flag(r, pairs[i][1])) {
            return error_set(err, ERROR_USAGE, 0, "--%s and --%s exclude each other", pairs[i][0],
                             pairs[i][1]);
        }
    }
    return 0;
}

struct bringing_up {
    struct project *project;
    struct members members;
    struct reconcile work;
    json_t *scale, *images;
    struct strv attach, no_attach; /* services whose logs are followed; none: all */
};

static void bringing_up_cleanup(struct bringing_up *u)
{
    reconcile_done(&u->work);
    members_done(&u->members);
    project_free(u->project);
    json_decref(u->scale);
    json_decref(u->images);
    strv_done(&u->attach);
    strv_done(&u->no_attach);
}

static void fill_in(const struct compose_request *r, struct bringing_up *u, bool no_start)
{
    struct reconcile *w = &u->work;
    w->engine = &r->engine;
    w->project = u->project;
    w->cloison = r->cloison;
    w->members = &u->members;
    w->scale = u->scale;
    w->images = u->images;
    w->recreate = asked_flag(r, "force-recreate") ? RECREATE_ALWAYS
                  : asked_flag(r, "no-recreate")  ? RECREATE_NEVER
                                                  : RECREATE_CHANGED;
    w->recreate_needs = asked_flag(r, "always-recreate-deps") ? &r->arguments : NULL;
    w->timeout_s = asked_timeout(r);
    w->no_start = no_start;
    w->renew_anonymous = asked_flag(r, "renew-anon-volumes");
    w->remove_orphans = asked_flag(r, "remove-orphans");
    w->wait = asked_flag(r, "wait");
    w->wait_s = (int)asked_integer(r, "wait-timeout", 0);
}

/* What an `up` that was killed left half made goes first. */
static int load_settled(const struct compose_request *r, struct bringing_up *u, struct error **err)
{
    int result = members_load(&r->engine, u->project->name, &u->members, err);
    bool settled = true;
    for (size_t i = 0; result == 0 && i < u->members.count; i++) {
        if (u->members.items[i].container->fresh) {
            container_settle(&r->engine, u->members.items[i].container->id);
            settled = false;
        }
    }
    if (result == 0 && !settled) {
        members_done(&u->members);
        result = members_load(&r->engine, u->project->name, &u->members, err);
    }
    return result;
}

/* Before the tasks: the balancer has a configuration to start with, and what is to be removed gets
 * no more requests. */
static int let_surplus_leave(const struct compose_request *r, const struct bringing_up *u,
                             struct error **err)
{
    int result = 0;
    for (size_t i = 0; i < u->work.crew.count && result == 0; i++) {
        const struct crew_task *t = &u->work.crew.tasks[i];
        const struct operation *o = t->argument;
        CLEANUP(container) struct container *c = NULL;
        if (t->run == op_remove && container_load(&r->engine, o->old, &c, NULL) == 0) {
            result = container_let_leave(&r->engine, c, err);
        }
    }
    return result < 0 ? result : balancer_load(&r->engine, u->project, err);
}

/* The services that options name. */
static int check_named(const struct compose_request *r, const struct bringing_up *u,
                       struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    const char *from = asked_text(r, "exit-code-from");
    strv_add_all(&names, u->attach.items);
    strv_add_all(&names, u->no_attach.items);
    if (from) {
        strv_add(&names, from);
    }
    return verb_check_services(u->project, &names, err);
}

/* The lock's file has a byte while an `up` is under way. True: the one before was killed, or has
 * failed. */
static bool mark_begun(int lock)
{
    struct stat st;
    bool unended = fstat(lock, &st) == 0 && st.st_size > 0;
    IGNORE(ftruncate(lock, 1) < 0); /* without it, the next `up` trusts what it finds */
    return unended;
}

static int carry_out(const struct compose_request *r, struct bringing_up *u, int lock,
                     struct error **err)
{
    bool balanced = node_at(u->project->model, "services", BALANCER_SERVICE, NULL);
    int result = balanced ? let_surplus_leave(r, u, err) : 0;
    if (result == 0) {
        result = crew_run(&u->work.crew, err);
    }
    if (result == 0 && balanced) {
        result = balancer_load(&r->engine, u->project, err);
    }
    if (result == 0) {
        IGNORE(ftruncate(lock, 0) < 0); /* else the next one looks twice */
    }
    return result;
}

static int bring_up(const struct compose_request *r, struct bringing_up *u,
                    const struct strv *names, const struct strv *scale, bool no_start,
                    struct error **err)
{
    struct resource_work w = {&r->engine, tell_resource, &u->work.crew};
    u->scale = json_object();
    u->images = json_object();
    int result = verb_crew_style(r, &u->work.crew, err);
    if (result == 0) {
        result = verb_project(r, names, &u->project, err);
    }
    if (result == 0 && asked_flag(r, "watch")) {
        result = watch_check(u->project, names, err);
    }
    if (result == 0) {
        result = check_named(r, u, err);
    }
    if (result == 0) {
        result = parse_scale(u->project, scale, u->scale, err);
    }
    if (result == 0) {
        result =
            choose_services(u->project, names, !asked_flag(r, "no-deps"), &u->work.services, err);
    }
    if (result < 0) {
        return result;
    }
    CLEANUP(fd) int lock = project_lock(r, u->project->name, err);
    u->work.unsure = lock >= 0 && mark_begun(lock);
    result = lock < 0 ? lock : verb_ensure_images(r, u->project, &u->work.services, u->images, err);
    if (result == 0) {
        result = resources_create(&w, u->project, err);
    }
    if (result == 0) {
        result = load_settled(r, u, err);
    }
    if (result < 0) {
        return result;
    }
    fill_in(r, u, no_start);
    if (!u->work.remove_orphans) {
        warn_of_orphans(u->project, &u->members);
    }
    reconcile_plan(&u->work);
    return carry_out(r, u, lock, err);
}

static volatile sig_atomic_t interrupted;
static void note_interrupt(int signal_number)
{
    interrupted = 1;
}

static bool is_attached(const struct bringing_up *u, const struct member *m)
{
    const struct node *attach = node_at(u->project->model, "services", m->service, "attach", NULL);
    if (!strv_contains(&u->work.services, m->service) || m->one_off ||
        strv_contains(&u->no_attach, m->service)) {
        return false;
    }
    return u->attach.count > 0 ? strv_contains(&u->attach, m->service) : !attach || attach->boolean;
}

static void choose_attached(const struct bringing_up *u, const struct scope *s, struct follow *f,
                            const struct member **chosen)
{
    f->count = 0;
    for (size_t i = 0; i < s->members.count; i++) {
        if (is_attached(u, &s->members.items[i])) {
            chosen[f->count++] = &s->members.items[i];
        }
    }
}

/* Once, or with --watch again and again, as containers are made anew: until Ctrl-C. */
static int follow_all(const struct compose_request *r, const struct bringing_up *u, struct scope *s,
                      struct follow *f, struct error **err)
{
    CLEANUP(strv) struct strv known = {0};
    int result;
    f->known = &known;
    do {
        char bytes[64];
        members_done(&s->members);
        result = members_load(&r->engine, s->name, &s->members, err);
        free(f->members);
        f->members = xcalloc(s->members.count + 1, sizeof(*f->members));
        if (result == 0) {
            choose_attached(u, s, f, f->members);
            result = logs_follow(f, err);
        }
        for (size_t i = 0; i < f->count; i++) {
            strv_add(&known, f->members[i]->container->id);
        }
        (void)clock_gettime(CLOCK_REALTIME, &f->since); /* what was printed is not again */
        IGNORE(f->wake_fd >= 0 && !interrupted && read(f->wake_fd, bytes, sizeof(bytes)) < 0);
    } while (f->wake_fd >= 0 && result == 0 && !interrupted);
    f->known = NULL;
    return result;
}

/* All of them, in reverse; the exit status is that of --exit-code-from, or the first that ended. */
static int stop_all(const struct compose_request *r, struct scope *s, const struct follow *f,
                    struct error **err)
{
    struct each_member each = {.run = op_stop,
                               .doing = "Stopping",
                               .done = "Stopped",
                               .reverse = true,
                               .like = {.timeout_s = asked_timeout(r)}};
    CLEANUP(strv) struct strv none = {0};
    int result = on_each_member(r, s, &none, &each, err);
    const char *from = asked_text(r, "exit-code-from");
    const struct member *whose = from            ? member_find(&s->members, from, 0)
                                 : f->ended >= 0 ? f->members[f->ended]
                                                 : NULL;
    int code = 0;
    if (result == 0 && whose && (f->stop_on_exit || f->stop_on_failure) && (from || !interrupted)) {
        result = engine_wait(&r->engine, whose->container->id, &code, err);
    }
    return result < 0 ? result : interrupted && !from ? 130 : code;
}

/* In the foreground: the logs until all have ended, or Ctrl-C; then all are stopped. */
static int stay(const struct compose_request *r, struct bringing_up *u, struct error **err)
{
    CLEANUP(scope) struct scope s = {.name = xstrdup(u->project->name)};
    int wake[2] = {-1, -1};
    pid_t watcher = -1;
    struct follow f = {.engine = &r->engine,
                       .follow = true,
                       .tail = -1,
                       .timestamps = asked_flag(r, "timestamps"),
                       .no_color = asked_flag(r, "no-color"),
                       .no_prefix = asked_flag(r, "no-log-prefix"),
                       .stop_on_exit = asked_flag(r, "abort-on-container-exit") ||
                                       asked_text(r, "exit-code-from"),
                       .stop_on_failure = asked_flag(r, "abort-on-container-failure"),
                       .ended = -1,
                       .wake_fd = -1};
    struct sigaction once = {.sa_handler = note_interrupt, .sa_flags = SA_RESETHAND};
    if (asked_flag(r, "watch")) {
        if (pipe2(wake, O_CLOEXEC) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
        }
        watcher = watch_beside(r, u->project, wake[1], err);
        f.wake_fd = wake[0];
        fd_close(wake[1]);
    }
    (void)sigaction(SIGINT, &once, NULL);
    (void)sigaction(SIGTERM, &once, NULL);
    int result =
        asked_flag(r, "watch") && watcher < 0 ? (int)watcher : follow_all(r, u, &s, &f, err);
    if (watcher > 0) {
        (void)kill(watcher, SIGTERM);
        (void)waitpid(watcher, NULL, 0);
    }
    if (result == 0 && (interrupted || f.stop_on_exit || f.ended >= 0)) {
        result = stop_all(r, &s, &f, err);
    }
    fd_close(wake[0]);
    free(f.members);
    return result;
}

/* Whose logs: those named behind `up`, unless the options say more or less. */
static void ask_attached(const struct compose_request *r, struct bringing_up *u)
{
    asked_list(r, "attach", &u->attach);
    asked_list(r, "no-attach", &u->no_attach);
    if (u->attach.count == 0 && !asked_flag(r, "attach-dependencies")) {
        strv_add_all(&u->attach, r->arguments.items);
    }
}

int verb_up(const struct compose_request *r, struct error **err)
{
    CLEANUP(bringing_up) struct bringing_up u = {0};
    CLEANUP(strv) struct strv scale = {0};
    asked_list(r, "scale", &scale);
    ask_attached(r, &u);
    int result = check_exclusive(r, err);
    if (result == 0) {
        result = bring_up(r, &u, &r->arguments, &scale, asked_flag(r, "no-start"), err);
    }
    bool background = asked_flag(r, "detach") || asked_flag(r, "wait") || asked_flag(r, "no-start");
    return result < 0 || background ? result : stay(r, &u, err);
}

int verb_create(const struct compose_request *r, struct error **err)
{
    CLEANUP(bringing_up) struct bringing_up u = {0};
    CLEANUP(strv) struct strv scale = {0};
    asked_list(r, "scale", &scale);
    return bring_up(r, &u, &r->arguments, &scale, true, err);
}

/* `compose scale web=3 db=1` */
int verb_scale(const struct compose_request *r, struct error **err)
{
    CLEANUP(bringing_up) struct bringing_up u = {0};
    CLEANUP(strv) struct strv names = {0};
    for (size_t i = 0; i < r->arguments.count; i++) {
        strv_add_take(&names, xstrndup(r->arguments.items[i], strcspn(r->arguments.items[i], "=")));
    }
    return bring_up(r, &u, &names, &r->arguments, false, err);
}
