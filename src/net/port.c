// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/net.h"

struct range {
    int first, last;
};

static int bad(const char *text, const char *why, struct error **err)
{
    int r = error_set(err, ERROR_USAGE, EINVAL, "invalid port '%s': %s", text, why);
    return error_hint(err, r, "write [[ADDRESS:]HOST:]CONTAINER[/tcp|/udp]");
}

static int parse_number(const char *text, int *ret)
{
    int64_t n;
    if (text[0] < '0' || text[0] > '9' || str_to_i64(text, 10, &n) < 0 || n < 1 || n > 65535) {
        return -EINVAL;
    }
    *ret = (int)n;
    return 0;
}

/* "80" or "80-90". */
static int parse_range(char *text, struct range *ret)
{
    char *dash = strchr(text, '-');
    if (dash) {
        *dash = '\0';
    }
    if (parse_number(text, &ret->first) < 0 || parse_number(dash ? dash + 1 : text, &ret->last)) {
        return -EINVAL;
    }
    return ret->first <= ret->last ? 0 : -EINVAL;
}

static int parse_proto(char *text, char proto[5])
{
    static const char *const known[] = {"tcp", "udp", "sctp", NULL};
    for (char *p = text; *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    }
    if (!str_in(text, known)) {
        return -EINVAL;
    }
    (void)stpcpy(proto, text); /* at most "sctp" */
    return 0;
}

/* Splits "ADDRESS:HOST", "[ADDRESS]:HOST" or "HOST"; *ret_address is NULL when there is none. */
static int split_address(char *text, char **ret_address, char **ret_host)
{
    *ret_address = NULL;
    *ret_host = text;
    char *colon;
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end || end[1] != ':') {
            return -EINVAL;
        }
        *end = '\0';
        text++;
        colon = end + 1;
    } else {
        colon = strchr(text, ':');
        if (!colon) {
            return 0;
        }
    }
    *colon = '\0';
    *ret_address = text;
    *ret_host = colon + 1;
    return strchr(*ret_host, ':') ? -EINVAL : 0;
}

static int parse_address(const char *text, char address[46])
{
    unsigned char bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, bytes) != 1) {
        return -EINVAL;
    }
    /* Written back, so that one address has one spelling. */
    return inet_ntop(family, bytes, address, 46) ? 0 : -EINVAL;
}

static int expand(const char *text, const struct net_port *model, struct range host,
                  struct range container, struct net_port **ret, size_t *ret_count,
                  struct error **err)
{
    int count = container.last - container.first + 1;
    int host_count = host.first ? host.last - host.first + 1 : count;
    if (host_count != count && count != 1) {
        return bad(text, "the two ranges differ in length", err);
    }
    struct net_port *ports = xcalloc((size_t)count, sizeof(*ports));
    for (int i = 0; i < count; i++) {
        ports[i] = *model;
        ports[i].container = container.first + i;
        ports[i].host = host.first ? host.first + i : 0;
        ports[i].host_last = host_count > count ? host.last : ports[i].host;
    }
    *ret = ports;
    *ret_count = (size_t)count;
    return 0;
}

int net_port_parse(const char *text, struct net_port **ret, size_t *ret_count, struct error **err)
{
    CLEANUP(free) char *copy = xstrdup(text);
    struct net_port model = {.proto = "tcp"};
    struct range host = {0}, container;
    char *slash = strrchr(copy, '/');
    if (slash) {
        *slash = '\0';
        if (parse_proto(slash + 1, model.proto) < 0) {
            return bad(text, "the protocol must be tcp, udp or sctp", err);
        }
    }
    char *colon = strrchr(copy, ':'), *address = NULL, *host_text = NULL;
    if (colon) {
        *colon = '\0';
        if (split_address(copy, &address, &host_text) < 0) {
            return bad(text, "an IPv6 address stands in brackets", err);
        }
    }
    if (parse_range(colon ? colon + 1 : copy, &container) < 0) {
        return bad(text, "the container's port must be 1 to 65535, or a range", err);
    }
    if (address && parse_address(address, model.address) < 0) {
        return bad(text, "not an IP address before the host's port", err);
    }
    if (host_text && (host_text[0] || !address) && str_equal(host_text, "0") == false &&
        parse_range(host_text, &host) < 0) {
        return bad(text, "the host's port must be 1 to 65535, or a range", err);
    }
    return expand(text, &model, host, container, ret, ret_count, err);
}

/* Is one the other, or one of its family's all? */
static bool addresses_collide(const char *a, const char *b)
{
    static const char *const any[] = {"", "0.0.0.0", "::", NULL};
    bool same_family = !a[0] || !b[0] || !strchr(a, ':') == !strchr(b, ':');
    return same_family && (str_equal(a, b) || str_in(a, any) || str_in(b, any));
}

static bool ports_collide(const struct net_port *a, const struct net_port *b)
{
    return a->host && a->host == b->host && a->host == a->host_last && b->host == b->host_last &&
           str_equal(a->proto, b->proto) && addresses_collide(a->address, b->address);
}

void net_ports_add(struct net_ports *list, const struct net_port *more, size_t count)
{
    list->items = xrealloc(list->items, (list->count + count) * sizeof(*list->items));
    memcpy(list->items + list->count, more, count * sizeof(*more));
    list->count += count;
}

void net_ports_done(struct net_ports *list)
{
    free(list->items);
    *list = (struct net_ports){0};
}

int net_ports_parse(const struct strv *publish, struct net_ports *ret, struct error **err)
{
    CLEANUP(net_ports) struct net_ports all = {0};
    for (size_t i = 0; publish && i < publish->count; i++) {
        CLEANUP(free) struct net_port *ports = NULL;
        size_t count = 0;
        int r = net_port_parse(publish->items[i], &ports, &count, err);
        if (r < 0) {
            return r;
        }
        for (size_t p = 0; p < count; p++) {
            for (size_t q = 0; q < all.count; q++) {
                if (ports_collide(&ports[p], &all.items[q])) {
                    return error_set(err, ERROR_USAGE, EINVAL, "port %d/%s is published twice",
                                     ports[p].host, ports[p].proto);
                }
            }
        }
        net_ports_add(&all, ports, count);
    }
    *ret = all;
    all = (struct net_ports){0};
    return 0;
}

int net_ports_check(const struct strv *publish, struct error **err)
{
    CLEANUP(net_ports) struct net_ports all = {0};
    return net_ports_parse(publish, &all, err);
}
