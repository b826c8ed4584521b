// SPDX-License-Identifier: Apache-2.0
/* `compose build`, `pull`, `push`: the images of services. */
#include "compose/balancer.h"
#include "compose/build.h"
#include "compose/verbs/verbs.h"
#include "image/image.h"

static bool is_buildable(const struct node *service)
{
    return node_get(service, "build") != NULL;
}

/* Those named, and with `deps` what they need. */
static int choose(const struct compose_request *r, struct project **p, const char *deps,
                  struct strv *ret, struct error **err)
{
    int result = verb_project(r, &r->arguments, p, err);
    if (result == 0) {
        result = verb_check_services(*p, &r->arguments, err);
    }
    for (size_t i = 0; i < r->arguments.count && result == 0; i++) {
        verb_add_with_needs(*p, r->arguments.items[i], asked_flag(r, deps), ret);
    }
    return result;
}

static bool is_wanted(const struct compose_request *r, const struct node *service, bool push)
{
    const char *image = node_text(service, "image");
    CLEANUP(image) struct image *here = NULL;
    if (!image || str_equal(image, BALANCER_IMAGE)) { /* that one is made here */
        return false;
    }
    if (push) {
        return is_buildable(service);
    }
    if (is_buildable(service) && asked_flag(r, "ignore-buildable")) {
        return false;
    }
    return !str_equal(asked_text(r, "policy"), "missing") ||
           image_resolve(r->engine.data_dir, image, &here, NULL) < 0;
}

/* Each image of the services chosen once, by `pull` or `push`. One that can be built need not be
 * there. */
static int each_image(const struct compose_request *r, bool push, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    CLEANUP(strv) struct strv chosen = {0}, done = {0};
    bool ignored = asked_flag(r, push ? "ignore-push-failures" : "ignore-pull-failures");
    int failed = 0, result = choose(r, &p, "include-deps", &chosen, err);
    const struct node *services = result < 0 ? NULL : node_get(p->model, "services");
    for (size_t i = 0; services && i < services->count && result >= 0; i++) {
        const struct node_entry *e = &services->entries[i];
        const char *image = node_text(e->value, "image");
        if (!is_asked_for(&chosen, e->key) || !is_wanted(r, e->value, push) ||
            strv_contains(&done, image)) {
            continue;
        }
        CLEANUP(strv) struct strv line = {0};
        strv_add(&done, image);
        strv_add(&line, push ? "push" : "pull");
        if (asked_flag(r, "quiet")) {
            strv_add(&line, "--quiet");
        }
        strv_add(&line, image);
        result = cloison_spawn(&r->engine, r->cloison, &line, err);
        bool counts = result > 0 && (push || !is_buildable(e->value));
        failed += counts;
        if (counts && !ignored) {
            break;
        }
    }
    return result < 0 ? result : failed && !ignored;
}

/* Each service that has a `build`, one after the other: their steps share the cache. */
int verb_build(const struct compose_request *r, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    CLEANUP(strv) struct strv args = {0}, ssh = {0}, chosen = {0};
    struct build_options o = {.engine = &r->engine,
                              .cloison = r->cloison,
                              .no_cache = asked_flag(r, "no-cache"),
                              .pull = asked_flag(r, "pull"),
                              .quiet = asked_flag(r, "quiet"),
                              .check = asked_flag(r, "check"),
                              .push = asked_flag(r, "push"),
                              .args = &args,
                              .ssh = &ssh};
    asked_list(r, "build-arg", &args);
    asked_list(r, "ssh", &ssh);
    int result = choose(r, &p, "with-dependencies", &chosen, err);
    const struct node *services = result < 0 ? NULL : node_get(p->model, "services");
    for (size_t i = 0; services && i < services->count && result == 0; i++) {
        const struct node_entry *e = &services->entries[i];
        if (is_buildable(e->value) && is_asked_for(&chosen, e->key)) {
            result = build_service(p, e->key, &o, err);
        }
    }
    return result;
}

int verb_pull(const struct compose_request *r, struct error **err)
{
    const char *policy = asked_text(r, "policy");
    return policy && !str_equal(policy, "missing") && !str_equal(policy, "always")
               ? error_set(err, ERROR_USAGE, 0, "--policy: '%s' is neither 'missing' nor 'always'",
                           policy)
               : each_image(r, false, err);
}

int verb_push(const struct compose_request *r, struct error **err)
{
    return each_image(r, true, err);
}
