// SPDX-License-Identifier: Apache-2.0
#include "net/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/settings.h"

static const char default_bridge[] = "cloison0", default_subnet[] = "172.30.0.0/16",
                  default_pool[] = "10.201.0.0/16";

/* FNV-1a: spread, not secrecy. */
static uint64_t hash(const char *text, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325 ^ seed;
    for (; *text; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    }
    return h * 0x9e3779b97f4a7c15;
}

void net_fixed_id(const char *name, char id[65])
{
    for (int i = 0; i < 4; i++) {
        (void)snprintf(id + 16 * i, 17, "%016llx",
                       (unsigned long long)hash(name, (uint64_t)(i + 1) << 32));
    }
}

/* fdXX:XXXX:XXXX::/48 (RFC 4193), its 40 bits this machine's. */
static struct net_subnet own_pool(void)
{
    struct net_subnet s = {.base = {.family = AF_INET6}, .prefix = 48};
    CLEANUP(free) char *machine = NULL;
    IGNORE(file_read_line(AT_FDCWD, "/etc/machine-id", &machine, NULL)); /* none: a common one */
    uint64_t h = hash(str_or(machine, ""), 0);
    s.base.bytes[0] = 0xfd;
    memcpy(s.base.bytes + 1, &h, 5);
    return s;
}

static int set_defaults(struct net_settings *s, struct error **err)
{
    char id[65];
    struct net_network *n = s->bridge = xcalloc(1, sizeof(*n));
    (void)stpcpy(s->table, "cloison");
    net_fixed_id("bridge", id);
    n->name = xstrdup("bridge");
    n->driver = xstrdup("bridge");
    n->id = xstrdup(id);
    (void)stpcpy(n->device, default_bridge);
    n->hidden[NET_IPV4] = n->hidden[NET_IPV6] = n->mutual = true;
    s->pools[NET_IPV6] = own_pool();
    if (net_subnet_parse(default_subnet, &n->pools[NET_IPV4].subnet) < 0 ||
        net_subnet_parse(default_pool, &s->pools[NET_IPV4]) < 0) {
        return error_set(err, ERROR_INTERNAL, 0, "the network's defaults");
    }
    return 0;
}

void net_settings_done(struct net_settings *s)
{
    net_network_free(s->bridge);
    *s = (struct net_settings){0};
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

static int set_subnet(const json_t *json, const char *key, const char *where, int family,
                      struct net_subnet *ret, struct error **err)
{
    const char *text = NULL;
    struct net_subnet s = {0};
    int r = json_get_str(json, key, where, &text, err);
    if (r > 0 && (net_subnet_parse(text, &s) < 0 || !net_subnet_usable(&s) ||
                  s.base.family != (family == NET_IPV6 ? AF_INET6 : AF_INET))) {
        return error_set(
            err, ERROR_INVALID_INPUT, EINVAL, "%s: '%s' is '%s': not an IPv%d network such as %s",
            where, key, text, family == NET_IPV6 ? 6 : 4,
            family == NET_IPV6 ? "fd00:1::/64, /8 to /126" : "172.30.0.0/16, /8 to /30");
    }
    if (r > 0) {
        *ret = s;
    }
    return r;
}

static int set_gateway(const json_t *json, const char *key, const char *where, struct net_pool *p,
                       struct error **err)
{
    const char *text = NULL;
    struct net_address a = {0};
    int r = json_get_str(json, key, where, &text, err);
    if (r <= 0) {
        p->gateway = p->subnet.base.family ? net_subnet_at(&p->subnet, 1) : a;
        return r;
    }
    if (net_address_parse(text, &a) < 0 || !net_subnet_has(&p->subnet, &a) ||
        net_subnet_number(&p->subnet, &a) < net_pool_first(p) ||
        net_subnet_number(&p->subnet, &a) > net_pool_last(p)) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: '%s' is '%s': not a host's address in the subnet", where, key, text);
    }
    p->gateway = a;
    return 0;
}

int net_settings_from_json(const json_t *json, const char *where, struct net_settings *ret,
                           struct error **err)
{
    static const char *const suffix[] = {[NET_IPV4] = "", [NET_IPV6] = "6"};
    int r = set_defaults(ret, err);
    r = r < 0 ? r
              : set_name(json, "bridge", where, ret->bridge->device, sizeof(ret->bridge->device),
                         err);
    r = r < 0 ? r : set_name(json, "table", where, ret->table, sizeof(ret->table), err);
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        char subnet[16], gateway[16], pool[16];
        (void)snprintf(subnet, sizeof(subnet), "subnet%s", suffix[f]);
        (void)snprintf(gateway, sizeof(gateway), "gateway%s", suffix[f]);
        (void)snprintf(pool, sizeof(pool), "pool%s", suffix[f]);
        struct net_pool *p = &ret->bridge->pools[f];
        r = set_subnet(json, subnet, where, f, &p->subnet, err);
        r = r < 0 ? r : set_gateway(json, gateway, where, p, err);
        r = r < 0 ? r : set_subnet(json, pool, where, f, &ret->pools[f], err);
    }
    return r < 0 ? r : 0;
}

int net_settings_load(const char *config_path, struct net_settings *ret, struct error **err)
{
    static const char *const known[] = {"bridge", "subnet", "gateway", "subnet6", "gateway6",
                                        "table",  "pool",   "pool6",   NULL};
    CLEANUP(json) json_t *network = NULL;
    if (!config_path) {
        CLEANUP(json) json_t *nothing = json_object();
        return net_settings_from_json(nothing, "network", ret, err);
    }
    CLEANUP(free) char *where = str_format("%s: network", config_path);
    int r = settings_load_part(config_path, "network", &network, err);
    r = r < 0 ? r : settings_check_keys(network, where, known, err);
    return r < 0 ? r : net_settings_from_json(network, where, ret, err);
}
