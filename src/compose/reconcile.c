// SPDX-License-Identifier: Apache-2.0
#include "compose/reconcile.h"

#include <string.h>

#include "base/human.h"
#include "compose/roll.h"
#include "compose/translate.h"

void reconcile_done(struct reconcile *r)
{
    crew_done(&r->crew);
    operations_done(&r->operations);
    strv_done(&r->services);
    strv_done(&r->recreated);
}

int reconcile_scale(const struct reconcile *r, const char *service)
{
    const json_t *asked = json_object_get(r->scale, service);
    const struct node *n = node_at(r->project->model, "services", service, NULL);
    return json_is_integer(asked) ? (int)json_integer_value(asked) : service_scale(n);
}

/* What each service's tasks are, for those that wait for them. */
struct span {
    size_t *tasks;
    size_t count;
};
static void span_add(struct span *s, size_t task)
{
    s->tasks = xrealloc(s->tasks, (s->count + 1) * sizeof(*s->tasks));
    s->tasks[s->count++] = task;
}

struct planner {
    struct reconcile *r;
    struct span *started; /* of each of r->services */
    struct span *ready;   /* the waiting for them to be healthy */
    struct span *completed;
};

static struct operation base_operation(const struct planner *p, const char *service, int number)
{
    struct reconcile *r = p->r;
    const struct node *n = node_at(r->project->model, "services", service, NULL);
    CLEANUP(arena) struct arena *a = arena_new();
    const char *id =
        json_string_value(json_object_get(r->images, service_image(a, r->project, service)));
    return (struct operation){.engine = r->engine,
                              .project = r->project,
                              .cloison = r->cloison,
                              .service = service,
                              .name = member_name(r->project, service, number),
                              .image_id = xstrdup(id),
                              .number = number,
                              .timeout_s = r->timeout_s,
                              .keep_anonymous = !r->renew_anonymous,
                              .no_start = r->no_start,
                              .watched = service_is_watched(n),
                              .keep_old = !r->no_start && roll_failure(n, false) == ROLL_BACK};
}

static size_t add_task(struct planner *p, const struct operation *like, const char *doing,
                       const char *done, int (*run)(const void *, struct error **))
{
    struct operation *o = operations_add(&p->r->operations, like);
    return crew_add(&p->r->crew, str_format("Container %s", o->name), doing, done, run, o);
}

static ssize_t index_of(const struct planner *p, const char *service)
{
    for (size_t i = 0; i < p->r->services.count; i++) {
        if (str_equal(p->r->services.items[i], service)) {
            return (ssize_t)i;
        }
    }
    return -1;
}

/* One task waits for each replica of `service` to come to it; made at the first asking. */
static const struct span *waiting(struct planner *p, size_t index, enum await what)
{
    struct span *s = what == AWAIT_COMPLETED ? &p->completed[index] : &p->ready[index];
    const char *service = p->r->services.items[index];
    for (size_t i = 0; s->count < p->started[index].count && i < p->started[index].count; i++) {
        const struct crew_task *of = &p->r->crew.tasks[p->started[index].tasks[i]];
        struct operation o = {.engine = p->r->engine,
                              .service = service,
                              .name = xstrdup(of->label + strlen("Container ")),
                              .await = what,
                              .await_s = p->r->wait_s};
        size_t needed = p->started[index].tasks[i];
        size_t task =
            add_task(p, &o, "Waiting", what == AWAIT_COMPLETED ? "Exited" : "Healthy", op_await);
        crew_needs(&p->r->crew, task, needed);
        span_add(s, task);
    }
    return s;
}

/* The tasks that must be done before the service's own: a list, made once a service. */
static void collect_needs(struct planner *p, const struct node *service, struct span *needs)
{
    const struct node *all = node_get(service, "depends_on");
    for (size_t i = 0; all && i < all->count; i++) {
        const char *condition = node_text(all->entries[i].value, "condition");
        ssize_t other = index_of(p, all->entries[i].key);
        if (other < 0) {
            continue;
        }
        const struct span *from = &p->started[other];
        if (!p->r->no_start && str_equal(condition, "service_healthy")) {
            from = waiting(p, (size_t)other, AWAIT_HEALTHY);
        } else if (!p->r->no_start && str_equal(condition, "service_completed_successfully")) {
            from = waiting(p, (size_t)other, AWAIT_COMPLETED);
        }
        for (size_t k = 0; k < from->count; k++) {
            span_add(needs, from->tasks[k]);
        }
    }
}

/* A namespace that it shares is another one now. */
static bool shares_with_recreated(const struct planner *p, const struct node *service)
{
    static const char *const keys[] = {"network_mode", "ipc", "pid"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *other = service_reference(service, keys[i]);
        if (other && strv_contains(&p->r->recreated, other)) {
            return true;
        }
    }
    return false;
}

/* compose-spec 05-services.md "depends_on": restart. */
static bool restarts_with_recreated(const struct planner *p, const struct node *service)
{
    const struct node *all = node_get(service, "depends_on");
    for (size_t i = 0; all && i < all->count; i++) {
        if (node_true(all->entries[i].value, "restart") &&
            strv_contains(&p->r->recreated, all->entries[i].key)) {
            return true;
        }
    }
    return false;
}

static bool has_changed(const struct planner *p, const struct member *m, const char *hash,
                        const struct node *service)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *image = json_string_value(
        json_object_get(p->r->images, service_image(a, p->r->project, m->service)));
    const struct strv *named = p->r->recreate_needs;
    if (p->r->recreate == RECREATE_ALWAYS ||
        (named && named->count > 0 && !strv_contains(named, m->service))) {
        return true;
    }
    if (p->r->recreate == RECREATE_NEVER) {
        return false;
    }
    return !str_equal(m->hash, hash) || (image && !str_equal(image, m->container->image_id)) ||
           shares_with_recreated(p, service);
}

/* One replica that is there. */
static size_t plan_existing(struct planner *p, const struct member *m, const char *hash,
                            const struct node *service, const char *own_name)
{
    const struct container *c = m->container;
    struct operation o = base_operation(p, own_name, m->number);
    o.old = xstrdup(c->id);
    if (has_changed(p, m, hash, service)) {
        if (!strv_contains(&p->r->recreated, own_name)) {
            strv_add(&p->r->recreated, own_name);
        }
        return service_rolls(service) && container_is_up(c) && !p->r->no_start
                   ? add_task(p, &o, "Updating", "Updated", op_roll)
                   : add_task(p, &o, "Recreating", "Recreated", op_recreate);
    }
    free(o.name); /* it may have been renamed by hand */
    o.name = xstrdup(c->name);
    if (p->r->no_start) {
        return add_task(p, &o, "Creating", "Created", NULL);
    }
    if (!container_is_up(c)) {
        return add_task(p, &o, "Starting", "Started", op_start);
    }
    if (restarts_with_recreated(p, service)) {
        return add_task(p, &o, "Restarting", "Started", op_restart);
    }
    bool recent = p->r->unsure && c->started && human_seconds_since(c->started) < 1;
    return add_task(p, &o, recent ? "Starting" : "Running", recent ? "Started" : "Running",
                    recent ? op_confirm : NULL);
}

static void plan_surplus(struct planner *p, const struct member *m)
{
    struct operation o = {.engine = p->r->engine,
                          .project = p->r->project,
                          .cloison = p->r->cloison,
                          .service = m->service,
                          .name = xstrdup(m->container->name),
                          .old = xstrdup(m->container->id),
                          .timeout_s = p->r->timeout_s,
                          .volumes = true};
    (void)add_task(p, &o, "Removing", "Removed", op_remove); /* nobody waits for it */
}

/* As many at once as the file says. A failure leaves the others as they are, unless it says that
 * they go on. */
static void chain(struct planner *p, const struct span *tasks, const struct node *service,
                  bool back)
{
    size_t at_once = (size_t)roll_parallelism(service, back);
    bool goes_on = roll_failure(service, back) == ROLL_CONTINUES;
    for (size_t i = at_once; at_once > 0 && i < tasks->count; i++) {
        (goes_on ? crew_follows : crew_needs)(&p->r->crew, tasks->tasks[i],
                                              tasks->tasks[i - at_once]);
    }
}

static size_t add_after(struct planner *p, size_t update, const char *doing, const char *done,
                        int (*run)(const void *, struct error **))
{
    struct operation o = *(const struct operation *)p->r->crew.tasks[update].argument;
    o.name = xstrdup(o.name);
    o.old = xstrdup(o.old);
    o.image_id = NULL;
    size_t task = add_task(p, &o, doing, done, run);
    crew_needs(&p->r->crew, task, update);
    return task;
}

/* All replicas are replaced, or none: those that were get their old one back. */
static void plan_rollback(struct planner *p, const struct span *updates, const struct node *service)
{
    struct span back = {0};
    for (size_t i = 0; i < updates->count; i++) {
        size_t gone = add_after(p, updates->tasks[i], NULL, NULL, op_discard);
        span_add(&back, add_after(p, updates->tasks[i], "Rolling back", "Rolled back", op_restore));
        for (size_t k = 0; k < updates->count; k++) {
            crew_needs(&p->r->crew, gone, updates->tasks[k]);
            crew_rescues(&p->r->crew, back.tasks[i], updates->tasks[k]);
        }
    }
    chain(p, &back, service, true);
    free(back.tasks);
}

/* The replicas that are replaced, one by one or as many at once as the file says. */
static void plan_updates(struct planner *p, const struct span *tasks, const struct node *service)
{
    struct span updates = {0};
    bool rolls_back = !p->r->no_start && roll_failure(service, false) == ROLL_BACK;
    for (size_t i = 0; i < tasks->count; i++) {
        const struct crew_task *t = &p->r->crew.tasks[tasks->tasks[i]];
        if (t->run == op_roll || t->run == op_recreate) {
            span_add(&updates, tasks->tasks[i]);
        }
    }
    chain(p, &updates, service, false);
    for (size_t i = 0; rolls_back && i < tasks->count; i++) {
        for (size_t k = 0; k < updates.count && p->r->crew.tasks[tasks->tasks[i]].run == op_run;
             k++) {
            crew_needs(&p->r->crew, tasks->tasks[i], updates.tasks[k]); /* more of what is good */
        }
    }
    if (rolls_back) {
        plan_rollback(p, &updates, service);
    }
    free(updates.tasks);
}

/* A number that no replica has. */
static int free_number(const struct members *m, const char *service, int from)
{
    while (member_find(m, service, from)) {
        from++;
    }
    return from;
}

static void plan_service(struct planner *p, size_t index)
{
    struct reconcile *r = p->r;
    const char *name = r->services.items[index];
    const struct node *service = node_at(r->project->model, "services", name, NULL);
    CLEANUP(free) char *hash = service_hash(r->project, name);
    int scale = reconcile_scale(r, name), kept = 0, number = 0;
    struct span needs = {0};
    collect_needs(p, service, &needs);
    size_t first = r->crew.count;
    for (size_t i = 0; i < r->members->count; i++) {
        const struct member *m = &r->members->items[i];
        if (!str_equal(m->service, name) || m->one_off) {
            continue;
        }
        if (kept < scale && !container_is_leaving(m->container)) {
            span_add(&p->started[index], plan_existing(p, m, hash, service, name));
            kept++;
        } else {
            plan_surplus(p, m);
        }
    }
    for (; kept < scale; kept++) {
        number = free_number(r->members, name, number + 1);
        struct operation o = base_operation(p, name, number);
        span_add(&p->started[index], add_task(p, &o, r->no_start ? "Creating" : "Starting",
                                              r->no_start ? "Created" : "Started", op_run));
    }
    for (size_t t = first; t < r->crew.count; t++) {
        for (size_t i = 0; i < needs.count; i++) {
            crew_needs(&r->crew, t, needs.tasks[i]);
        }
    }
    free(needs.tasks);
    plan_updates(p, &p->started[index], service);
}

static void plan_orphans(struct planner *p)
{
    const struct reconcile *r = p->r;
    for (size_t i = 0; i < r->members->count; i++) {
        const struct member *m = &r->members->items[i];
        if (!m->one_off && r->remove_orphans &&
            !node_at(r->project->model, "services", m->service, NULL) &&
            !node_get(r->project->disabled, m->service)) {
            plan_surplus(p, m);
        }
    }
}

void reconcile_plan(struct reconcile *r)
{
    struct planner p = {.r = r,
                        .started = xcalloc(r->services.count + 1, sizeof(struct span)),
                        .ready = xcalloc(r->services.count + 1, sizeof(struct span)),
                        .completed = xcalloc(r->services.count + 1, sizeof(struct span))};
    for (size_t i = 0; i < r->services.count; i++) {
        plan_service(&p, i);
    }
    plan_orphans(&p);
    for (size_t i = 0; r->wait && i < r->services.count; i++) {
        (void)waiting(&p, i, AWAIT_RUNNING);
    }
    for (size_t i = 0; i < r->services.count; i++) {
        free(p.started[i].tasks);
        free(p.ready[i].tasks);
        free(p.completed[i].tasks);
    }
    free(p.started);
    free(p.ready);
    free(p.completed);
}
