// SPDX-License-Identifier: Apache-2.0
/* --device, --device-cgroup-rule, --privileged → linux.devices and the device rules. */
#include <errno.h>
#include <string.h>

#include "spec/from_image.h"

#define ANY (-1)

/* Docker's list: what every container may use. fuse (10:229) is named to be refused. */
static const struct {
    bool allow;
    int major, minor;
} default_rules[] = {
    {true, 1, 5}, {true, 1, 3}, {true, 1, 9},     {true, 1, 8},
    {true, 5, 0}, {true, 5, 1}, {false, 10, 229},
};

static void add_rule(struct building *b, bool allow, char type, int64_t major, int64_t minor,
                     const char *access)
{
    struct spec_resources *r = &b->spec->linux_.resources;
    *arena_push(b->arena, r->devices, r->device_count) = (struct spec_device_rule){
        .allow = allow,
        .type = type,
        .major = {major != ANY, major != ANY ? major : 0},
        .minor = {minor != ANY, minor != ANY ? minor : 0},
        .access = access,
    };
}

static bool is_access(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= 3 && strspn(text, "rwm") == n;
}

struct device_option {
    const char *host, *inside, *access;
};

/* HOST, HOST:INSIDE, HOST:ACCESS, HOST:INSIDE:ACCESS */
static int parse_device(struct building *b, const char *text, struct device_option *ret,
                        struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, text, ':');
    const char *host = parts.items[0];
    const char *second = parts.count > 1 ? parts.items[1] : NULL;
    const char *access = parts.count > 2 ? parts.items[2] : "rwm";
    if (parts.count == 2 && is_access(second)) {
        access = second;
        second = NULL;
    }
    const char *inside = second && *second ? second : host;
    if (parts.count > 3 || *host != '/' || *inside != '/') {
        int r = error_set(err, ERROR_USAGE, 0, "invalid device specification: '%s'", text);
        return error_hint(err, r, "/dev/HOST[:/dev/INSIDE[:rwm]], absolute paths");
    }
    if (!is_access(access)) {
        return error_set(err, ERROR_USAGE, 0, "--device '%s': invalid mode '%s'", text, access);
    }
    ret->host = path_clean(b->arena, host);
    ret->inside = path_clean(b->arena, inside);
    ret->access = arena_strdup(b->arena, access);
    return 0;
}

static int host_devices(struct building *b, const char *path, size_t *ret_first, struct error **err)
{
    struct spec_linux *l = &b->spec->linux_;
    *ret_first = l->device_count;
    if (!b->env->devices) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "device '%s': none can be added here", path);
    }
    return b->env->devices(b->env->context, path, b->arena, &l->devices, &l->device_count, err);
}

static int add_device(struct building *b, const char *text, struct error **err)
{
    struct device_option o = {"", "", ""};
    struct spec_linux *l = &b->spec->linux_;
    size_t first = 0;
    int r = parse_device(b, text, &o, err);
    if (r < 0) {
        return r;
    }
    if (b->request->privileged && str_equal(o.host, o.inside)) {
        return 0; /* it is there already */
    }
    r = host_devices(b, o.host, &first, err);
    if (r < 0) {
        return error_wrap(err, r, "--device");
    }
    for (size_t i = first; i < l->device_count; i++) {
        struct spec_device *d = &l->devices[i];
        d->path = arena_format(b->arena, "%s%s", o.inside, d->path + strlen(o.host));
        if (!b->request->privileged) {
            add_rule(b, true, d->type, d->major, d->minor, o.access);
        }
    }
    return 0;
}

static int parse_number_or_any(const char *text, int64_t *ret)
{
    if (str_equal(text, "*")) {
        *ret = ANY;
        return 0;
    }
    return str_to_i64(text, 10, ret) < 0 || *ret < 0 || *ret > UINT32_MAX ? -EINVAL : 0;
}

/* "c 1:3 mr", "a *:* rwm" */
static int add_cgroup_rule(struct building *b, const char *text, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(strv) struct strv numbers = {0};
    int64_t major = 0, minor = 0;
    strv_split(&parts, text, ' ');
    if (parts.count == 3) {
        strv_split(&numbers, parts.items[1], ':');
    }
    if (numbers.count != 2 || strlen(parts.items[0]) != 1 || !strchr("acb", *parts.items[0]) ||
        parse_number_or_any(numbers.items[0], &major) < 0 ||
        parse_number_or_any(numbers.items[1], &minor) < 0 || !is_access(parts.items[2])) {
        int r = error_set(err, ERROR_USAGE, 0, "invalid device cgroup rule: '%s'", text);
        return error_hint(err, r, "TYPE MAJOR:MINOR ACCESS, such as 'c 1:3 rwm'");
    }
    add_rule(b, true, *parts.items[0], major, minor, arena_strdup(b->arena, parts.items[2]));
    return 0;
}

static int build_privileged(struct building *b, struct error **err)
{
    size_t first = 0;
    add_rule(b, true, 'a', ANY, ANY, "rwm");
    return b->env->devices ? host_devices(b, "/dev", &first, err) : 0;
}

int build_devices(struct building *b, struct error **err)
{
    const struct run_request *request = b->request;
    int r = 0;
    b->spec->linux_.resources_set = true;
    if (request->privileged) {
        r = build_privileged(b, err);
    } else {
        add_rule(b, false, 'a', ANY, ANY, "rwm");
        for (size_t i = 0; i < ARRAY_SIZE(default_rules); i++) {
            add_rule(b, default_rules[i].allow, 'c', default_rules[i].major, default_rules[i].minor,
                     "rwm");
        }
    }
    for (size_t i = 0; i < request->devices.count && r >= 0; i++) {
        r = add_device(b, request->devices.items[i], err);
    }
    for (size_t i = 0; i < request->device_cgroup_rules.count && r >= 0; i++) {
        r = request->privileged ? 0
                                : add_cgroup_rule(b, request->device_cgroup_rules.items[i], err);
    }
    return r;
}
