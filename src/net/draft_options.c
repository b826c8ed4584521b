// SPDX-License-Identifier: Apache-2.0
/* What `network create -o KEY=VALUE` sets, by driver. */
#include <errno.h>
#include <string.h>

#include "net/draft.h"

static int parse_flag(const char *key, const char *value, bool *ret, struct error **err)
{
    static const char *const yes[] = {"true", "1", "t", NULL};
    static const char *const no[] = {"false", "0", "f", NULL};
    if (!str_in(value, yes) && !str_in(value, no)) {
        return error_set(err, ERROR_USAGE, EINVAL, "option '%s': '%s' is not true or false", key,
                         value);
    }
    *ret = str_in(value, yes);
    return 0;
}

static int set_mtu(struct draft *d, const char *key, const char *value, struct error **err)
{
    int64_t mtu;
    if (str_to_i64(value, 10, &mtu) < 0 || mtu < 68 || mtu > 65535) {
        return error_set(err, ERROR_USAGE, EINVAL, "option '%s': '%s' is no MTU (68 to 65535)", key,
                         value);
    }
    d->network->mtu = (int)mtu;
    return 0;
}

static int set_device(struct draft *d, const char *key, const char *value, struct error **err)
{
    if (!net_device_name_valid(value)) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "option '%s': '%s' is no device's name (1 to %d letters)", key, value,
                         NET_DEVICE_BYTES - 1);
    }
    memcpy(d->network->device, value, strlen(value) + 1);
    return 0;
}

static int set_mode(struct draft *d, const char *key, const char *value, struct error **err)
{
    static const char *const mac[] = {"bridge", "private", "vepa", "passthru", NULL};
    static const char *const ip[] = {"l2", "l3", "l3s", NULL};
    bool is_mac = str_equal(d->network->driver, "macvlan");
    if (!str_in(value, is_mac ? mac : ip)) {
        return error_set(err, ERROR_USAGE, EINVAL, "option '%s': there is no mode '%s': %s", key,
                         value, is_mac ? "bridge, private, vepa or passthru" : "l2, l3 or l3s");
    }
    free(d->network->mode);
    d->network->mode = xstrdup(value);
    return 0;
}

static int set_hidden(struct draft *d, const char *key, const char *value, struct error **err)
{
    bool on = true;
    int r = parse_flag(key, value, &on, err);
    d->network->hidden[NET_IPV4] = d->network->hidden[NET_IPV6] = on;
    return r;
}

static int set_gateway_mode(struct draft *d, const char *key, const char *value, struct error **err)
{
    if (!str_equal(value, "nat") && !str_equal(value, "routed")) {
        return error_set(err, ERROR_USAGE, EINVAL, "option '%s': '%s' is not nat or routed", key,
                         value);
    }
    d->network->hidden[str_ends(key, "6") ? NET_IPV6 : NET_IPV4] = str_equal(value, "nat");
    return 0;
}

static int set_mutual(struct draft *d, const char *key, const char *value, struct error **err)
{
    return parse_flag(key, value, &d->network->mutual, err);
}

static int set_publish_address(struct draft *d, const char *key, const char *value,
                               struct error **err)
{
    if (net_address_parse(value, &d->network->publish_address) < 0) {
        return error_set(err, ERROR_USAGE, EINVAL, "option '%s': '%s' is no IP address", key,
                         value);
    }
    return 0;
}

/* Room for the number behind it. */
static int set_prefix(struct draft *d, const char *key, const char *value, struct error **err)
{
    if (!net_device_name_valid(value) || strlen(value) > NET_DEVICE_BYTES - 3 ||
        str_equal(value, "lo")) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "option '%s': '%s' begins no device's name (1 to %d letters)", key, value,
                         NET_DEVICE_BYTES - 3);
    }
    free(d->network->prefix);
    d->network->prefix = xstrdup(value);
    return 0;
}

#define DOCKER "com.docker.network."
static const struct {
    const char *key, *drivers;
    int (*set)(struct draft *d, const char *key, const char *value, struct error **err);
} options[] = {
    {DOCKER "bridge.name", "bridge", set_device},
    {DOCKER "bridge.enable_icc", "bridge", set_mutual},
    {DOCKER "bridge.enable_ip_masquerade", "bridge", set_hidden},
    {DOCKER "bridge.gateway_mode_ipv4", "bridge", set_gateway_mode},
    {DOCKER "bridge.gateway_mode_ipv6", "bridge", set_gateway_mode},
    {DOCKER "bridge.host_binding_ipv4", "bridge", set_publish_address},
    {DOCKER "container_iface_prefix", "bridge macvlan ipvlan", set_prefix},
    {DOCKER "driver.mtu", "bridge macvlan ipvlan", set_mtu},
    {"mtu", "bridge macvlan ipvlan", set_mtu},
    {"parent", "macvlan ipvlan", set_device},
    {"macvlan_mode", "macvlan", set_mode},
    {"ipvlan_mode", "ipvlan", set_mode},
    {"mode", "macvlan ipvlan", set_mode},
};

int draft_add_option(struct draft *d, const char *text, struct error **err)
{
    size_t n = strcspn(text, "=");
    CLEANUP(free) char *key = xstrndup(text, n);
    const char *value = text[n] ? text + n + 1 : "";
    d->network->options = d->network->options ? d->network->options : json_object();
    (void)json_object_set_new(d->network->options, key, json_string(value));
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (str_equal(options[i].key, key) && strstr(options[i].drivers, d->network->driver)) {
            return options[i].set(d, key, value, err);
        }
    }
    int r = error_set(err, ERROR_UNSUPPORTED, 0, "the driver '%s' has no option '%s'",
                      d->network->driver, key);
    return error_hint(err, r, "docs/cli/network-create.md lists them");
}
