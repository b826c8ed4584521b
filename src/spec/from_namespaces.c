// SPDX-License-Identifier: Apache-2.0
/* --network, --pid, --ipc, --uts, --userns, --cgroupns, --time-offset → linux.namespaces. */
#include <errno.h>
#include <string.h>

#include "spec/from_image.h"

#define CONTAINER_PREFIX "container:"

static void add_namespace(struct building *b, enum spec_namespace_type type, const char *path)
{
    struct spec_linux *l = &b->spec->linux_;
    *arena_push(b->arena, l->namespaces, l->namespace_count) =
        (struct spec_namespace){type, arena_strdup(b->arena, path)};
}

/* "container:ID": joins the other's namespace. */
static int join(struct building *b, enum spec_namespace_type type, const char *mode,
                struct error **err)
{
    const char *container = mode + strlen(CONTAINER_PREFIX);
    if (!*container) {
        return error_set(err, ERROR_USAGE, 0, "'%s' names no container", mode);
    }
    if (!b->env->container_namespace) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "'%s': no container can be joined here", mode);
    }
    const char *path = b->env->container_namespace(b->env->context, container, type, err);
    if (!path) {
        return err && *err ? -(*err)->code : -ENOENT;
    }
    add_namespace(b, type, path);
    return 0;
}

struct mode_rule {
    const char *flag, *mode;
    const char *const *own; /* words for a namespace of its own; "" and absent are among them */
    enum spec_namespace_type type;
    bool joinable;
};

static int apply_mode(struct building *b, const struct mode_rule *rule, struct error **err)
{
    if (!rule->mode || !*rule->mode || str_in(rule->mode, rule->own)) {
        add_namespace(b, rule->type, NULL);
        return 0;
    }
    if (str_equal(rule->mode, "host")) {
        return 0;
    }
    if (rule->joinable && str_starts(rule->mode, CONTAINER_PREFIX)) {
        return join(b, rule->type, rule->mode, err);
    }
    int r = error_set(err, ERROR_USAGE, 0, "%s: invalid mode '%s'", rule->flag, rule->mode);
    CLEANUP(strbuf) struct strbuf words = {0};
    for (size_t i = 0; rule->own[i]; i++) {
        strbuf_addf(&words, "%s, ", rule->own[i]);
    }
    return error_hint(err, r, "%shost%s", str_or(words.data, ""),
                      rule->joinable ? " or container:NAME" : "");
}

/* What makes no sense when the network is another's (Docker's words for each pair). */
static int check_network_conflicts(const struct building *b, struct error **err)
{
    const struct run_request *r = b->request;
    bool joined = str_starts(b->network, CONTAINER_PREFIX);
    const struct {
        bool wrong;
        const char *what;
    } conflicts[] = {
        {joined && r->hostname, "--hostname"},
        {joined && r->publish.count, "--publish"},
        {joined && r->publish_all, "--publish-all"},
        {joined && r->expose.count, "--expose"},
        {joined && (r->dns.count || r->dns_search.count || r->dns_options.count), "--dns"},
        {joined && r->add_hosts.count, "--add-host"},
        {joined && r->mac_address, "--mac-address"},
        {str_equal(b->network, "host") && r->mac_address, "--mac-address"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
        if (conflicts[i].wrong) {
            return error_set(err, ERROR_USAGE, 0, "conflicting options: %s and --network %s",
                             conflicts[i].what, b->network);
        }
    }
    return 0;
}

static bool is_special_network(const char *name)
{
    static const char *const special[] = {"none", "host", NULL};
    return str_in(name, special) || str_starts(name, CONTAINER_PREFIX);
}

static int build_network(struct building *b, struct error **err)
{
    const struct strv *networks = &b->request->networks;
    b->network = networks->count ? networks->items[0] : "bridge";
    if (str_equal(b->network, "default")) {
        b->network = "bridge";
    }
    for (size_t i = 0; networks->count > 1 && i < networks->count; i++) {
        if (is_special_network(networks->items[i])) {
            return error_set(err, ERROR_USAGE, 0,
                             "conflicting options: --network %s and another network",
                             networks->items[i]);
        }
    }
    int r = check_network_conflicts(b, err);
    if (r < 0 || str_equal(b->network, "host")) {
        return r;
    }
    if (str_starts(b->network, CONTAINER_PREFIX)) {
        return join(b, SPEC_NS_NETWORK, b->network, err);
    }
    add_namespace(b, SPEC_NS_NETWORK, NULL);
    return 0;
}

static int build_user_namespace(struct building *b, struct error **err)
{
    static const char *const mapped[] = {"auto", "private", "remap", NULL};
    const char *mode = str_or(b->request->userns_mode, "");
    struct spec_linux *l = &b->spec->linux_;
    if (*mode && !str_equal(mode, "host") && !str_in(mode, mapped)) {
        int r = error_set(err, ERROR_USAGE, 0, "--userns: invalid mode '%s'", mode);
        return error_hint(err, r, "auto, remap or host");
    }
    if (str_equal(mode, "host")) {
        return 0;
    }
    if (!b->env->userns_map_count) {
        return !*mode ? 0
                      : error_set(err, ERROR_UNSUPPORTED, 0,
                                  "--userns %s: no range of ids is set aside for containers", mode);
    }
    if (b->request->privileged) {
        int r = error_set(err, ERROR_USAGE, 0,
                          "conflicting options: --privileged and a user namespace");
        return error_hint(err, r, "--userns host");
    }
    size_t n = b->env->userns_map_count;
    add_namespace(b, SPEC_NS_USER, NULL);
    l->uid_mappings = arena_dup(b->arena, b->env->userns_map, n * sizeof(*l->uid_mappings));
    l->gid_mappings = arena_dup(b->arena, b->env->userns_map, n * sizeof(*l->gid_mappings));
    l->uid_mapping_count = l->gid_mapping_count = n;
    return 0;
}

static int bad_offset(const char *text, struct error **err)
{
    int r = error_set(err, ERROR_USAGE, 0, "--time-offset: cannot read '%s'", text);
    return error_hint(err, r, "such as +1h, -30 or monotonic=+1h,boottime=+2h");
}

/* "+1h30m", "-10", "500ms"; the kernel wants whole seconds and nanoseconds from 0 up. */
static int parse_offset(const char *text, struct spec_time_offset *ret)
{
    int64_t ms = 0;
    bool minus = *text == '-';
    if (option_parse_duration_ms(text + (minus || *text == '+'), &ms) < 0) {
        return -EINVAL;
    }
    ms = minus ? -ms : ms;
    int64_t part = ((ms % 1000) + 1000) % 1000;
    *ret = (struct spec_time_offset){true, (ms - part) / 1000, (uint32_t)part * 1000000};
    return 0;
}

static int build_time_namespace(struct building *b, struct error **err)
{
    const char *text = b->request->time_offset;
    struct spec_linux *l = &b->spec->linux_;
    if (!text) {
        return 0;
    }
    add_namespace(b, SPEC_NS_TIME, NULL);
    if (!strchr(text, '=')) {
        int r = parse_offset(text, &l->monotonic);
        l->boottime = l->monotonic;
        return r < 0 ? bad_offset(text, err) : 0;
    }
    CLEANUP(strv) struct strv clocks = {0};
    strv_split(&clocks, text, ',');
    for (size_t i = 0; i < clocks.count; i++) {
        struct spec_pair p = pair_split(b->arena, clocks.items[i]);
        bool monotonic = str_equal(p.key, "monotonic");
        if (!monotonic && !str_equal(p.key, "boottime")) {
            int r = error_set(err, ERROR_USAGE, 0, "--time-offset: no clock '%s'", p.key);
            return error_hint(err, r, "monotonic or boottime");
        }
        if (parse_offset(p.value, monotonic ? &l->monotonic : &l->boottime) < 0) {
            return bad_offset(p.value, err);
        }
    }
    return 0;
}

int build_namespaces(struct building *b, struct error **err)
{
    static const char *const private[] = {"private", NULL};
    static const char *const ipc_own[] = {"private", "shareable", "none", NULL};
    const struct run_request *request = b->request;
    const char *cgroupns = request->cgroupns_mode;
    if (!cgroupns || !*cgroupns) { /* Docker's default: private on v2, the host's on v1 */
        cgroupns = b->env->cgroup_v2 && b->env->cgroup_namespace ? "private" : "host";
    }
    const struct mode_rule rules[] = {
        {"--uts", request->uts_mode, private, SPEC_NS_UTS, false},
        {"--pid", request->pid_mode, private, SPEC_NS_PID, true},
        {"--ipc", request->ipc_mode, ipc_own, SPEC_NS_IPC, true},
        {"--cgroupns", cgroupns, private, SPEC_NS_CGROUP, false},
    };
    add_namespace(b, SPEC_NS_MOUNT, NULL);
    int r = build_network(b, err);
    for (size_t i = 0; i < ARRAY_SIZE(rules) && r >= 0; i++) {
        r = apply_mode(b, &rules[i], err);
    }
    if (r >= 0) {
        r = build_user_namespace(b, err);
    }
    return r < 0 ? r : build_time_namespace(b, err);
}
