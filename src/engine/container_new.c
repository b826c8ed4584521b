// SPDX-License-Identifier: Apache-2.0
/* What the store keeps of a container, decided from the request and the image. */
#include <string.h>
#include <unistd.h>

#include "engine/draft.h"
#include "engine/names.h"
#include "net/files.h"
#include "net/net.h"
#include "wall/wall.h"

#define LOG_BYTES_DEFAULT ((int64_t)10 << 20) /* rotated by default: a disk is finite */
#define LOG_FILES_DEFAULT 3
#define STOP_TIMEOUT_DEFAULT 10

static void now_text(char **ret)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = xmalloc(TIME_TEXT_BYTES);
    time_text(&now, *ret);
}

static void add_labels(json_t *labels, const struct strv *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        CLEANUP(free)
        char *key = equals ? xstrndup(list->items[i], (size_t)(equals - list->items[i]))
                           : xstrdup(list->items[i]);
        json_object_set_new(labels, key, json_string(equals ? equals + 1 : ""));
    }
}

static int log_options(const struct run_request *r, struct container *c, struct error **err)
{
    c->log_driver = xstrdup(str_or(r->log_driver, "json-file"));
    c->log_max_bytes = LOG_BYTES_DEFAULT;
    c->log_max_files = LOG_FILES_DEFAULT;
    if (!str_equal(c->log_driver, "json-file") && !str_equal(c->log_driver, "none")) {
        return error_set(err, ERROR_USAGE, 0,
                         "unknown log driver '%s': there are json-file and none", c->log_driver);
    }
    for (size_t i = 0; i < r->log_opt.count; i++) {
        const char *o = r->log_opt.items[i];
        int64_t n = 0;
        int bad = 0;
        if (str_starts(o, "max-size=")) {
            bad = str_equal(o + 9, "-1") ? 0 : str_to_bytes(o + 9, &n);
            c->log_max_bytes = n;
        } else if (str_starts(o, "max-file=")) {
            bad = str_to_i64(o + 9, 10, &n) < 0 || n < 1 || n > 1000;
            c->log_max_files = (int)n;
        } else {
            return error_set(err, ERROR_USAGE, 0,
                             "unknown --log-opt '%s': there are max-size and max-file", o);
        }
        if (bad) {
            return error_set(err, ERROR_USAGE, 0, "--log-opt '%s': not a valid number", o);
        }
    }
    return 0;
}

/* "container:NAME" becomes its ID: a name may change hands. */
static int network_mode(const struct engine *e, const struct run_request *r, struct container *c,
                        struct error **err)
{
    const char *mode = r->networks.count ? r->networks.items[0] : "bridge";
    CLEANUP(container) struct container *other = NULL;
    if (str_equal(mode, "default")) {
        mode = "bridge";
    }
    if (str_starts(mode, "container:")) {
        int result = container_find(e, mode + strlen("container:"), &other, err);
        if (result < 0) {
            return error_wrap(err, result, "--network '%s'", mode);
        }
        c->network_mode = str_format("container:%s", other->id);
        return 0;
    }
    if (!str_equal(mode, "bridge") && !str_equal(mode, "none") && !str_equal(mode, "host")) {
        return error_set(err, ERROR_USAGE, 0,
                         "unknown network '%s': there are bridge, host, none and container:NAME",
                         mode);
    }
    c->network_mode = xstrdup(mode);
    return 0;
}

/* What was asked of a network that this one cannot give is refused, never left out. */
static int network_check(const struct run_request *r, bool is_bridge, const char *mode,
                         struct error **err)
{
    const char *needs_bridge = r->publish.count ? "--publish"
                               : r->ip          ? "--ip"
                               : r->mac_address ? "--mac-address"
                                                : NULL;
    if (r->networks.count > 1) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "--network: a container has one network");
    }
    if (needs_bridge && !is_bridge) {
        return error_set(err, ERROR_USAGE, 0, "%s needs the bridge network, not '%s'", needs_bridge,
                         mode);
    }
    if (r->ip6) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "--ip6: the bridge network has no IPv6");
    }
    if (r->network_aliases.count) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--network-alias: names are not served in network '%s'", mode);
    }
    return 0;
}

static int network(const struct engine *e, const struct run_request *r, struct container *c,
                   struct error **err)
{
    int result = network_mode(e, r, c, err);
    bool own = result == 0 && str_equal(c->network_mode, "bridge");
    if (result == 0) {
        result = network_check(r, own, c->network_mode, err);
    }
    if (result == 0 && own) {
        strv_add_all(&c->publish, r->publish.items);
        result = net_ports_check(&c->publish, err);
    }
    for (size_t i = 0; i < r->add_hosts.count && result == 0; i++) {
        result = net_check_add_host(r->add_hosts.items[i], err);
    }
    strv_add_all(&c->dns, r->dns.items);
    strv_add_all(&c->dns_search, r->dns_search.items);
    strv_add_all(&c->dns_options, r->dns_options.items);
    strv_add_all(&c->add_hosts, r->add_hosts.items);
    strv_add_all(&c->network_aliases, r->network_aliases.items);
    c->ip = xstrdup(r->ip);
    c->mac_address = xstrdup(r->mac_address);
    return result;
}

static void publish_all(const struct run_request *r, const struct image *image, struct container *c)
{
    if (!r->publish_all || !str_equal(c->network_mode, "bridge")) {
        return;
    }
    strv_add_all(&c->publish, image->config.exposed_ports.items);
    strv_add_all(&c->publish, r->expose.items);
}

static char *hostname(const struct run_request *r, const struct container *c)
{
    char host[65] = "";
    bool hosts = str_equal(c->network_mode, "host") || str_equal(r->uts_mode, "host");
    if (r->hostname) {
        return xstrdup(r->hostname);
    }
    if (hosts && gethostname(host, sizeof(host) - 1) == 0) {
        return xstrdup(host);
    }
    return xstrndup(c->id, CONTAINER_SHORT_ID_DIGITS);
}

/* An image's HEALTHCHECK, unless the request has its own or forbids it. */
static json_t *healthcheck(const struct run_request *r, const struct image *image)
{
    json_t *h = NULL;
    if (r->no_healthcheck) {
        return NULL;
    }
    if (r->health_cmd) {
        h = json_pack("{s:[s,s]}", "Test", "CMD-SHELL", r->health_cmd);
    } else if (image->config.healthcheck) {
        h = json_deep_copy(image->config.healthcheck);
    }
    const struct {
        const char *key;
        const struct option_integer *value;
        int64_t unit;
    } overrides[] = {{"Interval", &r->health_interval_ms, 1000000},
                     {"Timeout", &r->health_timeout_ms, 1000000},
                     {"StartPeriod", &r->health_start_period_ms, 1000000},
                     {"Retries", &r->health_retries, 1}};
    for (size_t i = 0; h && i < ARRAY_SIZE(overrides); i++) {
        if (overrides[i].value->set) {
            json_object_set_new(h, overrides[i].key,
                                json_integer(overrides[i].value->value * overrides[i].unit));
        }
    }
    return h;
}

static int restart(const struct run_request *r, struct container *c, struct error **err)
{
    const char *policy = "no";
    int result = restart_policy_parse(r->restart, &policy, &c->restart_max, err);
    c->restart_policy = xstrdup(policy);
    if (result >= 0 && r->remove && !str_equal(policy, "no")) {
        return error_set(err, ERROR_USAGE, 0, "--rm and --restart exclude each other");
    }
    return result < 0 ? result : 0;
}

static int check_wall(const struct run_request *r, const struct container *c, struct error **err)
{
    const struct wall_ops *wall = NULL;
    if (r->storage_opt.count) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--storage-opt '%s': the writable layer cannot be limited yet",
                         r->storage_opt.items[0]);
    }
    return wall_find(c->wall, &wall, err);
}

int container_new(const struct engine *e, const struct run_request *r, const struct image *image,
                  struct container **ret, struct error **err)
{
    CLEANUP(container) struct container *c = xcalloc(1, sizeof(*c));
    c->id = random_hex(CONTAINER_ID_DIGITS / 2);
    c->name = r->name ? xstrdup(r->name) : name_generate(0);
    c->wall = xstrdup(str_or(r->wall, "container"));
    c->image = xstrdup(r->image);
    c->image_id = xstrdup(image->id);
    now_text(&c->created);
    strv_add_all(&c->layers, image->layers.items);
    c->request = run_request_to_json(r);
    c->labels = image->config.labels ? json_deep_copy(image->config.labels) : json_object();
    add_labels(c->labels, &r->labels);
    c->remove = r->remove;
    c->tty = r->tty;
    c->open_stdin = r->interactive;
    c->stdin_once = r->interactive && !r->detach;
    c->stop_signal = xstrdup(str_or(r->stop_signal, str_or(image->config.stop_signal, "SIGTERM")));
    c->stop_timeout = r->stop_timeout.set ? (int)r->stop_timeout.value : STOP_TIMEOUT_DEFAULT;
    c->healthcheck = healthcheck(r, image);
    int result = check_wall(r, c, err);
    if (result == 0) {
        result = restart(r, c, err);
    }
    if (result == 0) {
        result = log_options(r, c, err);
    }
    if (result == 0) {
        result = network(e, r, c, err);
    }
    if (result < 0) {
        return result;
    }
    publish_all(r, image, c);
    c->hostname = hostname(r, c);
    *ret = take_ptr(c);
    return 0;
}
