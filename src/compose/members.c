// SPDX-License-Identifier: Apache-2.0
#include "compose/members.h"

#include <stdlib.h>
#include <string.h>

const char *container_label(const struct container *c, const char *name)
{
    return json_string_value(json_object_get(c->labels, name));
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = strcmp(x->service, y->service);
    return order ? order : x->number - y->number;
}

static struct member member_of(struct container *c)
{
    int64_t number = 0;
    const char *text = container_label(c, LABEL "container-number");
    if (!text || str_to_i64(text, 10, &number) < 0) {
        number = 0;
    }
    return (struct member){.container = c,
                           .service = str_or(container_label(c, LABEL "service"), ""),
                           .hash = str_or(container_label(c, LABEL "config-hash"), ""),
                           .number = (int)number,
                           .one_off = str_equal(container_label(c, LABEL "oneoff"), "True")};
}

int members_load(const struct engine *e, const char *project, struct members *ret,
                 struct error **err)
{
    struct container **list = NULL;
    size_t count = 0;
    int r = container_list(e, &list, &count, err);
    if (r < 0) {
        return r;
    }
    ret->items = xcalloc(count + 1, sizeof(*ret->items));
    ret->count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *of = container_label(list[i], LABEL "project");
        if (of && (!project || str_equal(of, project))) {
            ret->items[ret->count++] = member_of(take_ptr(list[i]));
        } else {
            container_free(list[i]);
        }
    }
    free(list);
    qsort(ret->items, ret->count, sizeof(*ret->items), compare_members);
    return 0;
}

void members_done(struct members *m)
{
    for (size_t i = 0; i < m->count; i++) {
        container_free(m->items[i].container);
    }
    free(m->items);
    *m = (struct members){0};
}

const struct member *member_find(const struct members *m, const char *service, int number)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct member *x = &m->items[i];
        if (str_equal(x->service, service) && !x->one_off && (number == 0 || x->number == number)) {
            return x;
        }
    }
    return NULL;
}

bool is_asked_for(const struct strv *names, const char *name)
{
    return names->count == 0 || strv_contains(names, name);
}

char *member_name(const struct project *p, const char *service, int number)
{
    const struct node *n = node_at(p->model, "services", service, NULL);
    const char *own = node_text(n, "container_name");
    return own ? xstrdup(own) : str_format("%s-%s-%d", p->name, service, number);
}

int service_scale(const struct node *service)
{
    int64_t replicas = node_int(node_get(service, "deploy"), "replicas", 1);
    return (int)node_int(service, "scale", replicas);
}
