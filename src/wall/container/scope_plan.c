// SPDX-License-Identifier: Apache-2.0
/* Names of slice and scope, and the request that makes the scope. Pure. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/cgroup.h"
#include "wall/container/scope.h"

#define DEFAULT_SLICE "system.slice"
#define DEFAULT_PREFIX "cloison"
#define PROPERTY_PREFIX "org.systemd.property."
#define UNIT_NAME_MAX 255 /* systemd's unit-name.h */

/* In the group at the clone: the helper, the process in between, the child. A lower limit is set
 * when the helper is about to leave. */
#define PIDS_AT_CLONE 3

static int bad_path(struct error **err, const char *path, const char *why)
{
    int r = error_set(err, ERROR_INVALID_INPUT, EINVAL, "the cgroups path '%s' %s", path, why);
    return error_hint(err, r, "the systemd cgroup driver takes 'slice:prefix:name'");
}

static bool is_unit_name(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= UNIT_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-\\@") ==
               n;
}

/* "a-b-c.slice" is /a.slice/a-b.slice/a-b-c.slice; "-.slice" is the root, the empty text. */
static const char *slice_group(struct arena *a, const char *slice)
{
    size_t len = strlen(slice) - strlen(".slice");
    CLEANUP(strbuf) struct strbuf out = {0};
    if (str_equal(slice, "-.slice")) {
        return "";
    }
    if (len == 0 || slice[0] == '-' || slice[len - 1] == '-' || strstr(slice, "--")) {
        return NULL;
    }
    for (size_t i = 1; i <= len; i++) {
        if (i == len || slice[i] == '-') {
            strbuf_addf(&out, "/%.*s.slice", (int)i, slice);
        }
    }
    return arena_strdup(a, out.data);
}

static int place_names(struct arena *a, const char *path, const char *id, struct scope_place *ret,
                       struct error **err)
{
    if (!path || !*path) {
        ret->slice = DEFAULT_SLICE;
        ret->unit = arena_format(a, "%s-%s.scope", DEFAULT_PREFIX, id);
        return 0;
    }
    const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second || strchr(second + 1, ':')) {
        return bad_path(err, path, "is not of the form 'slice:prefix:name'");
    }
    if (str_ends(second + 1, ".slice")) {
        return bad_path(err, path, "names a slice, which holds no processes");
    }
    ret->slice = first == path ? DEFAULT_SLICE : arena_strndup(a, path, (size_t)(first - path));
    ret->unit = arena_format(a, "%.*s-%s.scope", (int)(second - first - 1), first + 1, second + 1);
    return 0;
}

int scope_place_parse(struct arena *a, const char *path, const char *id, struct scope_place *ret,
                      struct error **err)
{
    int r = place_names(a, path, id, ret, err);
    if (r < 0) {
        return r;
    }
    path = str_or(path, "");
    const char *above = str_ends(ret->slice, ".slice") && is_unit_name(ret->slice)
                            ? slice_group(a, ret->slice)
                            : NULL;
    if (!above) {
        return bad_path(err, path, "does not begin with the name of a slice");
    }
    if (!is_unit_name(ret->unit)) {
        return bad_path(err, path, "makes no name of a unit");
    }
    ret->group = arena_format(a, "%s/%s", above, ret->unit);
    return 0;
}

static void add(json_t *properties, const char *name, const char *signature, json_t *value)
{
    (void)json_array_append_new(properties, json_pack("[s, s, o]", name, signature, value));
}

/* What every scope of ours is. Without accounting systemd would not enable the controllers; without
 * a word on tasks it would set a limit of its own. */
static json_t *basic_properties(const struct cgroup_set *set)
{
    static const char *const on[] = {"Delegate", "MemoryAccounting", "CPUAccounting",
                                     "TasksAccounting"};
    json_t *properties = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
        add(properties, on[i], "b", json_true());
    }
    bool v1_io = false;
    for (size_t i = 0; i < set->count; i++) {
        v1_io |= !set->groups[i].v2 && set->groups[i].controllers & CGROUP_BIT(CGROUP_IO);
    }
    add(properties, v1_io ? "BlockIOAccounting" : "IOAccounting", "b", json_true());
    add(properties, "DefaultDependencies", "b", json_false());
    add(properties, "CollectMode", "s", json_string("inactive-or-failed"));
    add(properties, "TasksMax", "t", json_integer(-1));
    return properties;
}

static int add_annotations(const struct spec *s, json_t *properties, struct error **err)
{
    for (size_t i = 0; i < s->annotation_count; i++) {
        const struct spec_pair *p = &s->annotations[i];
        if (!str_starts(p->key, PROPERTY_PREFIX)) {
            continue;
        }
        int r = scope_property_parse(p->key + strlen(PROPERTY_PREFIX), p->value, properties, err);
        if (r < 0) {
            return error_wrap(err, r, "annotation '%s'", p->key);
        }
    }
    return 0;
}

/* The requests; a limit of processes that leaves no room for the helper waits until it leaves. */
static int requests(struct arena *a, struct scope_plan *ret, const char *id, json_t *properties,
                    const json_t *waiting, struct error **err)
{
    CLEANUP(free) char *description = str_format("cloison container %s", id);
    CLEANUP(json)
    json_t *start = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "verb", "start", "unit",
                              ret->place.unit, "slice", ret->place.slice, "group", ret->place.group,
                              "description", description, "properties", properties);
    CLEANUP(free) char *text = json_dumps(start, JSON_COMPACT);
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a property of systemd is not valid UTF-8");
    }
    ret->start = arena_strdup(a, text);
    if (json_array_size(waiting)) {
        CLEANUP(json)
        json_t *set = json_pack("{s:s, s:s, s:O}", "verb", "set", "unit", ret->place.unit,
                                "properties", waiting);
        CLEANUP(free) char *later = json_dumps(set, JSON_COMPACT);
        ret->settle = arena_strdup(a, later);
    }
    return 0;
}

int scope_plan_make(struct arena *a, const struct spec *s, const char *id,
                    const struct cgroup_set *set, struct scope_plan *ret, struct error **err)
{
    const struct spec_resources *r = &s->linux_.resources;
    CLEANUP(json) json_t *properties = basic_properties(set);
    CLEANUP(json) json_t *limits = scope_properties(r, set);
    CLEANUP(json) json_t *waiting = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(limits, i, one)
    {
        const char *name = json_string_value(json_array_get(one, 0));
        json_int_t value = json_integer_value(json_array_get(one, 2));
        bool waits = str_equal(name, "TasksMax") && value >= 0 && value < PIDS_AT_CLONE;
        (void)json_array_append(waits ? waiting : properties, one);
    }
    int result = add_annotations(s, properties, err);
    return result < 0 ? result : requests(a, ret, id, properties, waiting, err);
}
