// SPDX-License-Identifier: Apache-2.0
#include "net/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"

#define FOLDER_MODE 0711     /* the container's user cannot list who is where */
#define PATH_BYTES 400       /* "addresses/<network id>/<address>" */
#define SEARCH_MAX (1 << 17) /* addresses looked at: more than a machine can have containers */

int leases_open(const char *run_dir, struct leases *ret, struct error **err)
{
    static const char *const folders[] = {"addresses", "ports", "attachments"};
    CLEANUP(free) char *path = str_format("%s/net", run_dir);
    CLEANUP(leases) struct leases l = LEASES_NONE;
    l.dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; l.dir < 0 && i < ARRAY_SIZE(folders); i++) {
        CLEANUP(free) char *folder = str_format("%s/%s", path, folders[i]);
        int r = mkdir_all(folder, FOLDER_MODE, err);
        if (r < 0) {
            return r;
        }
    }
    if (l.dir < 0) {
        l.dir = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    }
    if (l.dir < 0) {
        return l.dir;
    }
    l.lock = lock_file(l.dir, "lock", LOCK_EXCLUSIVE, true, err);
    if (l.lock < 0) {
        return l.lock;
    }
    *ret = l;
    l = LEASES_NONE;
    return 0;
}

void leases_close(struct leases *l)
{
    l->lock = fd_close(l->lock);
    l->dir = fd_close(l->dir);
}

/* Who holds the lease at this path? False: nobody. */
static bool read_holder(int dir, const char *path, char holder[LEASE_HOLDER_BYTES])
{
    ssize_t n = readlinkat(dir, path, holder, LEASE_HOLDER_BYTES - 1);
    holder[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void address_path(char path[PATH_BYTES], const char *network, const char *name)
{
    (void)snprintf(path, PATH_BYTES, "addresses/%s/%s", network, name);
}

static void port_path(char path[PATH_BYTES], const char *proto, int port, const char *address)
{
    (void)snprintf(path, PATH_BYTES, "ports/%s-%d/%s", proto, port, address);
}

static const char *last_name(const struct net_address *a)
{
    return a->family == AF_INET6 ? ".last6" : ".last";
}

/* The number of the address given last; 0: none was. */
static uint64_t read_last(const struct leases *l, const char *network, const struct net_pool *p)
{
    char path[PATH_BYTES], text[LEASE_HOLDER_BYTES];
    struct net_address last;
    address_path(path, network, last_name(&p->subnet.base));
    return read_holder(l->dir, path, text) && net_address_parse(text, &last) == 0 &&
                   net_subnet_has(&p->subnet, &last)
               ? net_subnet_number(&p->subnet, &last)
               : 0;
}

/* The hint of where to look next; losing it costs nothing but a longer search. */
static void write_last(const struct leases *l, const char *network, const struct net_address *a)
{
    char path[PATH_BYTES], temporary[PATH_BYTES], text[NET_ADDRESS_BYTES];
    net_address_text(a, text);
    address_path(path, network, last_name(a));
    address_path(temporary, network, ".last.new");
    (void)unlinkat(l->dir, temporary, 0); /* of one killed between the two calls below */
    if (symlinkat(text, l->dir, temporary) == 0) {
        (void)renameat(l->dir, temporary, l->dir, path);
    }
}

static bool address_held(const struct leases *l, const char *network, const struct net_address *a,
                         char holder[LEASE_HOLDER_BYTES])
{
    char path[PATH_BYTES], text[NET_ADDRESS_BYTES];
    net_address_text(a, text);
    address_path(path, network, text);
    return read_holder(l->dir, path, holder);
}

int lease_find_address(const struct leases *l, const char *network_id, const struct net_pool *p,
                       const struct net_address *wanted, struct net_address *ret,
                       char holder[LEASE_HOLDER_BYTES])
{
    uint64_t first = net_pool_first(p), last = net_pool_last(p);
    if (wanted->family) {
        *ret = *wanted;
        return address_held(l, network_id, wanted, holder) ? -EADDRINUSE : 0;
    }
    uint64_t candidate = read_last(l, network_id, p);
    for (uint64_t i = 0; i <= last - first && i < SEARCH_MAX; i++) {
        candidate = candidate < first || candidate >= last ? first : candidate + 1;
        struct net_address a = net_subnet_at(&p->subnet, candidate);
        if (!net_pool_is_kept(p, &a) && !address_held(l, network_id, &a, holder)) {
            *ret = a;
            return 0;
        }
    }
    return -ENOSPC;
}

/* Of one family, and the same or one of them all? */
static bool addresses_meet(const char *a, const char *b)
{
    bool same_family = !strchr(a, ':') == !strchr(b, ':');
    return same_family && (str_equal(a, b) || str_equal(a, "0.0.0.0") || str_equal(b, "0.0.0.0") ||
                           str_equal(a, "::") || str_equal(b, "::"));
}

bool lease_port_held(const struct leases *l, const char *proto, const char *address, int port,
                     char holder[LEASE_HOLDER_BYTES])
{
    char path[PATH_BYTES];
    port_path(path, proto, port, "");
    int fd = openat(l->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        fd_close(fd);
        return false;
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] != '.' && addresses_meet(e->d_name, address) &&
            read_holder(dirfd(d), e->d_name, holder)) {
            return true;
        }
    }
    return false;
}

/* Makes the lease, its folder too when absent. One that the id holds already is well. */
static int take(int dir, char path[PATH_BYTES], const char *id, struct error **err)
{
    char holder[LEASE_HOLDER_BYTES];
    if (symlinkat(id, dir, path) == 0) {
        return 0;
    }
    if (errno == EEXIST && read_holder(dir, path, holder) && str_equal(holder, id)) {
        return 0;
    }
    if (errno == ENOENT) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        int made = mkdirat(dir, path, FOLDER_MODE);
        *slash = '/';
        if ((made == 0 || errno == EEXIST) && symlinkat(id, dir, path) == 0) {
            return 0;
        }
    }
    return error_set_errno(err, ERROR_KERNEL, errno, "taking the lease '%s'", path);
}

/* Removes the lease if it is this id's. The folder of a port goes with its last lease. */
static int drop(int dir, char path[PATH_BYTES], const char *id, struct error **err)
{
    char holder[LEASE_HOLDER_BYTES];
    if (!read_holder(dir, path, holder) || !str_equal(holder, id)) {
        return 0;
    }
    if (unlinkat(dir, path, 0) < 0 && errno != ENOENT) {
        return error_set_errno(err, ERROR_KERNEL, errno, "returning the lease '%s'", path);
    }
    if (str_starts(path, "ports/")) {
        *strrchr(path, '/') = '\0';
        (void)unlinkat(dir, path, AT_REMOVEDIR); /* refused while another address is held */
    }
    return 0;
}

typedef int lease_action(int dir, char path[PATH_BYTES], const char *id, struct error **err);

static int each_address(const struct leases *l, const char *id, const struct net_endpoint *e,
                        lease_action *do_it, struct error **err)
{
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        char path[PATH_BYTES], text[NET_ADDRESS_BYTES];
        net_address_text(&e->addresses[f], text);
        if (text[0]) {
            address_path(path, e->network->id, text);
            r = do_it(l->dir, path, id, err);
        }
    }
    return r;
}

/* Calls do_it for every lease of the record. */
static int each_lease(const struct leases *l, const struct net_record *record, lease_action *do_it,
                      struct error **err)
{
    int r = 0;
    for (size_t n = 0; n < record->attachment->count && r >= 0; n++) {
        r = each_address(l, record->id, &record->attachment->endpoints[n], do_it, err);
    }
    size_t i;
    json_t *port;
    json_array_foreach(record->attachment->ports, i, port)
    {
        char path[PATH_BYTES];
        if (r < 0) {
            return r;
        }
        port_path(path, str_or(json_string_value(json_object_get(port, "proto")), "tcp"),
                  (int)json_integer_value(json_object_get(port, "host")),
                  str_or(json_string_value(json_object_get(port, "address")), "0.0.0.0"));
        r = do_it(l->dir, path, record->id, err);
    }
    return r;
}

int lease_take(const struct leases *l, const struct net_record *record, struct error **err)
{
    int r = each_lease(l, record, take, err);
    if (r < 0) {
        return r;
    }
    for (size_t n = 0; n < record->attachment->count; n++) {
        const struct net_endpoint *e = &record->attachment->endpoints[n];
        for (int f = 0; f < NET_FAMILIES; f++) {
            if (e->addresses[f].family) {
                write_last(l, e->network->id, &e->addresses[f]);
            }
        }
    }
    return 0;
}

int lease_drop_endpoint(const struct leases *l, const char *id, const struct net_endpoint *e,
                        struct error **err)
{
    return each_address(l, id, e, drop, err);
}

int lease_drop(const struct leases *l, const struct net_record *record, struct error **err)
{
    static const char *const endings[] = {"json", "ending"}; /* the helper's mark goes last */
    int r = each_lease(l, record, drop, err);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(endings); i++) {
        CLEANUP(free) char *path = str_format("attachments/%s.%s", record->id, endings[i]);
        if (unlinkat(l->dir, path, 0) < 0 && errno != ENOENT) {
            return error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", path);
        }
    }
    return r;
}

/* Calls `each` with every name in a folder below net/. */
static void each_name(const struct leases *l, const char *folder, void (*each)(int, const char *))
{
    int fd = open_file(l->dir, folder, O_RDONLY | O_DIRECTORY, 0, NULL);
    CLEANUP(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        fd_close(fd);
        return;
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        each(fd, e->d_name);
    }
}

static void sweep_mark(int attachments, const char *name)
{
    static const char ending[] = ".ending";
    if (str_ends(name, ending)) {
        CLEANUP(free) char *id = xstrndup(name, strlen(name) - strlen(ending));
        CLEANUP(free) char *record = str_format("%s.json", id);
        if (faccessat(attachments, record, F_OK, 0) < 0) {
            (void)unlinkat(attachments, name, 0); /* the next sweep tries again */
        }
    }
}

static void sweep_port(int ports, const char *name)
{
    (void)unlinkat(ports, name, AT_REMOVEDIR); /* refused while a lease is in it */
}

/* Temporary names of records, marks without their record, folders of ports without a lease. */
void leases_sweep(const struct leases *l)
{
    file_sweep_temporaries(l->dir, "attachments", 0);
    each_name(l, "attachments", sweep_mark);
    each_name(l, "ports", sweep_port);
}

static bool is_process(pid_t pid, uint64_t start)
{
    return pid > 0 && start && process_start_time(-1, pid) == start;
}

static bool is_locked(const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && lock_fd(fd, LOCK_SHARED, false, NULL) == -EWOULDBLOCK;
}

static bool workload_lives(const char *path)
{
    CLEANUP(json) json_t *state = NULL;
    if (json_load_path(AT_FDCWD, path, (size_t)1 << 20, &state, NULL) < 0) {
        return false;
    }
    return is_process((pid_t)json_integer_value(json_object_get(state, "pid")),
                      (uint64_t)json_integer_value(json_object_get(state, "pidStart")));
}

bool lease_holder_gone(const char *run_dir, const struct net_record *record)
{
    CLEANUP(free) char *lock = str_format("%s/containers/%s/monitor.lock", run_dir, record->id);
    CLEANUP(free) char *state = str_format("%s/containers/%s/state.json", run_dir, record->id);
    return !is_process(record->reserver, record->reserver_start) && !is_locked(lock) &&
           !workload_lives(state);
}
