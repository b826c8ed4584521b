// SPDX-License-Identifier: Apache-2.0
/* Changing what a running container holds: the record is rewritten under the lock of the leases,
 * then the helper makes the kernel follow. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "net/client.h"
#include "net/helper.h"
#include "net/names.h"
#include "net/net.h"

static int load(const struct net_request *q, struct leases *l, struct net_record **ret,
                struct error **err)
{
    int r = leases_open(q->place.run_dir, l, err);
    if (r >= 0) {
        leases_sweep(l); /* what a change that was killed had begun to write */
        r = net_record_load(l->dir, q->id, ret, err);
    }
    return r == -ENOENT ? error_set(err, ERROR_BUSY, ENOENT,
                                    "the container has no network of its own to change")
                        : r;
}

static int helper(const struct net_request *q, const char *verb, const char *interface,
                  struct error **err)
{
    CLEANUP(free) char *netns = str_format("/proc/%d/ns/net", (int)q->pid);
    const char *const arguments[] = {verb, q->place.run_dir, q->id, netns, interface, NULL};
    return net_helper_run(arguments, err);
}

/* The end whose interface has this name goes out of the list, undone in the leases, too. */
static int drop_endpoint(const struct leases *l, struct net_record *record, const char *interface,
                         struct error **err)
{
    struct net_attachment *a = record->attachment;
    for (size_t i = 0; i < a->count; i++) {
        if (str_equal(a->endpoints[i].interface, interface)) {
            int r = lease_drop_endpoint(l, record->id, &a->endpoints[i], err);
            net_endpoint_done(&a->endpoints[i]);
            a->count--;
            memmove(&a->endpoints[i], &a->endpoints[i + 1], (a->count - i) * sizeof(*a->endpoints));
            return r < 0 ? r : net_record_save(l->dir, record, err);
        }
    }
    return 0;
}

static int add(const struct net_request *q, struct net_record **ret, struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    int r = load(q, &l, ret, err);
    struct reservation v = {q, &l, r < 0 ? NULL : (*ret)->attachment, NULL};
    r = r < 0 ? r : client_add_endpoint(&v, &q->networks->items[0], err);
    r = r < 0 ? r : net_record_save(l.dir, *ret, err);
    return r < 0 ? r : lease_take(&l, *ret, err);
}

static int take_out(const struct net_request *q, const char *interface, struct net_attachment **ret,
                    struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    int r = load(q, &l, &record, err);
    r = r < 0 ? r : drop_endpoint(&l, record, interface, err);
    if (r >= 0 && ret) {
        *ret = take_ptr(record->attachment);
    }
    return r;
}

int net_connect(const struct net_request *request, struct net_attachment **ret, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    int r = add(request, &record, err);
    if (r < 0) {
        return r;
    }
    struct net_attachment *a = record->attachment;
    const char *interface = a->endpoints[a->count - 1].interface;
    r = helper(request, "connect", interface, err);
    if (r < 0) {
        /* It may have died when all was done. The first error is the one to tell. */
        IGNORE(helper(request, "disconnect", interface, NULL));
        IGNORE(take_out(request, interface, NULL, NULL));
        return r;
    }
    r = client_serve_names(request, a, err);
    *ret = take_ptr(record->attachment);
    return r;
}

int net_disconnect(const struct net_request *request, const char *network_id,
                   struct net_attachment **ret, struct error **err)
{
    CLEANUP(free) char *interface = NULL;
    {
        CLEANUP(leases) struct leases l = LEASES_NONE;
        CLEANUP(net_record) struct net_record *record = NULL;
        int r = load(request, &l, &record, err);
        if (r < 0) {
            return r;
        }
        const struct net_endpoint *e = net_attachment_find(record->attachment, network_id);
        if (!e) {
            return error_set(err, ERROR_NOT_FOUND, ENOENT, "it is not in this network");
        }
        interface = xstrdup(e->interface);
    }
    int r = helper(request, "disconnect", interface, err);
    r = r < 0 ? r : take_out(request, interface, ret, err);
    return r < 0 || !*ret ? r : client_serve_names(request, *ret, err);
}

int net_set_rate(const struct net_request *request, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    struct net_rate before;
    {
        CLEANUP(leases) struct leases l = LEASES_NONE;
        int r = load(request, &l, &record, err);
        if (r < 0) {
            return r;
        }
        before = record->attachment->rate;
        record->attachment->rate = request->rate;
        r = net_record_save(l.dir, record, err);
        if (r < 0) {
            return r;
        }
    }
    int r = helper(request, "shape", NULL, err);
    if (r < 0) {
        CLEANUP(leases) struct leases l = LEASES_NONE;
        CLEANUP(net_record) struct net_record *now = NULL;
        if (load(request, &l, &now, NULL) >= 0) {
            now->attachment->rate = before;
            IGNORE(net_record_save(l.dir, now, NULL)); /* the first error is the one to tell */
        }
    }
    return r;
}

int net_set_name(const struct net_request *request, struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    CLEANUP(free) char *path = str_format("%s/net", request->place.run_dir);
    if (access(path, F_OK) < 0) {
        return 0;
    }
    int r = leases_open(request->place.run_dir, &l, err);
    r = r < 0 ? r : net_record_load(l.dir, request->id, &record, err);
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    free(record->name);
    record->name = xstrdup(request->name);
    return net_record_save(l.dir, record, err);
}

void net_network_attached(const struct net_place *place, const struct leases *l,
                          const char *network_id, struct strv *ret_names)
{
    CLEANUP(strv) struct strv ids = {0};
    (void)client_take_back_all(place->run_dir, l);
    net_record_list(l->dir, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        CLEANUP(net_record) struct net_record *record = NULL;
        if (net_record_load(l->dir, ids.items[i], &record, NULL) >= 0 &&
            net_attachment_find(record->attachment, network_id)) {
            strv_add_take(ret_names, client_holder_name(place, record->id));
        }
    }
}

/* "10.0.0.2/24", or "". */
static json_t *address_text(const struct net_endpoint *e, int family)
{
    char address[NET_ADDRESS_BYTES];
    net_address_text(&e->addresses[family], address);
    CLEANUP(free)
    char *text =
        address[0] ? str_format("%s/%d", address, e->network->pools[family].subnet.prefix) : NULL;
    return json_string(str_or(text, ""));
}

json_t *net_network_containers(const struct net_place *place, const char *network_id)
{
    CLEANUP(strv) struct strv ids = {0};
    CLEANUP(free) char *path = str_format("%s/net", place->run_dir);
    CLEANUP(fd) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    json_t *all = json_object();
    net_record_list(dir < 0 ? AT_FDCWD : dir, &ids);
    for (size_t i = 0; dir >= 0 && i < ids.count; i++) {
        CLEANUP(net_record) struct net_record *record = NULL;
        const struct net_endpoint *e = NULL;
        if (net_record_load(dir, ids.items[i], &record, NULL) >= 0) {
            e = net_attachment_find(record->attachment, network_id);
        }
        if (e) {
            char end[NET_ENDPOINT_ID_BYTES];
            net_endpoint_id(record->id, network_id, end);
            (void)json_object_set_new(all, record->id,
                                      json_pack("{s:s, s:s, s:s, s:o, s:o}", "Name",
                                                str_or(record->name, ""), "EndpointID", end,
                                                "MacAddress", str_or(e->mac_address, ""),
                                                "IPv4Address", address_text(e, NET_IPV4),
                                                "IPv6Address", address_text(e, NET_IPV6)));
        }
    }
    return all;
}
