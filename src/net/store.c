// SPDX-License-Identifier: Apache-2.0
#include "net/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "net/helper.h"
#include "net/lease.h"
#include "net/settings.h"

#define NETWORK_JSON_MAX ((size_t)1 << 20)
#define ID_DIGITS 64

static char *folder_of(const struct net_place *p)
{
    return str_format("%s/networks", p->data_dir);
}

static char *path_of(const struct net_place *p, const char *name)
{
    return str_format("%s/networks/%s.json", p->data_dir, name);
}

bool net_network_is_made(const struct net_network *n)
{
    static const char *const fixed[] = {"bridge", "host", "none", NULL};
    return !str_in(n->name, fixed);
}

static int load(const struct net_place *p, const char *name, struct net_network **ret,
                struct error **err)
{
    CLEANUP(free) char *path = path_of(p, name);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *e = NULL;
    int r = json_load_path(AT_FDCWD, path, NETWORK_JSON_MAX, &json, &e);
    if (r == -ENOENT) {
        return r;
    }
    return r < 0 ? error_move(err, &e, r) : net_network_from_json(json, path, ret, err);
}

static struct net_network *plain(const char *name, const char *driver)
{
    struct net_network *n = xcalloc(1, sizeof(*n));
    n->name = xstrdup(name);
    n->driver = xstrdup(driver);
    n->id = xmalloc(ID_DIGITS + 1);
    net_fixed_id(name, n->id);
    return n;
}

/* One that there always is; 0 and NULL for any other name. */
static int fixed(const struct net_place *p, const char *name, struct net_network **ret,
                 struct error **err)
{
    *ret = NULL;
    if (str_equal(name, "host")) {
        *ret = plain("host", "host");
    } else if (str_equal(name, "none")) {
        *ret = plain("none", "null");
    } else if (str_equal(name, "bridge") || str_equal(name, "default")) {
        CLEANUP(net_settings) struct net_settings s = {0};
        int r = net_settings_load(p->config_path, &s, err);
        *ret = r < 0 ? NULL : take_ptr(s.bridge);
        return r;
    }
    return 0;
}

static int not_found(const char *name, struct error **err)
{
    int r = error_set(err, ERROR_NOT_FOUND, ENOENT, "no such network: %s", name);
    return error_hint(err, r, "'cloison network ls' lists them");
}

/* By ID, or the start of one. */
static int find_by_id(const struct net_place *p, const char *id, struct net_network **ret,
                      struct error **err)
{
    struct net_network **all = NULL, *found = NULL;
    size_t count = 0, fitting = 0;
    int r = net_network_list(p, &all, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (str_starts(all[i]->id, id)) {
            fitting++;
            net_network_free(found);
            found = take_ptr(all[i]);
        }
    }
    net_network_list_free(all, count);
    if (r < 0 || fitting != 1) {
        net_network_free(found);
        return r < 0      ? r
               : !fitting ? not_found(id, err)
                          : error_set(err, ERROR_USAGE, 0, "network ID '%s' is ambiguous", id);
    }
    *ret = found;
    return 0;
}

int net_network_find(const struct net_place *place, const char *name, struct net_network **ret,
                     struct error **err)
{
    int r = fixed(place, name, ret, err);
    if (r < 0 || *ret) {
        return r;
    }
    bool can_be_name = net_name_check(name, NULL) >= 0;
    r = can_be_name ? load(place, name, ret, err) : -ENOENT;
    if (r != -ENOENT) {
        return r;
    }
    return name[0] && strspn(name, "0123456789abcdef") == strlen(name)
               ? find_by_id(place, name, ret, err)
               : not_found(name, err);
}

static int compare(const void *a, const void *b)
{
    return strcmp((*(struct net_network *const *)a)->name, (*(struct net_network *const *)b)->name);
}

int net_network_list(const struct net_place *place, struct net_network ***ret, size_t *ret_count,
                     struct error **err)
{
    static const char *const always[] = {"bridge", "host", "none"};
    CLEANUP(free) char *folder = folder_of(place);
    CLEANUP(strv) struct strv names = {0};
    int r = list_folder(AT_FDCWD, folder, &names, err);
    size_t count = 0;
    struct net_network **list = xcalloc(names.count + ARRAY_SIZE(always), sizeof(*list));
    for (size_t i = 0; i < ARRAY_SIZE(always) && r >= 0; i++, count++) {
        r = fixed(place, always[i], &list[count], err);
    }
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        if (str_ends(names.items[i], ".json")) {
            CLEANUP(free)
            char *name = xstrndup(names.items[i], strlen(names.items[i]) - strlen(".json"));
            r = load(place, name, &list[count], err);
            count += r >= 0;
            r = r == -ENOENT ? 0 : r; /* just removed */
        }
    }
    if (r < 0) {
        net_network_list_free(list, count);
        return r;
    }
    qsort(list, count, sizeof(*list), compare);
    *ret = list;
    *ret_count = count;
    return 0;
}

void net_network_list_free(struct net_network **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        net_network_free(list[i]);
    }
    free(list);
}

/* Of those that were killed while they saved: the lock is ours. */
static void sweep_new(const char *folder)
{
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(fd) int dir = open_file(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, NULL);
    IGNORE(dir >= 0 && list_folder_whole(dir, ".", &names, NULL)); /* the next one tries again */
    for (size_t i = 0; i < names.count; i++) {
        if (str_starts(names.items[i], ".new-")) {
            (void)unlinkat(dir, names.items[i], 0);
        }
    }
}

/* Whole under a name that list_folder() leaves out, then the real one, if it is free. */
static int save_new(const struct net_place *p, const struct net_network *n, struct error **err)
{
    CLEANUP(free) char *folder = folder_of(p);
    CLEANUP(free) char *path = path_of(p, n->name);
    CLEANUP(free) char *temporary = str_format("%s/.new-%s", folder, n->id);
    CLEANUP(json) json_t *json = net_network_to_json(n);
    int r = mkdir_all(folder, 0711, err);
    sweep_new(folder);
    r = r < 0 ? r : json_save_path(AT_FDCWD, temporary, json, 0600, true, err);
    if (r < 0) {
        return r;
    }
    r = link(temporary, path) < 0 ? -errno : 0;
    (void)unlink(temporary); /* the next change sweeps */
    if (r == -EEXIST) {
        return error_set(err, ERROR_EXISTS, EEXIST, "network with name %s already exists", n->name);
    }
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "making '%s'", path) : 0;
}

/* The store stays locked until the helper has ended: a bridge that it makes behind the death of
 * this process would miss its removal. */
static int helper(const struct net_place *p, const struct leases *l, const char *verb,
                  const char *name, struct error **err)
{
    const char *const arguments[] = {verb, p->run_dir, p->data_dir, str_or(p->config_path, ""),
                                     name, NULL};
    return net_helper_run_locked(arguments, l->lock, err);
}

static int create(const struct net_place *p, const struct leases *l, const struct net_network *n,
                  struct error **err)
{
    int r = save_new(p, n, err);
    if (r < 0) {
        return r;
    }
    r = helper(p, l, "make", n->name, err);
    if (r < 0) {
        CLEANUP(free) char *path = path_of(p, n->name);
        IGNORE(helper(p, l, "unmake", n->name, NULL)); /* the first error is the one to tell */
        (void)unlink(path);
    }
    return r;
}

int net_network_create(const struct net_place *place, const struct net_network_request *request,
                       struct net_network **ret, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_network) struct net_network *n = NULL;
    static const char *const fixed_names[] = {"bridge", "host", "none", "default", NULL};
    if (str_in(request->name, fixed_names)) {
        return error_set(err, ERROR_EXISTS, EEXIST, "network with name %s already exists",
                         request->name);
    }
    int r = net_name_check(request->name, err);
    r = r < 0 ? r : leases_open(place->run_dir, &leases, err);
    CLEANUP(free) char *path = path_of(place, request->name);
    if (r >= 0 && access(path, F_OK) == 0) {
        return error_set(err, ERROR_EXISTS, EEXIST, "network with name %s already exists",
                         request->name);
    }
    r = r < 0 ? r : net_network_draft(place, request, &n, err);
    r = r < 0 ? r : create(place, &leases, n, err);
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(n);
    return 0;
}

/* A container that died unseen holds no network. */
static int check_unused(const struct net_place *p, const struct leases *l,
                        const struct net_network *n, struct error **err)
{
    CLEANUP(strv) struct strv users = {0};
    net_network_attached(p, l, n->id, &users);
    if (users.count) {
        CLEANUP(free) char *names = strv_join(&users, ", ");
        return error_set(err, ERROR_BUSY, EBUSY, "network '%s' is in use by %s", n->name, names);
    }
    return 0;
}

int net_network_remove(const struct net_place *place, const char *name, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_network) struct net_network *n = NULL;
    int r = net_network_find(place, name, &n, err);
    if (r >= 0 && !net_network_is_made(n)) {
        return error_set(err, ERROR_DENIED, EPERM, "network '%s' cannot be removed: it always is",
                         n->name);
    }
    r = r < 0 ? r : leases_open(place->run_dir, &leases, err);
    r = r < 0 ? r : check_unused(place, &leases, n, err);
    r = r < 0 ? r : helper(place, &leases, "unmake", n->name, err);
    if (r < 0) {
        return r;
    }
    /* The file last: a removal that was killed is done again. */
    CLEANUP(free) char *addresses = str_format("addresses/%s", n->id);
    CLEANUP(free) char *path = path_of(place, n->name);
    CLEANUP(free) char *folder = folder_of(place);
    sweep_new(folder);
    r = remove_tree(leases.dir, addresses, err);
    if (r >= 0 && unlink(path) < 0 && errno != ENOENT) {
        return error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", path);
    }
    return r;
}

int net_reload(const struct net_place *place, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    int r = leases_open(place->run_dir, &leases, err);
    return r < 0 ? r : helper(place, &leases, "reload", "", err);
}
