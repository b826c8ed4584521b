// SPDX-License-Identifier: Apache-2.0
/* cloison-net: makes and undoes what the kernel holds of a network. Executed by net/client.c; not
 * meant for people, but for `purge`.
 *     cloison-net attach RUN_DIR ID NETNS     as the record of ID says
 *     cloison-net detach RUN_DIR ID [NETNS]   NETNS given: it may outlive the workload
 *     cloison-net purge RUN_DIR CONFIG        the bridge and the table, when nobody is attached
 * Silent when all went well; else one JSON object on standard output (net/helper.h) and exit 1.
 *
 * What all attachments share is checked without a lock and made under <run_dir>/net/kernel.lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error_json.h"
#include "base/file.h"
#include "net/helper.h"
#include "net/kernel/conntrack.h"
#include "net/kernel/forward.h"
#include "net/kernel/link.h"
#include "net/kernel/table.h"
#include "net/lease.h"
#include "net/record.h"

/* What every verb works with. */
struct work {
    int dir; /* <run_dir>/net */
    struct net_record *record;
    struct netlink route, nf;
};

static void work_cleanup(struct work *w)
{
    fd_close(w->dir);
    net_record_free(w->record);
    netlink_close(&w->route);
    netlink_close(&w->nf);
}

static int open_folder(struct work *w, const char *run_dir, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net", run_dir);
    w->dir = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    return w->dir;
}

static int open_work(struct work *w, const char *run_dir, const char *id, struct error **err)
{
    int r = open_folder(w, run_dir, err);
    r = r < 0 ? r : net_record_load(w->dir, id, &w->record, err);
    if (r == -ENOENT && w->dir >= 0) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no network is reserved for '%.12s'", id);
    }
    r = r < 0 ? r : netlink_open(NETLINK_ROUTE, &w->route, err);
    return r < 0 ? r : netlink_open(NETLINK_NETFILTER, &w->nf, err);
}

static int lock_kernel(const struct work *w, struct error **err)
{
    return lock_file(w->dir, "kernel.lock", LOCK_EXCLUSIVE, true, err);
}

/* An attachment being undone is no longer one to restore, though its record is still there. */
static char *ending_path(const char *id)
{
    return str_format("attachments/%s.ending", id);
}

static bool is_ending(const struct work *w, const char *id)
{
    CLEANUP(free) char *path = ending_path(id);
    return faccessat(w->dir, path, F_OK, 0) == 0;
}

struct records {
    struct net_record **items;
    size_t count;
};

static void records_cleanup(struct records *r)
{
    for (size_t i = 0; i < r->count; i++) {
        net_record_free(r->items[i]);
    }
    free(r->items);
}

/* Everybody's whose ports are in this table. */
static void load_records(const struct work *w, struct records *ret)
{
    CLEANUP(strv) struct strv ids = {0};
    net_record_list(w->dir, &ids);
    ret->items = xcalloc(ids.count + 1, sizeof(struct net_record *));
    for (size_t i = 0; i < ids.count; i++) {
        CLEANUP(net_record) struct net_record *record = NULL;
        if (!is_ending(w, ids.items[i]) &&
            net_record_load(w->dir, ids.items[i], &record, NULL) >= 0 &&
            str_equal(record->settings.table, w->record->settings.table)) {
            ret->items[ret->count++] = take_ptr(record);
        }
    }
}

static int make_table(struct work *w, struct error **err)
{
    CLEANUP(records) struct records all = {0};
    load_records(w, &all);
    return table_make(&w->nf, &w->record->settings, all.items, all.count, err);
}

static bool is_prepared(struct work *w, int *ret_bridge)
{
    const struct net_settings *s = &w->record->settings;
    return link_bridge_ready(&w->route, s, ret_bridge) && table_ready(&w->nf, s) &&
           forward_ready(&w->nf, s);
}

/* Forwarding, the bridge and the table, whichever is missing. */
static int prepare(struct work *w, int *ret_bridge, struct error **err)
{
    const struct net_settings *s = &w->record->settings;
    int r = link_forwarding_on(err);
    if (r < 0 || is_prepared(w, ret_bridge)) {
        return r;
    }
    CLEANUP(fd) int lock = lock_kernel(w, err);
    r = lock;
    if (r >= 0 && !link_bridge_ready(&w->route, s, ret_bridge)) {
        r = link_bridge_make(&w->route, s, ret_bridge, err);
    }
    r = r < 0 ? r : forward_open(&w->nf, s, err);
    return r < 0 || table_ready(&w->nf, s) ? r : make_table(w, err);
}

/* An element that is in the way was left by somebody who died; the records tell what is right. */
static int publish(struct work *w, struct error **err)
{
    CLEANUP(error) struct error *e = NULL;
    int r =
        json_array_size(w->record->attachment->ports) ? table_add_ports(&w->nf, w->record, &e) : 0;
    if (r == -EEXIST || r == -EBUSY || r == -ENOENT) {
        CLEANUP(fd) int lock = lock_kernel(w, err);
        r = lock < 0 ? lock : make_table(w, err);
    } else if (r < 0) {
        r = error_move(err, &e, r);
    }
    if (r >= 0) {
        conntrack_forget(&w->nf, w->record);
    }
    return r;
}

static int attach(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    int bridge = 0;
    CLEANUP(fd) int netns = open_file(AT_FDCWD, arguments[2], O_RDONLY, 0, err);
    int r = netns < 0 ? netns : open_work(&w, arguments[0], arguments[1], err);
    r = r < 0 ? r : prepare(&w, &bridge, err);
    r = r < 0 ? r : publish(&w, err);
    r = r < 0 ? r : link_pair_make(&w.route, w.record->attachment, bridge, netns, err);
    if (r < 0) {
        return r;
    }
    r = link_configure_inside(w.record->attachment, netns, err);
    if (r < 0) {
        IGNORE(
            link_pair_remove(&w.route, w.record->attachment, NULL)); /* the first error is told */
    }
    return r;
}

static int mark_ending(const struct work *w, struct error **err)
{
    CLEANUP(free) char *path = ending_path(w->record->id);
    if (symlinkat("ending", w->dir, path) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", path);
    }
    return 0;
}

static int detach(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    int r = open_work(&w, arguments[0], arguments[1], err);
    CLEANUP(fd) int lock = r < 0 ? r : lock_kernel(&w, err);
    r = lock < 0 ? lock : mark_ending(&w, err);
    r = r < 0 ? r : table_remove_ports(&w.nf, w.record, err);
    if (r >= 0) {
        conntrack_forget(&w.nf, w.record);
    }
    if (r >= 0 && arguments[2]) {
        r = link_pair_remove(&w.route, w.record->attachment, err);
    }
    return r;
}

static int purge(char **arguments, struct error **err)
{
    CLEANUP(work) struct work w = {.dir = -1};
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    struct net_settings settings;
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
                         settings.bridge);
    }
    r = netlink_open(NETLINK_ROUTE, &w.route, err);
    r = r < 0 ? r : netlink_open(NETLINK_NETFILTER, &w.nf, err);
    r = r < 0 ? r : table_remove(&w.nf, &settings, err);
    r = r < 0 ? r : forward_close(&w.nf, &settings, err);
    return r < 0 ? r : link_bridge_remove(&w.route, &settings, err);
}

static const struct {
    const char *name;
    int min_arguments, max_arguments;
    int (*run)(char **arguments, struct error **err);
} verbs[] = {
    {"attach", 3, 3, attach},
    {"detach", 2, 3, detach},
    {"purge", 2, 2, purge},
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
                     "usage: cloison-net attach|detach|purge RUN_DIR ID|CONFIG [NETNS]");
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
