// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "wall/container/cgroup_convert.h"
#include "wall/container/devices.h"
#include "wall/container/scope.h"

/* The groups' folder where no cgroupsPath is given. */
#define PARENT "/cloison"

/* What every workload is in, asked for or not, where the host has it: memory, pids, io and cpuacct
 * to be counted, by us and by whoever reads a container's usage in v1's hierarchies; cpu to get one
 * share as a whole, not one for each of its processes. */
#define ALWAYS                                                                                     \
    (CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT) |             \
     CGROUP_BIT(CGROUP_PIDS) | CGROUP_BIT(CGROUP_IO))
/* What v2 does without any controller (cgroup.freeze): needed of v1 alone. */
#define ALWAYS_WITHOUT_V2 CGROUP_BIT(CGROUP_FREEZER)

/* `path` without doubled slashes, with one in front; ".." could leave the hierarchy. */
static int clean_path(struct arena *a, const char *path, const char **ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    for (const char *part = path + strspn(path, "/"); *part; part += strspn(part, "/")) {
        size_t len = strcspn(part, "/");
        if (len == 2 && part[0] == '.' && part[1] == '.') {
            return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                             "the cgroups path '%s' must not contain '..'", path);
        }
        if (len != 1 || part[0] != '.') {
            strbuf_addc(&b, '/');
            strbuf_add(&b, part, len);
        }
        part += len;
    }
    if (!b.len) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "the cgroups path '%s' is the root of the hierarchy", path);
    }
    *ret = arena_strdup(a, b.data);
    return 0;
}

/* The group's path below each mount, without and with our own group in front. */
struct place {
    const char *path;
    bool below_own;
};

static int choose_place(struct arena *a, const struct spec *s, const char *id, struct place *ret,
                        struct error **err)
{
    const char *path = s->linux_.cgroups_path;
    if (!path || !*path) {
        ret->path = arena_format(a, "%s/%s", PARENT, id);
        return 0;
    }
    ret->below_own = path[0] != '/';
    return clean_path(a, path, &ret->path, err);
}

static void add_group(struct arena *a, const struct cgroup_hierarchy *h, const struct place *place,
                      uint32_t wanted, struct cgroup_set *set)
{
    bool own = place->below_own && !str_equal(h->own, "/");
    set->groups[set->count] = (struct cgroup_group){
        .path = arena_format(a, "%s%s%s", h->mount, own ? h->own : "", place->path),
        .mount = h->mount,
        .controllers = h->v2 ? h->controllers & wanted : h->controllers,
        .v2 = h->v2,
    };
    set->unified = h->v2 ? (int)set->count : set->unified;
    set->count++;
}

/* Rules for the same file in a row are lines of one write: opened once. */
static void add_device_write(struct arena *a, struct cgroup_plan *p, size_t group,
                             const struct spec_device_rule *rule)
{
    const char *file = rule->allow ? "devices.allow" : "devices.deny";
    const char *text = devices_rule_text(a, rule);
    struct cgroup_write *last = p->write_count ? &p->writes[p->write_count - 1] : NULL;
    if (last && last->controller == CGROUP_DEVICES && str_equal(last->file, file)) {
        last->value = arena_format(a, "%s\n%s", last->value, text);
        return;
    }
    struct cgroup_write *w = arena_push(a, p->writes, p->write_count);
    *w = (struct cgroup_write){
        .group = group,
        .controller = CGROUP_DEVICES,
        .file = file,
        .value = text,
        .property = "device rules",
        .lines = true,
    };
}

#define NUMBER(n)                                                                                  \
    {                                                                                              \
        true, n                                                                                    \
    }
/* What every workload may use whatever the rules say, since it is given these nodes
 * (config-linux.md#default-devices), and may make: a node that is made is not thereby opened. */
static const struct spec_device_rule default_rules[] = {
    {.allow = true, .type = 'c', .access = "m"},
    {.allow = true, .type = 'b', .access = "m"},
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(3)}, /* null */
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(5)}, /* zero */
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(7)}, /* full */
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(8)}, /* random */
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(9)}, /* urandom */
    {.allow = true, .type = 'c', .major = NUMBER(5), .minor = NUMBER(0)}, /* tty */
    {.allow = true, .type = 'c', .major = NUMBER(5), .minor = NUMBER(2)}, /* ptmx */
    {.allow = true, .type = 'c', .major = NUMBER(136)},                   /* pts */
};

static bool same_number(struct opt_i64 a, struct opt_i64 b)
{
    bool any_a = !a.set || a.value < 0, any_b = !b.set || b.value < 0;
    return any_a == any_b && (any_a || a.value == b.value);
}

/* Whether the rules behind the last about everything have this allowance already. */
static bool has_rule(const struct spec_resources *r, const struct spec_device_rule *wanted)
{
    for (size_t i = r->device_count; i > 0 && r->devices[i - 1].type != 'a'; i--) {
        const struct spec_device_rule *d = &r->devices[i - 1];
        if (d->allow && d->type == wanted->type && same_number(d->major, wanted->major) &&
            same_number(d->minor, wanted->minor) &&
            str_equal(str_or(d->access, "rwm"), str_or(wanted->access, "rwm"))) {
            return true;
        }
    }
    return false;
}

/* The spec's rules and the defaults behind them, where something is denied at all. Each is a write
 * of a few microseconds, so that none is made twice. */
struct spec_device_rule *cgroup_device_rules(struct arena *a, const struct spec_resources *r,
                                             size_t *ret_count)
{
    const struct spec_device_rule *last = &r->devices[r->device_count - 1];
    size_t most = r->device_count + ARRAY_SIZE(default_rules);
    struct spec_device_rule *rules = arena_alloc(a, most * sizeof(*rules));
    memcpy(rules, r->devices, r->device_count * sizeof(*rules));
    *ret_count = r->device_count;
    for (size_t i = 0; i < ARRAY_SIZE(default_rules); i++) {
        if (!(last->allow && last->type == 'a') && !has_rule(r, &default_rules[i])) {
            rules[(*ret_count)++] = default_rules[i];
        }
    }
    return rules;
}

/* v1's rules are writes; where that controller is not mounted a program takes them. */
int cgroup_plan_devices(struct arena *a, const struct spec_resources *r, struct cgroup_plan *p,
                        struct error **err)
{
    static const struct spec_device_rule deny_all = {.type = 'a'};
    if (!r->device_count) {
        return 0;
    }
    size_t count = 0;
    const struct spec_device_rule *rules = cgroup_device_rules(a, r, &count);
    for (size_t i = 0; i < p->set.count; i++) {
        if (!(p->set.groups[i].controllers & CGROUP_BIT(CGROUP_DEVICES))) {
            continue;
        }
        if (rules[0].type != 'a') {
            add_device_write(a, p, i, &deny_all); /* a new group inherits what its parent may */
        }
        for (size_t k = 0; k < count; k++) {
            add_device_write(a, p, i, &rules[k]);
        }
        return 0;
    }
    if (p->set.unified < 0) {
        return error_set(err, ERROR_UNSUPPORTED, ENODEV,
                         "this host has no devices controller, which the device rules need");
    }
    p->devices = rules;
    p->device_count = count;
    return 0;
}

/* A limit that systemd is to set when its helper has left is not written before. */
static int plan_scope(struct arena *a, const struct spec *s, const char *id, struct cgroup_plan *p,
                      struct error **err)
{
    int r = scope_plan_make(a, s, id, &p->set, p->scope, err);
    size_t kept = 0;
    for (size_t i = 0; i < p->write_count && r >= 0; i++) {
        if (!p->scope->settle || !str_equal(p->writes[i].file, "pids.max")) {
            p->writes[kept++] = p->writes[i];
        }
    }
    p->write_count = r < 0 ? p->write_count : kept;
    return r;
}

int cgroup_plan(struct arena *a, const struct spec *s, const char *id, bool systemd,
                const struct cgroup_layout *layout, struct cgroup_plan *ret, struct error **err)
{
    const struct spec_resources *r = &s->linux_.resources;
    struct place place = {0};
    *ret = (struct cgroup_plan){.set.unified = -1};
    int result;
    if (systemd) {
        ret->scope = arena_alloc(a, sizeof(*ret->scope));
        result = scope_place_parse(a, s->linux_.cgroups_path, id, &ret->scope->place, err);
        place.path = ret->scope->place.group;
    } else {
        result = choose_place(a, s, id, &place, err);
    }
    if (result < 0) {
        return result;
    }
    uint32_t wanted = ALWAYS | cgroup_resources_need(r);
    wanted |= layout->unified < 0 ? ALWAYS_WITHOUT_V2 : 0;
    wanted |= r->device_count ? CGROUP_BIT(CGROUP_DEVICES) : 0;
    for (size_t i = 0; i < layout->count; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        if (h->v2 || h->controllers & wanted) {
            add_group(a, h, &place, wanted, &ret->set);
            ret->cpuset_inherit |= !h->v2 && h->controllers & CGROUP_BIT(CGROUP_CPUSET);
        }
    }
    if (systemd && layout->systemd_mount) {
        const struct cgroup_hierarchy named = {.mount = layout->systemd_mount, .own = "/"};
        add_group(a, &named, &place, 0, &ret->set);
    }
    result = cgroup_convert(a, r, ret, err);
    result = result < 0 ? result : cgroup_plan_devices(a, r, ret, err);
    return result < 0 || !systemd ? result : plan_scope(a, s, id, ret, err);
}

void cgroup_describe_group(const struct cgroup_plan *p, size_t group, struct strbuf *out)
{
    const struct cgroup_group *g = &p->set.groups[group];
    strbuf_addf(out, "%s (%s", g->path, g->v2 ? "v2" : "v1");
    const char *separator = ": ";
    for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
        if (g->controllers & CGROUP_BIT(c)) {
            strbuf_addf(out, "%s%s", separator, cgroup_controller_name(c, g->v2));
            separator = ", ";
        }
    }
    strbuf_addc(out, ')');
}

void cgroup_describe_write(const struct cgroup_plan *p, size_t write, struct strbuf *out)
{
    const struct cgroup_write *w = &p->writes[write];
    strbuf_addf(out, "%s = ", w->file);
    for (const char *c = w->value; *c; c++) {
        if (*c == '\n') {
            strbuf_adds(out, ", ");
        } else {
            strbuf_addc(out, *c);
        }
    }
    if (w->instead_file) {
        strbuf_addf(out, ", else %s = %s", w->instead_file, w->instead_value);
    }
}
