// SPDX-License-Identifier: Apache-2.0
#include "engine/links.h"

#include <errno.h>
#include <string.h>

int links_resolve(const struct engine *e, const struct strv *texts, struct strv *ret,
                  struct error **err)
{
    for (size_t i = 0; i < texts->count; i++) {
        CLEANUP(container) struct container *other = NULL;
        const char *text = texts->items[i], *colon = strchr(text, ':');
        CLEANUP(free) char *name = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
        int r = container_find(e, name, &other, err);
        if (r < 0) {
            return error_wrap(err, r, "--link '%s'", text);
        }
        const char *called = colon ? colon + 1 : name;
        if (!called[0] || strpbrk(called, " \t\n#:")) {
            return error_set(err, ERROR_USAGE, 0, "--link '%s': '%s' is no host's name", text,
                             called);
        }
        strv_addf(ret, "%s:%s", other->id, called);
    }
    return 0;
}

/* The other's end in the same network, by what it holds now. */
static int find_other(const struct engine *e, const char *id, const char *network_id,
                      struct net_attachment **ret, const struct net_endpoint **ret_end)
{
    CLEANUP(json) json_t *json = net_attachment_load(e->run_dir, id);
    int r = json ? net_attachment_from_json(json, ret, NULL) : -ENOENT;
    *ret_end = r < 0 ? NULL : net_attachment_find(*ret, network_id);
    return *ret_end ? 0 : -ENOENT;
}

static int add_line(const struct engine *e, const char *link, const struct net_endpoint *own,
                    bool lenient, struct strv *ret, struct error **err)
{
    CLEANUP(container) struct container *other = NULL;
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    const struct net_endpoint *end = NULL;
    const char *called = strchr(link, ':') + 1; /* links_resolve() wrote it */
    CLEANUP(free) char *id = xstrndup(link, (size_t)(called - link) - 1);
    char address[NET_ADDRESS_BYTES];
    int r = container_load(e, id, &other, NULL);
    r = r < 0 ? r : find_other(e, id, own->network->id, &a, &end);
    if (r < 0) {
        return lenient ? 0
                       : error_set(err, ERROR_BUSY, 0,
                                   "--link '%s': the other does not run in network '%s'", called,
                                   own->network->name);
    }
    net_address_text(&end->addresses[NET_IPV4], address);
    bool same = str_equal(called, other->name);
    strv_addf(ret, "%s\t%s %.*s%s%s", address, called, CONTAINER_SHORT_ID_DIGITS, other->id,
              same ? "" : " ", same ? "" : other->name);
    return 0;
}

int links_hosts(const struct engine *e, const struct net_attachment *a, bool lenient,
                struct strv *ret, struct error **err)
{
    int r = 0;
    for (size_t i = 0; a && i < a->count; i++) {
        const struct net_endpoint *own = &a->endpoints[i];
        for (size_t k = 0;
             k < own->links.count && r >= 0 && str_equal(own->network->name, "bridge"); k++) {
            r = add_line(e, own->links.items[k], own, lenient, ret, err);
        }
    }
    return r;
}
