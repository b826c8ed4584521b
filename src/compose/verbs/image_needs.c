// SPDX-License-Identifier: Apache-2.0
/* The images that services need, there before anything else is changed: fetched, built, or made. */
#include "compose/balancer.h"
#include "compose/build.h"
#include "compose/pull.h"
#include "compose/translate.h"
#include "compose/verbs/verbs.h"
#include "image/image.h"

static bool image_is_here(const struct engine *e, const char *name, json_t *images)
{
    CLEANUP(image) struct image *i = NULL;
    if (image_resolve(e->data_dir, name, &i, NULL) < 0) {
        return false;
    }
    json_object_set_new(images, name, json_string(i->id));
    return true;
}

/* A service's image that is to be built: when it is not here, or --build. */
static int build_image(const struct compose_request *r, const struct project *p,
                       const char *service, bool here, json_t *images, struct error **err)
{
    const struct node *build = node_at(p->model, "services", service, "build", NULL);
    const char *name = service_image(p->arena, p, service);
    struct build_options o = {
        .engine = &r->engine, .cloison = r->cloison, .quiet = asked_flag(r, "quiet-build")};
    if (here && !asked_flag(r, "build")) {
        return 0;
    }
    if (asked_flag(r, "no-build")) {
        return node_error(build, err, "the image '%s' is not built, and --no-build forbids it",
                          name);
    }
    int result = build_service(p, service, &o, err);
    if (result > 0) {
        return node_error(build, err, "building service '%s' failed", service);
    }
    (void)image_is_here(&r->engine, name, images);
    return result;
}

int verb_ensure_images(const struct compose_request *r, const struct project *p,
                       const struct strv *services, json_t *images, struct error **err)
{
    CLEANUP(crew) struct crew crew = {.limit = 4, .quiet = asked_flag(r, "quiet-pull")};
    CLEANUP(operations) struct operations operations = {0};
    CLEANUP(json) json_t *asked = json_object();
    int styled = verb_crew_style(r, &crew, err);
    if (styled < 0) {
        return styled;
    }
    for (size_t i = 0; i < services->count; i++) {
        const struct node *n = node_at(p->model, "services", services->items[i], NULL);
        const char *name = service_image(p->arena, p, services->items[i]);
        const char *asked_for = asked_text(r, "pull");
        const char *policy =
            pull_policy_now(&r->engine, name, asked_for ? asked_for : node_text(n, "pull_policy"));
        bool here = image_is_here(&r->engine, name, images);
        if (node_get(n, "build")) {
            int result = build_image(r, p, services->items[i], here, images, err);
            if (result < 0) {
                return result;
            }
            continue;
        }
        bool fresh = here && (!str_equal(policy, "always") || str_equal(name, BALANCER_IMAGE));
        if (json_object_get(asked, name) || fresh) {
            continue;
        }
        struct operation like = {.engine = &r->engine, .cloison = r->cloison, .policy = policy};
        struct operation *o = operations_add(&operations, &like);
        bool ours = str_equal(name, BALANCER_IMAGE);
        o->image = xstrdup(name);
        json_object_set_new(asked, name, json_true());
        (void)crew_add(&crew, str_format("Image %s", name), ours ? "Making" : "Pulling",
                       ours ? "Made" : "Pulled", ours ? op_bootstrap : op_pull, o);
    }
    int result = crew_run(&crew, err);
    for (size_t i = 0; i < operations.count && result == 0; i++) {
        (void)image_is_here(&r->engine, operations.items[i]->image, images);
    }
    return result;
}
