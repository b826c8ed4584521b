// SPDX-License-Identifier: Apache-2.0
/* `compose run`: a one-off container of a service, with another command. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "compose/held.h"
#include "compose/resources.h"
#include "compose/translate.h"
#include "compose/verbs/verbs.h"
#include "engine/run.h"

/* What the service needs is brought up first, by `up` itself. */
static int bring_needs(const struct compose_request *r, const struct project *p,
                       const char *service, struct error **err)
{
    const struct node *all = node_at(p->model, "services", service, "depends_on", NULL);
    CLEANUP(strv) struct strv needs = {0};
    for (size_t i = 0; all && i < all->count; i++) {
        if (node_at(p->model, "services", all->entries[i].key, NULL)) {
            strv_add(&needs, all->entries[i].key);
        }
    }
    if (needs.count == 0 || asked_flag(r, "no-deps")) {
        return 0;
    }
    CLEANUP(json) json_t *options = json_object();
    CLEANUP(json) json_t *json = json_deep_copy(r->json);
    json_object_set_new(options, "detach", json_true());
    json_object_set_new(options, "quiet-pull", json_boolean(asked_flag(r, "quiet-pull")));
    json_object_set_new(options, "quiet-build", json_boolean(asked_flag(r, "quiet-build")));
    json_object_set_new(options, "remove-orphans", json_boolean(asked_flag(r, "remove-orphans")));
    json_object_set(json, "options", options);
    struct compose_request up = *r;
    up.json = json;
    up.arguments = needs;
    return verb_up(&up, err);
}

static void apply_options(const struct compose_request *r, struct translation *t)
{
    struct run_request *q = &t->request;
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    q->detach = asked_flag(r, "detach");
    q->remove = asked_flag(r, "rm");
    q->interactive = !q->detach && asked_flag(r, "interactive");
    q->tty = !q->detach && terminal && !asked_flag(r, "no-tty");
    q->user = str_or(asked_text(r, "user"), q->user);
    q->workdir = str_or(asked_text(r, "workdir"), q->workdir);
    q->restart = NULL; /* it runs once */
    asked_list(r, "env", &q->env);
    asked_list(r, "env-from-file", &q->env_files);
    asked_list(r, "volume", &q->volumes);
    asked_list(r, "label", &q->labels);
    asked_list(r, "publish", &q->publish);
    asked_list(r, "cap-add", &q->cap_add);
    asked_list(r, "cap-drop", &q->cap_drop);
    if (asked_text(r, "entrypoint")) {
        q->entrypoint = asked_text(r, "entrypoint");
        strv_done(&q->command);
        q->command = (struct strv){0};
    }
    if (r->arguments.count > 1) {
        strv_done(&q->command);
        q->command = (struct strv){0};
        strv_add_all(&q->command, r->arguments.items + 1);
    }
}

static int silence(struct error **err)
{
    CLEANUP(fd) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return null < 0 || dup2(null, STDOUT_FILENO) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "opening '/dev/null'")
               : 0;
}

int verb_run(const struct compose_request *r, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(translation) struct translation t = {0};
    struct resource_work w = {&r->engine, tell_resource, NULL};
    const char *service = r->arguments.items[0];
    CLEANUP(json) json_t *images = json_object();
    CLEANUP(free) char *digits = random_hex(6);
    strv_add(&names, service);
    int result = verb_project(r, &names, &p, err);
    if (result == 0) {
        result = verb_check_services(p, &names, err);
    }
    if (result == 0) {
        result = bring_needs(r, p, service, err);
    }
    if (result == 0) {
        result = verb_ensure_images(r, p, &names, images, err);
    }
    if (result == 0) {
        result = resources_create(&w, p, err);
    }
    if (result == 0) {
        result = held_write(&r->engine, p, service, err);
    }
    if (result < 0) {
        return result;
    }
    CLEANUP(free)
    char *name = asked_text(r, "name") ? xstrdup(asked_text(r, "name"))
                                       : str_format("%s-%s-run-%s", p->name, service, digits);
    struct translate_options o = {.engine = &r->engine,
                                  .number = 1,
                                  .name = name,
                                  .one_off = !asked_flag(r, "use-aliases"),
                                  .no_ports = !asked_flag(r, "service-ports")};
    result = translate(p, service, &o, &t, err);
    if (result < 0) {
        return result;
    }
    apply_options(r, &t);
    result = asked_flag(r, "quiet") ? silence(err) : 0;
    return result < 0 ? result : engine_run(&r->engine, &t.request, err);
}
