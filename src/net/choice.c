// SPDX-License-Identifier: Apache-2.0
/* Which networks a container is to be in, and as what: from the command line and the store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "net/net.h"

void net_choices_done(struct net_choices *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->items[i].network);
        free(c->items[i].ip);
        free(c->items[i].ip6);
        free(c->items[i].mac_address);
        free(c->items[i].interface);
        strv_done(&c->items[i].aliases);
        strv_done(&c->items[i].links);
    }
    free(c->items);
    *c = (struct net_choices){0};
}

struct net_choice *net_choices_add(struct net_choices *c, const char *network)
{
    c->items = xrealloc(c->items, (c->count + 1) * sizeof(*c->items));
    c->items[c->count] = (struct net_choice){.network = xstrdup(network)};
    return &c->items[c->count++];
}

static void replace(char **at, const char *value)
{
    free(*at);
    *at = xstrdup(value);
}

int net_choice_set_option(struct net_choice *c, const char *text, struct error **err)
{
    static const char key[] = "com.docker.network.endpoint.ifname=";
    if (!str_starts(text, key)) {
        int r = error_set(err, ERROR_UNSUPPORTED, 0, "--driver-opt: there is no option '%s'", text);
        return error_hint(err, r, "there is com.docker.network.endpoint.ifname");
    }
    replace(&c->interface, text + strlen(key));
    return 0;
}

int net_choice_refuse_link_local(struct error **err)
{
    return error_set(err, ERROR_UNSUPPORTED, 0,
                     "--link-local-ip: a container may send from its network's addresses alone");
}

static int set_priority(struct net_choice *c, const char *text, struct error **err)
{
    int64_t n;
    if (str_to_i64(text, 10, &n) < 0 || n < INT32_MIN || n > INT32_MAX) {
        return error_set(err, ERROR_USAGE, EINVAL, "gw-priority: '%s' is no number", text);
    }
    c->exit_priority = (int)n;
    return 0;
}

static int set_word(struct net_choice *c, const char *word, struct error **err)
{
    const char *value = strchr(word, '=');
    if (value && str_starts(word, "name=")) {
        replace(&c->network, value + 1);
    } else if (value && str_starts(word, "alias=")) {
        strv_add(&c->aliases, value + 1);
    } else if (value && str_starts(word, "ip=")) {
        replace(&c->ip, value + 1);
    } else if (value && str_starts(word, "ip6=")) {
        replace(&c->ip6, value + 1);
    } else if (value && str_starts(word, "mac-address=")) {
        replace(&c->mac_address, value + 1);
    } else if (value && str_starts(word, "gw-priority=")) {
        return set_priority(c, value + 1, err);
    } else if (value && str_starts(word, "driver-opt=")) {
        return net_choice_set_option(c, value + 1, err);
    } else if (value && str_starts(word, "link-local-ip=")) {
        return net_choice_refuse_link_local(err);
    } else {
        int r = error_set(err, ERROR_USAGE, EINVAL, "--network: unknown field '%s'", word);
        return error_hint(
            err, r,
            "there are name=, alias=, ip=, ip6=, mac-address=, gw-priority= and driver-opt=");
    }
    return 0;
}

int net_choices_parse(struct net_choices *c, const char *text, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    if (!strchr(text, '=')) {
        (void)net_choices_add(c, text);
        return 0;
    }
    struct net_choice *choice = net_choices_add(c, "");
    strv_split(&words, text, ',');
    for (size_t i = 0; i < words.count; i++) {
        int r = set_word(choice, words.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    return choice->network[0] ? 0
                              : error_set(err, ERROR_USAGE, EINVAL,
                                          "--network '%s' names no network (name=…)", text);
}

static int check_address(const char *text, int family, struct error **err)
{
    struct net_address a;
    if (text && (net_address_parse(text, &a) < 0 || a.family != family)) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid address '%s': not an %s address", text,
                         family == AF_INET6 ? "IPv6" : "IPv4");
    }
    return 0;
}

static int check_mac(const char *text, struct error **err)
{
    unsigned b[6];
    char end;
    int n = text ? sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4],
                          &b[5], &end)
                 : 6;
    if (n != 6 || (text && (b[0] & 1 || strlen(text) != 17))) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid MAC address '%s': not six pairs of hex digits of one host", text);
    }
    return 0;
}

static int check_alias(const char *alias, struct error **err)
{
    size_t n = strlen(alias);
    if (n == 0 || n > 253 ||
        strspn(alias, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid alias '%s': not a host's name", alias);
    }
    return 0;
}

int net_choice_check(const struct net_choice *c, struct error **err)
{
    int r = check_address(c->ip, AF_INET, err);
    r = r < 0 ? r : check_address(c->ip6, AF_INET6, err);
    r = r < 0 ? r : check_mac(c->mac_address, err);
    if (r >= 0 && c->interface &&
        (!net_device_name_valid(c->interface) || str_equal(c->interface, "lo"))) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "ifname: '%s' is no device's name (1 to %d "
                         "letters)",
                         c->interface, NET_DEVICE_BYTES - 1);
    }
    for (size_t i = 0; i < c->aliases.count && r >= 0; i++) {
        r = check_alias(c->aliases.items[i], err);
    }
    return r;
}

json_t *net_choices_to_json(const struct net_choices *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        const struct net_choice *one = &c->items[i];
        json_t *o =
            json_pack("{s:s, s:s*, s:s*, s:s*, s:s*}", "network", one->network, "ip", one->ip,
                      "ip6", one->ip6, "macAddress", one->mac_address, "interface", one->interface);
        if (one->aliases.count) {
            (void)json_object_set_new(o, "aliases", json_from_strv(&one->aliases));
        }
        if (one->links.count) {
            (void)json_object_set_new(o, "links", json_from_strv(&one->links));
        }
        if (one->exit_priority) {
            (void)json_object_set_new(o, "exitPriority", json_integer(one->exit_priority));
        }
        (void)json_array_append_new(list, o);
    }
    return list;
}

int net_choices_from_json(const json_t *json, struct net_choices *ret, struct error **err)
{
    static const char where[] = "networks";
    json_t *o;
    size_t i;
    json_array_foreach(json, i, o)
    {
        const char *name = NULL, *ip = NULL, *ip6 = NULL, *mac = NULL, *interface = NULL;
        int64_t priority = 0;
        int r = json_get_str(o, "network", where, &name, err);
        r = r < 0 ? r : json_get_str(o, "ip", where, &ip, err);
        r = r < 0 ? r : json_get_str(o, "ip6", where, &ip6, err);
        r = r < 0 ? r : json_get_str(o, "macAddress", where, &mac, err);
        r = r < 0 ? r : json_get_str(o, "interface", where, &interface, err);
        r = r < 0 ? r
                  : json_get_i64(o, "exitPriority", where, INT32_MIN, INT32_MAX, &priority, err);
        struct net_choice *c = net_choices_add(ret, str_or(name, ""));
        c->ip = xstrdup(ip);
        c->ip6 = xstrdup(ip6);
        c->mac_address = xstrdup(mac);
        c->interface = xstrdup(interface);
        c->exit_priority = (int)priority;
        r = r < 0 ? r : json_get_strv(o, "aliases", where, &c->aliases, err);
        r = r < 0 ? r : json_get_strv(o, "links", where, &c->links, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
