// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "net/device.h"
#include "net/helper.h"
#include "net/names.h"
#include "net/net.h"
#include "net/withdraw.h"

#define RECORD_MAX ((size_t)16 << 20)

char *client_holder_name(const struct net_place *place, const char *id)
{
    CLEANUP(json) json_t *container = NULL;
    CLEANUP(free) char *path = str_format("%s/containers/%s/container.json", place->data_dir, id);
    if (place->data_dir &&
        json_load_path(AT_FDCWD, path, (size_t)16 << 20, &container, NULL) >= 0) {
        const char *name = json_string_value(json_object_get(container, "name"));
        if (name) {
            return str_format("container '%s'", name);
        }
    }
    return str_format("container %.12s", id);
}

/* held: what the process that attached has of it, or NULL. */
static void cut_off(const struct net_attachment *a, const struct net_attachment *held)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct net_endpoint *e = &a->endpoints[i];
        if (e->host_interface) {
            (void)net_device_down(e->host_interface); /* gone already, mostly */
        } else if (held && held->netns) {
            net_device_clear(*held->netns, e->interface);
        }
    }
}

/* Undoes in the kernel what outlives the network namespace: the host's end of each pair is cut off
 * now, and removed by the kernel together with the namespace; redirections and shaping are removed
 * by the helper. A namespace given by path may live on: there the helper removes the pairs, too. */
static int undo(const char *run_dir, const struct net_record *record, const char *netns,
                const struct net_attachment *held, struct error **err)
{
    const struct net_attachment *a = record->attachment;
    cut_off(a, held);
    if (json_array_size(a->ports) == 0 && !a->rate.in && !a->rate.out && !netns) {
        return 0;
    }
    const char *const arguments[] = {"detach", run_dir, record->id, netns, NULL};
    return net_helper_run(arguments, err);
}

int client_forget(const char *run_dir, const struct leases *l, const char *id, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    int r = net_record_load(l->dir, id, &record, err);
    if (r == -ENOENT) {
        return 0;
    }
    r = r < 0 ? r : undo(run_dir, record, NULL, NULL, err);
    return r < 0 ? r : lease_drop(l, record, err);
}

bool client_take_back(const char *run_dir, const struct leases *l, const char *holder)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    return net_record_load(l->dir, holder, &record, NULL) >= 0 &&
           lease_holder_gone(run_dir, record) && client_forget(run_dir, l, holder, NULL) >= 0;
}

bool client_take_back_all(const char *run_dir, const struct leases *l)
{
    CLEANUP(strv) struct strv ids = {0};
    bool any = false;
    net_record_list(l->dir, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        any |= client_take_back(run_dir, l, ids.items[i]);
    }
    return any;
}

int net_take_back_all(const char *run_dir, struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    int r = leases_open(run_dir, &l, err);
    return r < 0 ? r : (int)client_take_back_all(run_dir, &l);
}

/* Record first, leases after: see net/record.h. */
static int commit(const struct reservation *v, const char *table, struct error **err)
{
    struct net_record record = {
        .id = (char *)v->request->id, /* borrowed, like the next three: not freed */
        .name = (char *)v->request->name,
        .hostname = (char *)v->request->hostname,
        .dns = v->request->dns ? *v->request->dns : (struct strv){0},
        .attachment = v->attachment,
        .reserver = getpid(),
        .reserver_start = process_start_time(-1, getpid()),
    };
    (void)snprintf(record.table, sizeof(record.table), "%s", table);
    int r = net_record_save(v->leases->dir, &record, err);
    r = r < 0 ? r : lease_take(v->leases, &record, err);
    if (r < 0) {
        IGNORE(lease_drop(v->leases, &record, NULL)); /* the first error is the one to tell */
    }
    return r;
}

static int reserve(const struct reservation *v, const char *table, struct error **err)
{
    const struct net_request *q = v->request;
    int r = client_forget(q->place.run_dir, v->leases, q->id, err);
    for (size_t i = 0; i < q->networks->count && r >= 0; i++) {
        r = client_add_endpoint(v, &q->networks->items[i], err);
    }
    r = r < 0 ? r : client_choose_ports(v, err);
    return r < 0 ? r : commit(v, table, err);
}

static json_t *load_addresses(const struct net_request *q)
{
    json_t *before = NULL;
    return q->addresses_path &&
                   json_load_path(AT_FDCWD, q->addresses_path, RECORD_MAX, &before, NULL) >= 0
               ? before
               : NULL;
}

/* Losing it costs nothing but another address next time. */
static void save_addresses(const struct net_request *q, const struct net_attachment *a,
                           const json_t *before)
{
    CLEANUP(json) json_t *now = json_object();
    for (size_t i = 0; i < a->count; i++) {
        const struct net_endpoint *e = &a->endpoints[i];
        json_t *both = json_array();
        for (int f = 0; f < NET_FAMILIES; f++) {
            char text[NET_ADDRESS_BYTES];
            net_address_text(&e->addresses[f], text);
            (void)json_array_append_new(both, json_string(text));
        }
        (void)json_object_set_new(now, e->network->id, both);
    }
    if (q->addresses_path && !json_equal(now, before)) {
        IGNORE(json_save_path(AT_FDCWD, q->addresses_path, now, 0600, false, NULL));
    }
}

int net_reserve(const struct net_request *request, struct net_attachment **ret, struct error **err)
{
    CLEANUP(net_settings) struct net_settings settings = {0};
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_attachment) struct net_attachment *a = xcalloc(1, sizeof(*a));
    a->rate = request->rate;
    int r = net_settings_load(request->place.config_path, &settings, err);
    r = r < 0 ? r : leases_open(request->place.run_dir, &leases, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *before = load_addresses(request);
    struct reservation v = {request, &leases, a, before};
    r = reserve(&v, settings.table, err);
    if (r < 0) {
        return r;
    }
    save_addresses(request, a, before);
    *ret = take_ptr(a);
    return 0;
}

/* Do published ports lead to the same ends? */
static bool same_ends(const struct net_attachment *a, const struct net_attachment *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = str_equal(a->endpoints[i].interface, b->endpoints[i].interface) &&
               str_equal(a->endpoints[i].network->id, b->endpoints[i].network->id);
    }
    return same;
}

/* Takes over what the record says; the sockets stay. */
static void follow_record(struct net_attachment *a, struct net_record *record)
{
    struct net_attachment *now = record->attachment;
    struct net_attachment was = *a;
    *a = *now;
    a->held_fds = was.held_fds;
    a->held_count = was.held_count;
    a->loops = was.loops;
    a->loop_count = was.loop_count;
    a->helper = was.helper;
    if (same_ends(a, &was)) { /* else there are other ports to withdraw */
        a->withdrawal = take_ptr(was.withdrawal);
        a->withdrawal_len = was.withdrawal_len;
    }
    a->netns = was.netns;
    was.helper = NULL;
    was.netns = NULL;
    was.held_fds = NULL;
    was.loops = NULL;
    was.held_count = was.loop_count = 0;
    *now = was; /* freed with the record */
}

/* A restarted container keeps its reservation, but the pairs of its last run may still be there:
 * the kernel removes them some time after the namespace. They are cut off, and the new ones get
 * other names. */
static int rename_taken(const struct net_request *request, struct net_attachment *a,
                        struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    bool any = false;
    for (size_t i = 0; i < a->count; i++) {
        any |= a->endpoints[i].host_interface && net_device_down(a->endpoints[i].host_interface);
    }
    if (!any) {
        return 0;
    }
    int r = leases_open(request->place.run_dir, &leases, err);
    r = r < 0 ? r : net_record_load(leases.dir, request->id, &record, err);
    if (r < 0) {
        return r == -ENOENT ? 0 : r; /* the helper tells that nothing is reserved */
    }
    for (size_t i = 0; i < record->attachment->count; i++) {
        struct net_endpoint *e = &record->attachment->endpoints[i];
        if (e->host_interface) {
            (void)net_device_down(e->host_interface); /* of one connected meanwhile */
            free(e->host_interface);
            e->host_interface = client_host_interface();
        }
    }
    r = net_record_save(leases.dir, record, err);
    if (r >= 0) {
        follow_record(a, record);
    }
    return r;
}

static void drop_namespace(struct net_attachment *a)
{
    fd_close(*a->netns);
    free(take_ptr(a->netns));
}

/* Only where devices in it must be cleared: a pair is cut off at the host's end. */
static void hold_namespace(struct net_attachment *a, const char *path)
{
    bool wanted = false;
    for (size_t i = 0; i < a->count; i++) {
        wanted |= !a->endpoints[i].host_interface;
    }
    int fd = wanted ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        a->netns = xmalloc(sizeof(*a->netns));
        *a->netns = fd;
    }
}

int client_serve_names(const struct net_request *q, const struct net_attachment *a,
                       struct error **err)
{
    CLEANUP(free) char *pid = str_format("%d", (int)q->pid);
    const char *const arguments[] = {"names", q->place.run_dir, q->id, pid, NULL};
    int r = net_attachment_has_names(a) ? net_names_serve(&q->place, err) : 0;
    bool inside = r >= 0 && q->names_inside && net_attachment_has_names(a);
    return inside && !net_attachment_server(a) ? net_helper_run(arguments, err) : r;
}

int net_prepare(const struct net_request *request, struct net_attachment *reserved,
                struct error **err)
{
    const char *const arguments[] = {"attach", request->place.run_dir, request->id, "-", NULL};
    if (reserved->netns) { /* of the last run */
        cut_off(reserved, reserved);
        drop_namespace(reserved);
    }
    int r = rename_taken(request, reserved, err);
    if (r < 0) {
        return r;
    }
    struct net_helper helper;
    r = net_helper_start(arguments, &helper, err);
    if (r >= 0) {
        reserved->helper = xmalloc(sizeof(helper));
        *reserved->helper = helper;
    }
    return r;
}

int net_attach(const struct net_request *request, struct net_attachment *reserved,
               struct error **err)
{
    CLEANUP(free)
    char *netns = request->netns_path ? xstrdup(request->netns_path)
                                      : str_format("/proc/%d/ns/net", (int)request->pid);
    int r = reserved->helper ? 0 : net_prepare(request, reserved, err);
    if (r < 0) {
        return r;
    }
    free(take_ptr(reserved->withdrawal));
    hold_namespace(reserved, netns);
    r = net_helper_finish(reserved->helper, netns, &reserved->withdrawal, &reserved->withdrawal_len,
                          err);
    free(take_ptr(reserved->helper));
    return r < 0 ? r : client_serve_names(request, reserved, err);
}

/* Does the end of this attachment need the helper? */
static bool needs_helper(const struct net_attachment *held, const struct net_record *record)
{
    const struct net_attachment *a = record->attachment;
    bool here = held && held->withdrawal && same_ends(held, a);
    return a->rate.in || a->rate.out || (json_array_size(a->ports) && !here);
}

/* Everything in this process, under the locks of the leases and of what attachments share. 1: done,
 * or there was nothing; 0: the helper is needed. */
static int detach_here(const struct net_request *q, const struct net_attachment *held,
                       struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    int r = leases_open(q->place.run_dir, &l, err);
    r = r < 0 ? r : net_record_load(l.dir, q->id, &record, err);
    if (r < 0 || needs_helper(held, record)) {
        return r == -ENOENT ? 1 : r < 0 ? r : 0;
    }
    cut_off(record->attachment, held);
    CLEANUP(fd) int lock = -1;
    if (json_array_size(record->attachment->ports)) {
        /* Until the record is gone nobody makes the table anew, with these ports in it. */
        lock = lock_file(l.dir, NET_KERNEL_LOCK, LOCK_EXCLUSIVE, true, err);
        r = lock;
        if (r < 0 || net_withdraw(held) < 0) {
            return r < 0 ? r : 0;
        }
    }
    r = lease_drop(&l, record, err);
    return r < 0 ? r : 1;
}

static int detach_by_helper(const struct net_request *request, const struct net_attachment *held,
                            struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL, *now = NULL;
    CLEANUP(free) char *path = str_format("%s/net", request->place.run_dir);
    CLEANUP(fd) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? -ENOENT : net_record_load(dir, request->id, &record, err);
    if (r == -ENOENT) {
        return 0;
    }
    /* The lock only behind the helper's work: others need not wait for it, and the leases, still
     * held, keep them from what is being undone. */
    r = r < 0 ? r : undo(request->place.run_dir, record, request->netns_path, held, err);
    r = r < 0 ? r : leases_open(request->place.run_dir, &leases, err);
    /* Read again: it may have been connected to another network meanwhile. */
    r = r < 0 ? r : net_record_load(leases.dir, request->id, &now, err);
    return r < 0 ? (r == -ENOENT ? 0 : r) : lease_drop(&leases, now, err);
}

int net_detach(const struct net_request *request, struct net_attachment *a, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net", request->place.run_dir);
    if (a && a->helper) {
        net_helper_drop(a->helper);
        free(take_ptr(a->helper));
    }
    if (access(path, F_OK) < 0) {
        return 0;
    }
    int r = request->netns_path ? 0 : detach_here(request, a, err);
    return r < 0 ? r : r > 0 ? 0 : detach_by_helper(request, a, err);
}

int net_recover(const struct net_request *request, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(free) char *path = str_format("%s/net", request->place.run_dir);
    int r = net_detach(request, NULL, err);
    if (r < 0 || access(path, F_OK) < 0) {
        return r;
    }
    r = leases_open(request->place.run_dir, &leases, err);
    if (r >= 0) {
        leases_sweep(&leases);
    }
    return r;
}

json_t *net_attachment_load(const char *run_dir, const char *id)
{
    CLEANUP(json) json_t *record = NULL;
    CLEANUP(free) char *path = str_format("%s/net/attachments/%s.json", run_dir, id);
    return json_load_path(AT_FDCWD, path, RECORD_MAX, &record, NULL) < 0
               ? NULL
               : json_incref(json_object_get(record, "attachment"));
}

int net_refresh(const struct net_request *request, struct net_attachment *a, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    CLEANUP(free) char *path = str_format("%s/net", request->place.run_dir);
    CLEANUP(fd) int dir = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    int r = dir < 0 ? dir : net_record_load(dir, request->id, &record, err);
    if (r >= 0) {
        follow_record(a, record);
    }
    return r == -ENOENT ? 0 : r; /* the helper tells that nothing is reserved */
}
