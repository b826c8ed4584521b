// SPDX-License-Identifier: Apache-2.0
#include "spec/seccomp_profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"

#define ARCHITECTURES_MAX 3

static const struct {
    const char *machine, *docker;
    const char *names[ARCHITECTURES_MAX];
} architectures[] = {
    {"x86_64", "amd64", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
    {"i686", "x86", {NULL}},
    {"aarch64", "arm64", {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}},
    {"armv7l", "arm", {NULL}},
    {"ppc64le", "ppc64le", {NULL}},
    {"s390x", "s390x", {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"}},
    {"riscv64", "riscv64", {"SCMP_ARCH_RISCV64"}},
    {"mips64", "mipsel64", {"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64N32"}},
};

const char *seccomp_arch_docker(const char *machine)
{
    for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
        if (str_equal(architectures[i].machine, machine)) {
            return architectures[i].docker;
        }
    }
    return machine;
}

void seccomp_arch_list(const char *machine, const char ***ret, size_t *ret_count)
{
    *ret = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
        if (str_equal(architectures[i].machine, machine)) {
            *ret = (const char **)architectures[i].names; /* read only in every spec */
            while (*ret_count < ARCHITECTURES_MAX && architectures[i].names[*ret_count]) {
                ++*ret_count;
            }
        }
    }
}

bool seccomp_word_in(const char *word, const char *list)
{
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == 0)) {
            return true;
        }
    }
    return false;
}

bool seccomp_kernel_is(const struct seccomp_host *host, unsigned major, unsigned minor)
{
    return host->kernel_major > major ||
           (host->kernel_major == major && host->kernel_minor >= minor);
}

struct seccomp_host seccomp_host_read(uint64_t capabilities)
{
    struct seccomp_host host = {.capabilities = capabilities};
    struct utsname u;
    if (uname(&u) == 0) {
        (void)snprintf(host.arch, sizeof(host.arch), "%.15s", u.machine);
        (void)sscanf(u.release, "%u.%u", &host.kernel_major, &host.kernel_minor);
    }
    return host;
}

/* One of "includes" and "excludes": what of it holds on this host. */
struct condition {
    bool caps_set, all_caps, any_cap;
    bool arches_set, arch;
    bool kernel_set, kernel;
};

static int read_caps(const json_t *object, const char *where, uint64_t held, struct condition *c,
                     struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = json_get_strv(object, "caps", where, &names, err);
    c->caps_set = names.count > 0;
    c->all_caps = true;
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        int number = spec_capability_number(names.items[i]);
        bool has = number >= 0 && held & (uint64_t)1 << number; /* unknown: nobody has it */
        c->all_caps &= has;
        c->any_cap |= has;
    }
    return r;
}

static int read_condition(const json_t *rule, const char *key, const char *where,
                          const struct seccomp_host *host, struct condition *c, struct error **err)
{
    json_t *object = NULL;
    CLEANUP(strv) struct strv arches = {0};
    *c = (struct condition){0};
    int r = json_get_object(rule, key, where, &object, err);
    if (r <= 0) {
        return r;
    }
    r = read_caps(object, where, host->capabilities, c, err);
    r = r < 0 ? r : json_get_strv(object, "arches", where, &arches, err);
    const char *kernel = NULL;
    r = r < 0 ? r : json_get_str(object, "minKernel", where, &kernel, err);
    if (r < 0) {
        return r;
    }
    c->arches_set = arches.count > 0;
    c->arch = strv_contains(&arches, seccomp_arch_docker(host->arch));
    if (kernel) {
        unsigned major, minor;
        if (sscanf(kernel, "%u.%u", &major, &minor) != 2) {
            return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                             "%s: minKernel '%s' is not a version such as \"4.8\"", where, kernel);
        }
        c->kernel_set = true;
        c->kernel = seccomp_kernel_is(host, major, minor);
    }
    return 0;
}

/* 1: the rule holds on this host, 0: it does not. */
static int rule_holds(const json_t *rule, const char *where, const struct seccomp_host *host,
                      struct error **err)
{
    struct condition in, out;
    int r = read_condition(rule, "includes", where, host, &in, err);
    r = r < 0 ? r : read_condition(rule, "excludes", where, host, &out, err);
    if (r < 0) {
        return r;
    }
    bool included = (!in.caps_set || in.all_caps) && (!in.arches_set || in.arch) &&
                    (!in.kernel_set || in.kernel);
    return included && !out.any_cap && !out.arch && !out.kernel;
}

/* A rule of Docker's older form has one "name". */
static int add_rule(json_t *rules, json_t *rule, const char *where, struct error **err)
{
    const char *name = NULL;
    int r = json_get_str(rule, "name", where, &name, err);
    if (r < 0) {
        return r;
    }
    if (name && *name && json_array_size(json_object_get(rule, "names"))) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s: a rule has both 'name' and 'names'",
                         where);
    }
    if (!name || !*name) {
        (void)json_array_append(rules, rule);
        return 0;
    }
    json_t *copy = json_copy(rule);
    (void)json_object_set_new(copy, "names", json_pack("[s]", name));
    (void)json_array_append_new(rules, copy);
    return 0;
}

static int filter_rules(const json_t *profile, const char *where, const struct seccomp_host *host,
                        json_t *rules, struct error **err)
{
    json_t *all = NULL, *rule;
    size_t index;
    int r = json_get_array(profile, "syscalls", where, &all, err);
    json_array_foreach(all, index, rule)
    {
        if (r >= 0 && !json_is_object(rule)) {
            r = error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s: a rule must be an object", where);
        }
        r = r < 0 ? r : rule_holds(rule, where, host, err);
        r = r > 0 ? add_rule(rules, rule, where, err) : r;
        if (r < 0) {
            return r;
        }
    }
    return r;
}

/* Docker's archMap: the entry of the native architecture, and those it also runs. */
static int map_architectures(const json_t *profile, const char *where,
                             const struct seccomp_host *host, json_t *oci, struct error **err)
{
    json_t *map = NULL, *entry;
    size_t index, count;
    const char **names;
    int r = json_get_array(profile, "archMap", where, &map, err);
    if (r <= 0 || !json_array_size(map)) {
        return r;
    }
    if (json_array_size(json_object_get(profile, "architectures"))) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: both 'architectures' and 'archMap' are given", where);
    }
    seccomp_arch_list(host->arch, &names, &count);
    json_array_foreach(map, index, entry)
    {
        const char *name = NULL;
        CLEANUP(strv) struct strv all = {0};
        r = json_get_str(entry, "architecture", where, &name, err);
        if (r <= 0 || !count || !str_equal(name, names[0])) {
            if (r < 0) {
                return r;
            }
            continue;
        }
        strv_add(&all, name);
        r = json_get_strv(entry, "subArchitectures", where, &all, err);
        if (r < 0) {
            return r;
        }
        (void)json_object_set_new(oci, "architectures", json_from_strv(&all));
        break;
    }
    return 0;
}

int seccomp_profile_resolve(struct arena *a, const json_t *profile, const struct seccomp_host *host,
                            const char *where, struct spec_seccomp **ret, struct error **err)
{
    *ret = NULL;
    if (!json_is_object(profile)) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s is not a seccomp profile", where);
    }
    if (!json_object_get(profile, "defaultAction") &&
        !json_array_size(json_object_get(profile, "syscalls"))) {
        return 0;
    }
    CLEANUP(json) json_t *oci = json_copy((json_t *)profile);
    json_t *rules = json_array();
    (void)json_object_set_new(oci, "syscalls", rules);
    int r = filter_rules(profile, where, host, rules, err);
    r = r < 0 ? r : map_architectures(profile, where, host, oci, err);
    return r < 0 ? r : spec_parse_seccomp(a, oci, where, ret, err);
}
