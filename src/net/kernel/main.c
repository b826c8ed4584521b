// SPDX-License-Identifier: Apache-2.0
/* cloison-net: makes and undoes what the kernel holds of a network. Executed by net/client.c; not
 * meant for people, but for `purge`.
 *     cloison-net attach RUN_DIR ID NETNS     as the record of ID says; NETNS "-": what all
 *             attachments share is looked after, then NETNS is read from standard output, a socket.
 *             Prints the message of nf_tables that withdraws the ports (net/withdraw.h), if any
 *     cloison-net detach RUN_DIR ID [NETNS]   NETNS given: it may outlive the workload
 *     cloison-net connect RUN_DIR ID NETNS INTERFACE      one more end, or one less
 *     cloison-net disconnect RUN_DIR ID NETNS INTERFACE
 *     cloison-net shape RUN_DIR ID NETNS      the record's rate
 *     cloison-net names RUN_DIR ID PID        names inside (inside.h)
 *     cloison-net make|unmake RUN_DIR DATA_DIR CONFIG NETWORK   what the kernel holds of a network
 *     cloison-net reload RUN_DIR DATA_DIR CONFIG ''   the tables, behind a flush of the firewall
 *     cloison-net purge RUN_DIR CONFIG        the bridge and the table, when nobody is attached
 * The others are silent when all went well. A failure is one JSON object on standard output
 * (net/helper.h) and exit 1.
 *
 * What all attachments share is checked without a lock and made under <run_dir>/net/kernel.lock. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error_json.h"
#include "base/file.h"
#include "net/helper.h"
#include "net/kernel/bridge.h"
#include "net/kernel/conntrack.h"
#include "net/kernel/firewalld.h"
#include "net/kernel/forward.h"
#include "net/kernel/guard.h"
#include "net/kernel/inside.h"
#include "net/kernel/link.h"
#include "net/kernel/shape.h"
#include "net/kernel/table.h"
#include "net/kernel/work.h"
#include "net/lease.h"
#include "net/record.h"
#include "net/store.h"

/* Some of the attachment's ends: made, guarded, shaped, set up inside. On failure they go again. */
static int make_ends(struct work *w, const struct net_endpoint *ends, size_t count, int netns,
                     bool starting, struct error **err)
{
    const struct net_attachment *a = w->record->attachment;
    int r = link_make(&w->route, ends, count, netns, err);
    if (r < 0) {
        return r;
    }
    r = guards_attach(&w->route, &w->guards, ends, err);
    if (r >= 0 && (a->rate.in || a->rate.out)) {
        r = starting ? shape_apply(&w->route, w->record->id, a, false, err)
                     : shape_add_end(&w->route, w->record->id, a, ends, err);
    }
    r = r < 0 ? r : link_configure_inside(a, ends, count, netns, err);
    if (r < 0) {
        IGNORE(link_remove(&w->route, ends, count, NULL)); /* the first error is told */
    }
    return r;
}

/* "-": our starter writes where it is when it is there. */
static int open_namespace(const char *path, struct error **err)
{
    char told[PATH_MAX] = "";
    if (str_equal(path, "-")) {
        ssize_t len = read_all(STDOUT_FILENO, told, sizeof(told) - 1);
        if (len <= 0) {
            return error_set(err, ERROR_BUSY, EINTR, "the network is not wanted any more");
        }
        path = told;
    }
    return open_file(AT_FDCWD, path, O_RDONLY, 0, err);
}

/* For net/withdraw.h. What is forgotten of UDP (conntrack.h) is more than a message. */
static void print_withdrawal(const struct net_record *record)
{
    CLEANUP(batch) struct batch b = {0};
    size_t i, len;
    json_t *port;
    json_array_foreach(record->attachment->ports, i, port)
    {
        if (str_equal(json_string_value(json_object_get(port, "proto")), "udp")) {
            return;
        }
    }
    table_put_withdrawal(&b, record);
    if (b.count) {
        const void *bytes = batch_finish(&b, &len);
        IGNORE(write_all(STDOUT_FILENO, bytes, len) < 0); /* then the end costs a process */
    }
}

static int attach(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    int r = work_open(&w, arguments[0], arguments[1], err);
    const struct net_attachment *a = r < 0 ? NULL : w.record->attachment;
    r = r < 0 ? r : work_prepare(&w, err);
    r = r < 0 ? r : guards_load(&w.guards, a->endpoints, a->count, err);
    CLEANUP(fd) int netns = r < 0 ? -1 : open_namespace(arguments[2], err);
    r = r < 0 ? r : netns;
    r = r < 0 ? r : work_publish(&w, err);
    r = r < 0 ? r : make_ends(&w, a->endpoints, a->count, netns, true, err);
    if (r >= 0) {
        print_withdrawal(w.record);
    }
    return r;
}

static const struct net_endpoint *end_named(const struct work *w, const char *interface,
                                            struct error **err)
{
    const struct net_attachment *a = w->record->attachment;
    for (size_t i = 0; i < a->count; i++) {
        if (str_equal(a->endpoints[i].interface, interface)) {
            return &a->endpoints[i];
        }
    }
    (void)error_set(err, ERROR_NOT_FOUND, ENODEV, "the record has no device '%s'", interface);
    return NULL;
}

static int connect_end(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    CLEANUP(fd) int netns = open_file(AT_FDCWD, arguments[2], O_RDONLY, 0, err);
    int r = netns < 0 ? netns : work_open(&w, arguments[0], arguments[1], err);
    const struct net_endpoint *e = r < 0 ? NULL : end_named(&w, arguments[3], err);
    r = r < 0 ? r : !e ? -ENODEV : work_prepare(&w, err);
    r = r < 0 ? r : work_publish(&w, err); /* they may lead to the new end */
    r = r < 0 ? r : guards_load(&w.guards, e, 1, err);
    return r < 0 ? r : make_ends(&w, e, 1, netns, false, err);
}

/* The ports are withdrawn, and published again where they lead without this end. */
static int move_ports(struct work *w, const struct net_endpoint *gone, struct error **err)
{
    struct net_attachment *a = w->record->attachment;
    size_t at = (size_t)(gone - a->endpoints);
    if (json_array_size(a->ports) == 0) {
        return 0;
    }
    int r = table_remove_ports(&w->nf, w->record, err);
    struct net_endpoint end = a->endpoints[at];
    memmove(&a->endpoints[at], &a->endpoints[at + 1], (a->count - at - 1) * sizeof(end));
    a->count--;
    r = r < 0 ? r : table_add_ports(&w->nf, w->record, err);
    memmove(&a->endpoints[at + 1], &a->endpoints[at], (a->count - at) * sizeof(end));
    a->endpoints[at] = end;
    a->count++;
    if (r >= 0) {
        conntrack_forget(&w->nf, w->record);
    }
    return r;
}

static int disconnect_end(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    CLEANUP(fd) int netns = open_file(AT_FDCWD, arguments[2], O_RDONLY, 0, err);
    int r = netns < 0 ? netns : work_open(&w, arguments[0], arguments[1], err);
    const struct net_endpoint *e = r < 0 ? NULL : end_named(&w, arguments[3], err);
    CLEANUP(fd) int lock = e ? work_lock(&w, err) : -1;
    r = r < 0 ? r : !e ? -ENODEV : lock;
    r = r < 0 ? r : move_ports(&w, e, err);
    return r < 0 ? r : link_leave_inside(w.record->attachment, e, netns, err);
}

static int shape(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    int r = work_open(&w, arguments[0], arguments[1], err);
    return r < 0 ? r : shape_apply(&w.route, w.record->id, w.record->attachment, true, err);
}

static int names(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    int64_t pid = 0;
    int r = work_open(&w, arguments[0], arguments[1], err);
    if (r >= 0 && (str_to_i64(arguments[2], 10, &pid) < 0 || pid < 1)) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid process '%s'", arguments[2]);
    }
    return r < 0 ? r : inside_serve(arguments[0], w.record, (pid_t)pid, err);
}

/* What make, unmake and reload work with. */
struct network_work {
    struct work w;
    struct net_place place;
    struct net_settings settings;
    struct net_network *network; /* NULL: none was named */
};

static void network_work_cleanup(struct network_work *n)
{
    work_cleanup(&n->w);
    net_settings_done(&n->settings);
    net_network_free(n->network);
}

static int open_network_work(struct network_work *n, char **arguments, struct error **err)
{
    n->place =
        (struct net_place){arguments[0], arguments[1], arguments[2][0] ? arguments[2] : NULL};
    int r = work_open_folder(&n->w, arguments[0], err);
    r = r < 0 ? r : net_settings_load(n->place.config_path, &n->settings, err);
    r = r < 0 || !arguments[3][0] ? r : net_network_find(&n->place, arguments[3], &n->network, err);
    r = r < 0 ? r : netlink_open(NETLINK_ROUTE, &n->w.route, err);
    return r < 0 ? r : netlink_open(NETLINK_NETFILTER, &n->w.nf, err);
}

static int make(char **arguments, struct error **err)
{
    CLEANUP(network_work) struct network_work n = {.w.dir = -1};
    int r = open_network_work(&n, arguments, err);
    CLEANUP(fd) int lock = r < 0 ? -1 : work_lock(&n.w, err);
    r = r < 0 ? r : lock;
    if (r < 0) {
        return r;
    }
    return net_network_is_bridge(n.network)
               ? work_prepare_network(&n.w, n.network, n.settings.table, err)
               : link_try(&n.w.route, n.network, err);
}

static int unmake(char **arguments, struct error **err)
{
    CLEANUP(network_work) struct network_work n = {.w.dir = -1};
    int r = open_network_work(&n, arguments, err);
    CLEANUP(fd) int lock = r < 0 ? -1 : work_lock(&n.w, err);
    r = r < 0 ? r : lock;
    if (r < 0 || !net_network_is_bridge(n.network)) {
        return r;
    }
    r = table_remove_bridge(&n.w.nf, n.settings.table, n.network, err);
    r = r < 0 ? r : forward_close(&n.w.nf, n.network, err);
    r = r < 0 ? r : firewalld_remove(&n.w.nf, n.network, err);
    /* Also where the firewall cannot be talked to: what was made goes. */
    int removed = bridge_remove(&n.w.route, n.network, r < 0 ? NULL : err);
    return r < 0 ? r : removed;
}

/* The table from the records of all that is attached, then every bridge that is there. */
static int reload(char **arguments, struct error **err)
{
    CLEANUP(network_work) struct network_work n = {.w.dir = -1};
    struct net_network **list = NULL;
    size_t count = 0;
    int r = open_network_work(&n, arguments, err);
    CLEANUP(fd) int lock = r < 0 ? -1 : work_lock(&n.w, err);
    r = r < 0 ? r : lock;
    r = r < 0 ? r : work_make_table(&n.w, n.settings.table, err);
    r = r < 0 ? r : net_network_list(&n.place, &list, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        bool there = net_network_is_bridge(list[i]) && bridge_ready(&n.w.route, list[i]);
        r = there || (net_network_is_bridge(list[i]) && net_network_is_made(list[i]))
                ? work_prepare_network(&n.w, list[i], n.settings.table, err)
                : 0;
        r = r < 0 || !there || firewalld_ready(&n.w.nf, list[i]) ? r : firewalld_add(list[i], err);
    }
    net_network_list_free(list, count);
    return r;
}

static int mark_ending(const struct work *w, struct error **err)
{
    CLEANUP(free) char *path = work_ending_path(w->record->id);
    if (symlinkat("ending", w->dir, path) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", path);
    }
    return 0;
}

static int detach(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    CLEANUP(error) struct error *e = NULL;
    int r = work_open(&w, arguments[0], arguments[1], &e);
    bool firewall = r >= 0;
    if (r < 0 && !w.route.socket) {
        return error_move(err, &e, r);
    } /* else there is no nf_tables, and nothing was published */
    CLEANUP(fd) int lock = work_lock(&w, err);
    r = lock < 0 ? lock : mark_ending(&w, err);
    r = r < 0 || !firewall ? r : table_remove_ports(&w.nf, w.record, err);
    if (r >= 0 && firewall) {
        conntrack_forget(&w.nf, w.record);
    }
    const struct net_attachment *a = w.record ? w.record->attachment : NULL;
    if (r >= 0 && (a->rate.in || a->rate.out)) {
        r = shape_remove(&w.route, w.record->id, err);
    }
    if (r >= 0 && arguments[2]) {
        r = link_remove(&w.route, a->endpoints, a->count, err);
    }
    return r;
}

static int purge(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_settings) struct net_settings settings = {0};
    int r = net_settings_load(arguments[1], &settings, err);
    r = r < 0 ? r : net_take_back_all(arguments[0], err);
    r = r < 0 ? r : leases_open(arguments[0], &leases, err);
    CLEANUP(strv) struct strv ids = {0};
    if (r < 0) {
        return r;
    }
    net_record_list(leases.dir, &ids);
    if (ids.count) {
        return error_set(err, ERROR_BUSY, 0, "%zu containers are attached to '%s'", ids.count,
                         settings.bridge->device);
    }
    r = netlink_open(NETLINK_ROUTE, &w.route, err);
    r = r < 0 ? r : netlink_open(NETLINK_NETFILTER, &w.nf, err);
    r = r < 0 ? r : table_remove(&w.nf, settings.table, err);
    r = r < 0 ? r : forward_close(&w.nf, settings.bridge, err);
    r = r < 0 ? r : firewalld_remove(&w.nf, settings.bridge, err);
    return r < 0 ? r : bridge_remove(&w.route, settings.bridge, err);
}

static const struct {
    const char *name;
    int min_arguments, max_arguments;
    int (*run)(char **arguments, struct error **err);
} verbs[] = {
    {"attach", 3, 3, attach},       {"detach", 2, 3, detach},
    {"connect", 4, 4, connect_end}, {"disconnect", 4, 4, disconnect_end},
    {"shape", 2, 3, shape},         {"names", 3, 3, names},
    {"make", 4, 4, make},           {"unmake", 4, 4, unmake},
    {"reload", 4, 4, reload},       {"purge", 2, 2, purge},
};

static int run(int argc, char **argv, struct error **err)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
        if (str_equal(argv[1], verbs[i].name) && argc - 2 >= verbs[i].min_arguments &&
            argc - 2 <= verbs[i].max_arguments) {
            return verbs[i].run(argv + 2, err); /* argv ends with NULL */
        }
    }
    return error_set(err, ERROR_USAGE, EINVAL,
                     "usage: cloison-net attach|detach|purge RUN_DIR ID|CONFIG [NETNS]; this "
                     "program is cloison's own, as its source tells");
}

int main(int argc, char **argv)
{
    CLEANUP(error) struct error *err = NULL;
    size_t seed = 1;
    (void)getrandom(&seed, sizeof(seed), 0); /* jansson would open /dev/urandom for its tables */
    json_object_seed(seed | 1);
    if (run(argc, argv, &err) >= 0) {
        return 0;
    }
    json_t *answer = error_to_json(err);
    if (json_dumpf(answer, stdout, JSON_COMPACT) < 0 || puts("") < 0 || fflush(stdout) != 0) {
        error_print(err, stderr);
    }
    json_decref(answer);
    return 1;
}
