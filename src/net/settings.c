// SPDX-License-Identifier: Apache-2.0
#include "net/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/settings.h"

#define PREFIX_MIN 8
#define PREFIX_MAX 30 /* two addresses beside the network's and the broadcast's */

static const struct net_settings defaults = {
    .bridge = "cloison0",
    .table = "cloison",
    .subnet = 0xac1e0000,
    .gateway = 0xac1e0001,
    .prefix_length = 16,
};

void net_address_text(uint32_t address, char text[NET_ADDRESS_BYTES])
{
    struct in_addr a = {htonl(address)};
    (void)inet_ntop(AF_INET, &a, text, NET_ADDRESS_BYTES); /* cannot fail: the room is enough */
}

int net_address_parse(const char *text, uint32_t *ret)
{
    struct in_addr a;
    if (inet_pton(AF_INET, text, &a) != 1) {
        return -EINVAL;
    }
    *ret = ntohl(a.s_addr);
    return 0;
}

static uint32_t mask(const struct net_settings *s)
{
    return ~(uint32_t)0 << (32 - s->prefix_length);
}

uint32_t net_settings_first(const struct net_settings *s)
{
    return s->subnet + 1;
}

uint32_t net_settings_last(const struct net_settings *s)
{
    return (s->subnet | ~mask(s)) - 1;
}

static bool is_name(const char *text, size_t room)
{
    size_t n = strlen(text);
    return n > 0 && n < room && text[0] != '-' && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static int set_name(const json_t *json, const char *key, const char *where, char *ret, size_t room,
                    struct error **err)
{
    const char *text = NULL;
    int r = json_get_str(json, key, where, &text, err);
    if (r > 0 && !is_name(text, room)) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: '%s' is '%s': not 1 to %zu letters, digits, '_', '.' or '-'", where,
                         key, text, room - 1);
    }
    if (r > 0) {
        memcpy(ret, text, strlen(text) + 1);
    }
    return r;
}

static int parse_subnet(const char *text, struct net_settings *ret)
{
    CLEANUP(free) char *copy = xstrdup(text);
    char *slash = strchr(copy, '/');
    int64_t prefix;
    uint32_t address;
    if (!slash) {
        return -EINVAL;
    }
    *slash = '\0';
    if (net_address_parse(copy, &address) < 0 || str_to_i64(slash + 1, 10, &prefix) < 0 ||
        prefix < PREFIX_MIN || prefix > PREFIX_MAX) {
        return -EINVAL;
    }
    ret->prefix_length = (int)prefix;
    ret->subnet = address & mask(ret);
    return ret->subnet == address ? 0 : -EINVAL;
}

static int set_addresses(const json_t *json, const char *where, struct net_settings *ret,
                         struct error **err)
{
    const char *subnet = NULL, *gateway = NULL;
    int r = json_get_str(json, "subnet", where, &subnet, err);
    if (r > 0 && parse_subnet(subnet, ret) < 0) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: 'subnet' is '%s': not an IPv4 network such as 172.30.0.0/16, /%d to "
                         "/%d",
                         where, subnet, PREFIX_MIN, PREFIX_MAX);
    }
    if (r > 0) {
        ret->gateway = net_settings_first(ret);
    }
    if (r >= 0) {
        r = json_get_str(json, "gateway", where, &gateway, err);
    }
    if (r > 0 &&
        (net_address_parse(gateway, &ret->gateway) < 0 || ret->gateway < net_settings_first(ret) ||
         ret->gateway > net_settings_last(ret))) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: 'gateway' is '%s': not a host's address in the subnet", where,
                         gateway);
    }
    return r;
}

int net_settings_from_json(const json_t *json, const char *where, struct net_settings *ret,
                           struct error **err)
{
    *ret = defaults;
    int r = set_name(json, "bridge", where, ret->bridge, sizeof(ret->bridge), err);
    if (r >= 0) {
        r = set_name(json, "table", where, ret->table, sizeof(ret->table), err);
    }
    if (r >= 0) {
        r = set_addresses(json, where, ret, err);
    }
    return r < 0 ? r : 0;
}

json_t *net_settings_to_json(const struct net_settings *s)
{
    char subnet[NET_ADDRESS_BYTES], gateway[NET_ADDRESS_BYTES];
    net_address_text(s->subnet, subnet);
    net_address_text(s->gateway, gateway);
    CLEANUP(free) char *network = str_format("%s/%d", subnet, s->prefix_length);
    return json_pack("{ssssssss}", "bridge", s->bridge, "subnet", network, "gateway", gateway,
                     "table", s->table);
}

int net_settings_load(const char *config_path, struct net_settings *ret, struct error **err)
{
    static const char *const known[] = {"bridge", "subnet", "gateway", "table", NULL};
    CLEANUP(json) json_t *network = NULL;
    *ret = defaults;
    if (!config_path) {
        return 0;
    }
    CLEANUP(free) char *where = str_format("%s: network", config_path);
    int r = settings_load_part(config_path, "network", &network, err);
    r = r < 0 ? r : settings_check_keys(network, where, known, err);
    return r < 0 ? r : net_settings_from_json(network, where, ret, err);
}
