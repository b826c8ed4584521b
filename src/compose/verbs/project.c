// SPDX-License-Identifier: Apache-2.0
/* What every verb begins with. */
#include <string.h>

#include "compose/balancer.h"
#include "compose/verbs/verbs.h"

/* Once for all: not an error, but the user should know. */
static void warn(const struct project *p)
{
    if (p->unset.count > 0) {
        CLEANUP(free) char *names = strv_join(&p->unset, ", ");
        fprintf(stderr, "%s: not set, taken as empty: %s\n", error_program(), names);
    }
    if (p->ignored.count > 0) {
        CLEANUP(free) char *names = strv_join(&p->ignored, ", ");
        fprintf(stderr, "%s: without effect here: %s\n", error_program(), names);
    }
}

int verb_project(const struct compose_request *r, const struct strv *services, struct project **ret,
                 struct error **err)
{
    int result = request_project(r, services, ret, err);
    if (result == 0) {
        warn(*ret);
    }
    if (result == 0 && !str_equal(r->verb, "config") && !str_equal(r->verb, "kubernetes")) {
        result = balancer_add(*ret, &r->engine, err);
    }
    return result < 0 ? result : 0;
}

int verb_check_services(const struct project *p, const struct strv *names, struct error **err)
{
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < names->count; i++) {
        if (!node_entry_of(services, names->items[i])) {
            CLEANUP(strv) struct strv all = {0};
            for (size_t k = 0; k < services->count; k++) {
                strv_add(&all, services->entries[k].key);
            }
            CLEANUP(free) char *list = strv_join(&all, ", ");
            int r = error_set(err, ERROR_NOT_FOUND, 0, "project '%s' has no service '%s'", p->name,
                              names->items[i]);
            return error_hint(err, r, "there are: %s", list);
        }
    }
    return 0;
}
