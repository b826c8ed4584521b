// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/work.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "net/helper.h"
#include "net/kernel/bridge.h"
#include "net/kernel/conntrack.h"
#include "net/kernel/firewalld.h"
#include "net/kernel/forward.h"
#include "net/kernel/table.h"
#include "net/lease.h"

void work_done(struct work *w)
{
    fd_close(w->dir);
    net_record_free(w->record);
    netlink_close(&w->route);
    netlink_close(&w->nf);
    guards_done(&w->guards);
}

int work_open_folder(struct work *w, const char *run_dir, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net", run_dir);
    w->dir = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    return w->dir;
}

int work_open(struct work *w, const char *run_dir, const char *id, struct error **err)
{
    int r = work_open_folder(w, run_dir, err);
    r = r < 0 ? r : net_record_load(w->dir, id, &w->record, err);
    if (r == -ENOENT && w->dir >= 0) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no network is reserved for '%.12s'", id);
    }
    r = r < 0 ? r : netlink_open(NETLINK_ROUTE, &w->route, err);
    return r < 0 ? r : netlink_open(NETLINK_NETFILTER, &w->nf, err);
}

int work_lock(const struct work *w, struct error **err)
{
    return lock_file(w->dir, NET_KERNEL_LOCK, LOCK_EXCLUSIVE, true, err);
}

/* An attachment being undone is no longer one to restore, though its record is still there. */
char *work_ending_path(const char *id)
{
    return str_format("attachments/%s.ending", id);
}

static bool is_ending(const struct work *w, const char *id)
{
    CLEANUP(free) char *path = work_ending_path(id);
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
static void load_records(const struct work *w, const char *table, struct records *ret)
{
    CLEANUP(strv) struct strv ids = {0};
    net_record_list(w->dir, &ids);
    ret->items = xcalloc(ids.count + 1, sizeof(struct net_record *));
    for (size_t i = 0; i < ids.count; i++) {
        CLEANUP(net_record) struct net_record *record = NULL;
        if (!is_ending(w, ids.items[i]) &&
            net_record_load(w->dir, ids.items[i], &record, NULL) >= 0 &&
            str_equal(record->table, table)) {
            ret->items[ret->count++] = take_ptr(record);
        }
    }
}

int work_make_table(struct work *w, const char *table, struct error **err)
{
    CLEANUP(records) struct records all = {0};
    load_records(w, table, &all);
    return table_make(&w->nf, table, all.items, all.count, err);
}

/* Has the attachment an end in a bridge? The others need nothing of ours on the host. */
static bool has_bridge(const struct net_attachment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (net_network_is_bridge(a->endpoints[i].network)) {
            return true;
        }
    }
    return false;
}

static bool is_prepared(struct work *w)
{
    const struct net_attachment *a = w->record->attachment;
    for (size_t i = 0; i < a->count; i++) {
        const struct net_network *n = a->endpoints[i].network;
        if (net_network_is_bridge(n) && (!bridge_ready(&w->route, n) || !forward_ready(&w->nf, n) ||
                                         !firewalld_ready(&w->nf, n))) {
            return false;
        }
    }
    return !has_bridge(a) || table_ready(&w->nf, w->record->table, a);
}

/* The first that speaks with nf_tables: the kernel's answer where it has none is EINVAL. */
static int open_firewall(struct work *w, const struct net_network *n, struct error **err)
{
    int r = forward_open(&w->nf, n, err);
    return r == -EINVAL ? error_hint(err, r, "this kernel needs nf_tables (CONFIG_NF_TABLES_INET)")
                        : r;
}

/* A network's bridge, the table, and it in the table, whichever is missing. Under the lock. */
int work_prepare_network(struct work *w, const struct net_network *n, const char *table,
                         struct error **err)
{
    int r = bridge_forwarding_on(&w->route, n, err);
    r = r < 0 || bridge_ready(&w->route, n) ? r : bridge_make(&w->route, n, err);
    r = r < 0 ? r : open_firewall(w, n, err);
    r = r < 0 || table_ready(&w->nf, table, NULL) ? r : work_make_table(w, table, err);
    r = r < 0 ? r : table_add_bridge(&w->nf, table, n, err);
    if (r >= 0 && !firewalld_ready(&w->nf, n)) {
        IGNORE(firewalld_add(n, NULL) <
               0); /* published ports work all the same; reload tells why */
    }
    return r;
}

int work_prepare(struct work *w, struct error **err)
{
    const struct net_attachment *a = w->record->attachment;
    int r = 0;
    for (size_t i = 0; i < a->count && r >= 0; i++) {
        const struct net_network *n = a->endpoints[i].network;
        r = net_network_is_bridge(n) ? bridge_forwarding_on(&w->route, n, err) : 0;
    }
    if (r < 0 || is_prepared(w)) {
        return r;
    }
    CLEANUP(fd) int lock = work_lock(w, err);
    r = lock;
    for (size_t i = 0; i < a->count && r >= 0; i++) {
        const struct net_network *n = a->endpoints[i].network;
        r = net_network_is_bridge(n) ? work_prepare_network(w, n, w->record->table, err) : 0;
    }
    return r;
}

/* An element that is in the way was left by somebody who died; the records tell what is right. */
int work_publish(struct work *w, struct error **err)
{
    CLEANUP(error) struct error *e = NULL;
    int r =
        json_array_size(w->record->attachment->ports) ? table_add_ports(&w->nf, w->record, &e) : 0;
    if (r == -EEXIST || r == -EBUSY || r == -ENOENT) {
        CLEANUP(fd) int lock = work_lock(w, err);
        r = lock < 0 ? lock : work_make_table(w, w->record->table, err);
    } else if (r < 0) {
        r = error_move(err, &e, r);
    }
    if (r >= 0) {
        conntrack_forget(&w->nf, w->record);
    }
    return r;
}
