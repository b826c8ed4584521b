// SPDX-License-Identifier: Apache-2.0
/* config-linux.md: namespaces and what hangs on them, devices, resources. */
#include <string.h>

#include "spec/validate.h"

#define NANOSECONDS_IN_SECOND 1000000000
#define INTERFACE_NAME_BYTES_MAX 15 /* IFNAMSIZ - 1 */

static int validate_maps(const char *where, const struct spec_id_map *maps, size_t count,
                         struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        if (maps[i].size == 0) {
            return invalid(err, where, "a range of size 0");
        }
        if (maps[i].size - 1 > UINT32_MAX - maps[i].container_id ||
            maps[i].size - 1 > UINT32_MAX - maps[i].host_id) {
            return invalid(err, where, "a range goes past the last id");
        }
    }
    return 0;
}

static int validate_user_namespace(const struct spec *s, struct error **err)
{
    const struct spec_linux *l = &s->linux_;
    const struct spec_namespace *user = spec_namespace_get(s, SPEC_NS_USER);
    bool maps = l->uid_mapping_count || l->gid_mapping_count;
    if (maps && !user) {
        return invalid(err, l->uid_mapping_count ? "linux.uidMappings" : "linux.gidMappings",
                       "need a user namespace");
    }
    if (user && !user->path && !(l->uid_mapping_count && l->gid_mapping_count)) {
        return invalid(err, "linux.namespaces",
                       "a new user namespace needs uidMappings and gidMappings");
    }
    int r = validate_maps("linux.uidMappings", l->uid_mappings, l->uid_mapping_count, err);
    return r < 0 ? r
                 : validate_maps("linux.gidMappings", l->gid_mappings, l->gid_mapping_count, err);
}

static int validate_time(const struct spec *s, struct error **err)
{
    const struct spec_linux *l = &s->linux_;
    const struct spec_namespace *time = spec_namespace_get(s, SPEC_NS_TIME);
    if (!l->monotonic.set && !l->boottime.set) {
        return 0;
    }
    if (!time || time->path) {
        return invalid(err, "linux.timeOffsets", "need a new time namespace");
    }
    if (l->monotonic.nanosecs >= NANOSECONDS_IN_SECOND ||
        l->boottime.nanosecs >= NANOSECONDS_IN_SECOND) {
        return invalid(err, "linux.timeOffsets", "'nanosecs' is not below a second");
    }
    return 0;
}

int validate_namespaces(const struct spec *s, struct error **err)
{
    const struct spec_linux *l = &s->linux_;
    unsigned seen = 0;
    for (size_t i = 0; i < l->namespace_count; i++) {
        const struct spec_namespace *n = &l->namespaces[i];
        if (seen & 1u << n->type) {
            return invalid(err, "linux.namespaces", "'%s' stands twice",
                           spec_namespace_name(n->type));
        }
        seen |= 1u << n->type;
        if (n->path && *n->path != '/') {
            return invalid(err, "linux.namespaces", "the path '%s' is not absolute", n->path);
        }
    }
    int r = validate_user_namespace(s, err);
    return r < 0 ? r : validate_time(s, err);
}

/* "net/ipv4/conf/eth0.1/mtu" and "net.ipv4.conf.eth0/1.mtu" are both in use: the first separator
 * tells which. Written with dots for comparing. */
static char *sysctl_dotted(const char *key)
{
    char *dotted = xstrdup(key);
    if (dotted[strcspn(dotted, "./")] == '/') {
        for (char *c = dotted; *c; c++) {
            *c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
        }
    }
    return dotted;
}

/* Which namespace a parameter belongs to; SPEC_NS_COUNT: none, it is the whole host's. */
static enum spec_namespace_type sysctl_owner(const char *key)
{
    static const char *const ipc[] = {
        "kernel.msgmax",      "kernel.msgmnb",      "kernel.msgmni",      "kernel.sem",
        "kernel.shmall",      "kernel.shmmax",      "kernel.shmmni",      "kernel.shm_rmid_forced",
        "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id", NULL};
    if (str_starts(key, "net.")) {
        return SPEC_NS_NETWORK;
    }
    if (str_in(key, ipc) || str_starts(key, "fs.mqueue.")) {
        return SPEC_NS_IPC;
    }
    if (str_starts(key, "user.")) {
        return SPEC_NS_USER;
    }
    return strcmp(key, "kernel.domainname") == 0 ? SPEC_NS_UTS : SPEC_NS_COUNT;
}

const char *sysctl_refusal(const struct spec *s, const char *key)
{
    static const char *const wants[SPEC_NS_COUNT] = {
        [SPEC_NS_NETWORK] = "needs a network namespace",
        [SPEC_NS_IPC] = "needs an ipc namespace",
        [SPEC_NS_USER] = "needs a user namespace",
        [SPEC_NS_UTS] = "needs a uts namespace",
    };
    CLEANUP(free) char *dotted = sysctl_dotted(key);
    if (!*key || strstr(dotted, "..") || strchr("./", *key) || strstr(dotted, "//")) {
        return "is not a parameter's name";
    }
    if (strcmp(dotted, "kernel.hostname") == 0) {
        return "is what 'hostname' is for";
    }
    enum spec_namespace_type owner = sysctl_owner(dotted);
    if (owner == SPEC_NS_COUNT) {
        return "is the whole host's, no namespace has its own";
    }
    return spec_namespace_get(s, owner) ? NULL : wants[owner];
}

static int validate_sysctls(const struct spec *s, struct error **err)
{
    for (size_t i = 0; i < s->linux_.sysctl_count; i++) {
        const char *why = sysctl_refusal(s, s->linux_.sysctl[i].key);
        if (!why && s->domainname && str_equal(s->linux_.sysctl[i].key, "kernel.domainname") &&
            !str_equal(s->domainname, s->linux_.sysctl[i].value)) {
            why = "contradicts 'domainname'";
        }
        if (why) {
            return invalid(err, "linux.sysctl", "'%s' %s", s->linux_.sysctl[i].key, why);
        }
    }
    return 0;
}

static int validate_paths(const struct spec *s, struct error **err)
{
    const struct spec_linux *l = &s->linux_;
    const struct {
        const char *where;
        const char **items;
        size_t count;
    } lists[] = {{"linux.maskedPaths", l->masked_paths, l->masked_path_count},
                 {"linux.readonlyPaths", l->readonly_paths, l->readonly_path_count}};
    for (size_t n = 0; n < ARRAY_SIZE(lists); n++) {
        for (size_t i = 0; i < lists[n].count; i++) {
            if (*lists[n].items[i] != '/') {
                return invalid(err, lists[n].where, "'%s' is not absolute", lists[n].items[i]);
            }
        }
    }
    return 0;
}

static int validate_words(const struct spec *s, struct error **err)
{
    static const char *const propagations[] = {"shared",     "rshared",     "slave",
                                               "rslave",     "private",     "rprivate",
                                               "unbindable", "runbindable", NULL};
    static const char *const domains[] = {"LINUX", "LINUX32", NULL};
    const struct spec_linux *l = &s->linux_;
    if (l->rootfs_propagation && !str_in(l->rootfs_propagation, propagations)) {
        return invalid(err, "linux.rootfsPropagation", "'%s' is not known", l->rootfs_propagation);
    }
    if (l->personality_domain && !str_in(l->personality_domain, domains)) {
        return invalid(err, "linux.personality", "the domain '%s' is not known",
                       l->personality_domain);
    }
    if (l->rdt_mem_bw && (!str_starts(l->rdt_mem_bw, "MB:") || strchr(l->rdt_mem_bw, '\n'))) {
        return invalid(err, "linux.intelRdt", "'memBwSchema' must start with 'MB:', in one line");
    }
    if (l->rdt_clos_id && (!*l->rdt_clos_id || strchr(l->rdt_clos_id, '/') ||
                           str_equal(l->rdt_clos_id, ".") || str_equal(l->rdt_clos_id, ".."))) {
        return invalid(err, "linux.intelRdt", "'%s' cannot be a closID", l->rdt_clos_id);
    }
    return 0;
}

static bool has_parent_component(const char *path)
{
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0) {
            return true;
        }
        p += n + (p[n] == '/');
    }
    return false;
}

static int validate_devices(const struct spec *s, struct error **err)
{
    const struct spec_linux *l = &s->linux_;
    for (size_t i = 0; i < l->device_count; i++) {
        if (*l->devices[i].path != '/') {
            return invalid(err, "linux.devices", "the path '%s' is not absolute",
                           l->devices[i].path);
        }
    }
    if (l->net_device_count && !spec_namespace_get(s, SPEC_NS_NETWORK)) {
        return invalid(err, "linux.netDevices", "need a network namespace");
    }
    for (size_t i = 0; i < l->net_device_count; i++) {
        const char *name = str_or(l->net_devices[i].new_name, l->net_devices[i].name);
        if (!*name || strlen(name) > INTERFACE_NAME_BYTES_MAX || strpbrk(name, "/ \t\n") ||
            str_equal(name, ".") || str_equal(name, "..")) {
            return invalid(err, "linux.netDevices", "'%s' cannot be an interface's name", name);
        }
    }
    return 0;
}

static int validate_resources(const struct spec_resources *r, struct error **err)
{
    for (size_t i = 0; i < r->device_count; i++) {
        const char *access = str_or(r->devices[i].access, "");
        if (access[strspn(access, "rwm")]) {
            return invalid(err, "linux.resources.devices", "'%s' is not made of 'rwm'", access);
        }
    }
    for (size_t i = 0; i < r->weight_device_count; i++) {
        if (!r->weight_devices[i].weight.set && !r->weight_devices[i].leaf_weight.set) {
            return invalid(err, "linux.resources.blockIO.weightDevice",
                           "%lld:%lld has neither 'weight' nor 'leafWeight'",
                           (long long)r->weight_devices[i].major,
                           (long long)r->weight_devices[i].minor);
        }
    }
    for (size_t i = 0; i < r->rdma_count; i++) {
        if (!r->rdma[i].hca_handles.set && !r->rdma[i].hca_objects.set) {
            return invalid(err, "linux.resources.rdma",
                           "'%s' has neither 'hcaHandles' nor 'hcaObjects'", r->rdma[i].device);
        }
    }
    for (size_t i = 0; i < r->unified_count; i++) {
        const char *name = r->unified[i].key;
        if (!*name || strchr(name, '/') || !strchr(name, '.') || *name == '.') {
            return invalid(err, "linux.resources.unified", "'%s' is not a cgroup file", name);
        }
    }
    return 0;
}

int validate_linux(const struct spec *s, struct error **err)
{
    static int (*const parts[])(const struct spec *, struct error **) = {
        validate_paths, validate_words, validate_devices, validate_sysctls};
    const struct spec_linux *l = &s->linux_;
    int r = 0;
    if (l->cgroups_path && has_parent_component(l->cgroups_path)) {
        return invalid(err, "linux.cgroupsPath", "'%s' contains '..'", l->cgroups_path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        r = parts[i](s, err);
    }
    if (r >= 0) {
        r = validate_resources(&l->resources, err);
    }
    return r < 0 || !l->seccomp ? r : validate_seccomp(l->seccomp, err);
}
