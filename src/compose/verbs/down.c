// SPDX-License-Identifier: Apache-2.0
/* `compose down`: containers in reverse order, then networks, and volumes and images when asked. */
#include "base/file.h"
#include <stdio.h>
#include <string.h>

#include "compose/balancer.h"
#include "compose/held.h"
#include "compose/resources.h"
#include "compose/translate.h"
#include "compose/verbs/verbs.h"
#include "engine/lifecycle.h"
#include "image/image.h"

static int remove_image(const struct compose_request *r, const char *image, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    CLEANUP(image) struct image *there = NULL;
    if (image_resolve(r->engine.data_dir, image, &there, NULL) < 0) {
        return 0; /* it is not here */
    }
    image_free(take_ptr(there)); /* and its lock */
    strv_add(&line, "rmi");
    strv_add(&line, image);
    (void)fflush(NULL);
    int status = cloison_spawn(&r->engine, r->cloison, &line, err);
    tell_resource(NULL, "Image", image, status ? "Kept" : "Removed");
    return status < 0 ? status : 0;
}

/* --rmi all: every service's image; local: those that bear no name of the file's. */
static int remove_images(const struct compose_request *r, const struct project *p, bool all,
                         struct error **err)
{
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count; i++) {
        if (!all && node_get(services->entries[i].value, "image")) {
            continue;
        }
        int result = remove_image(r, service_image(p->arena, p, services->entries[i].key), err);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static bool is_of_file(const struct scope *s, const struct member *m)
{
    return !s->project || m->one_off || node_at(s->project->model, "services", m->service, NULL) ||
           node_get(s->project->disabled, m->service);
}

/* Containers of services that the file no longer has stay, unless --remove-orphans. */
static void leave_orphans(struct scope *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->members.count; i++) {
        if (is_of_file(s, &s->members.items[i])) {
            s->members.items[kept++] = s->members.items[i];
        } else {
            fprintf(stderr,
                    "%s: container '%s' is of no service of the file: --remove-orphans "
                    "removes it\n",
                    error_program(), s->members.items[i].container->name);
            container_free(s->members.items[i].container);
        }
    }
    s->members.count = kept;
}

static int remove_resources(const struct compose_request *r, const struct scope *s,
                            struct error **err)
{
    struct crew style = {0};
    struct resource_work w = {&r->engine, tell_resource, &style};
    const char *rmi = asked_text(r, "rmi");
    int result = verb_crew_style(r, &style, err);
    if (result == 0) {
        result = networks_remove(&w, s->name, err);
    }
    if (result == 0 && asked_flag(r, "volumes")) {
        result = volumes_remove(&w, s->name, err);
    }
    if (result == 0) {
        result = held_remove(&r->engine, s->name, err);
    }
    if (result == 0) {
        result = balancer_remove(&r->engine, s->name, err);
    }
    if (result == 0 && rmi && s->project) {
        result = remove_images(r, s->project, str_equal(rmi, "all"), err);
    }
    return result;
}

int verb_down(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    const char *rmi = asked_text(r, "rmi");
    if (rmi && !str_equal(rmi, "all") && !str_equal(rmi, "local")) {
        return error_set(err, ERROR_USAGE, 0, "--rmi: '%s' is neither 'all' nor 'local'", rmi);
    }
    int result = scope_load(r, &s, err);
    if (result < 0) {
        return result;
    }
    CLEANUP(fd) int lock = project_lock(r, s.name, err);
    if (lock < 0) {
        return lock;
    }
    if (!asked_flag(r, "remove-orphans") && r->arguments.count == 0) {
        leave_orphans(&s);
    }
    struct each_member each = {.run = op_remove,
                               .doing = "Removing",
                               .done = "Removed",
                               .reverse = true,
                               .one_off = true,
                               .like = {.timeout_s = asked_timeout(r), .volumes = true}};
    result = on_each_member(r, &s, &r->arguments, &each, err);
    return result < 0 || r->arguments.count > 0 ? result : remove_resources(r, &s, err);
}
