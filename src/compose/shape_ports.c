// SPDX-License-Identifier: Apache-2.0
/* "[[ADDRESS:]HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]": compose-spec 05-services.md "ports".
 */
#include <string.h>

#include "compose/shape.h"

#define PORT_LAST 65535

struct range {
    int64_t first, last; /* 0: none was given */
};

static bool parse_range(const char *text, struct range *ret)
{
    const char *dash = strchr(text, '-');
    CLEANUP(free) char *first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
    if (str_to_i64(first, 10, &ret->first) < 0) {
        return false;
    }
    ret->last = ret->first;
    if (dash && str_to_i64(dash + 1, 10, &ret->last) < 0) {
        return false;
    }
    return ret->first >= 0 && ret->last >= ret->first && ret->last <= PORT_LAST;
}

static struct node *one_port(struct shaper *s, const struct node *in, const char *address,
                             const char *published, int64_t target, const char *protocol)
{
    struct node *port = node_new(s->arena, NODE_MAP, in);
    node_set(s->arena, port, "mode", node_string(s->arena, "ingress", in));
    if (address && *address) {
        node_set(s->arena, port, "host_ip", node_string(s->arena, address, in));
    }
    node_set(s->arena, port, "target", node_integer(s->arena, target, in));
    if (published && *published) {
        node_set(s->arena, port, "published", node_string(s->arena, published, in));
    }
    node_set(s->arena, port, "protocol", node_string(s->arena, protocol, in));
    return port;
}

static int wrong_port(struct shaper *s, const struct node *in, const char *path)
{
    return node_error(in, s->err, "%s: '%s' is no port: [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]",
                      path, in->text);
}

/* A range of ports is as many ports; one port of the container may have any of the host's. */
static int add_ports(struct shaper *s, const struct node *in, const char *path, const char *address,
                     const char *host, const char *container, const char *protocol,
                     struct node *out)
{
    struct range inside = {0}, outside = {0};
    if (!parse_range(container, &inside) || inside.first == 0 ||
        (*host && !parse_range(host, &outside))) {
        return wrong_port(s, in, path);
    }
    int64_t count = inside.last - inside.first + 1;
    bool paired = *host && count > 1;
    if (paired && outside.last - outside.first + 1 != count) {
        return node_error(in, s->err, "%s: '%s': the two ranges differ in length", path, in->text);
    }
    for (int64_t i = 0; i < count; i++) {
        const char *published =
            paired ? arena_format(s->arena, "%lld", (long long)(outside.first + i)) : host;
        node_append(s->arena, out, one_port(s, in, address, published, inside.first + i, protocol));
    }
    return 0;
}

/* "[::1]:80:80" */
static int split_address(const char *text, char **ret_address, const char **ret_rest)
{
    if (text[0] != '[') {
        *ret_rest = text;
        return 0;
    }
    const char *end = strchr(text, ']');
    if (!end || end[1] != ':') {
        return -EINVAL;
    }
    *ret_address = xstrndup(text + 1, (size_t)(end - text - 1));
    *ret_rest = end + 2;
    return 0;
}

static int ports_from_text(struct shaper *s, const struct node *in, const char *path,
                           struct node *out)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
    const char *slash = strchr(in->text, '/');
    const char *protocol = slash ? slash + 1 : "tcp";
    CLEANUP(free)
    char *text = slash ? xstrndup(in->text, (size_t)(slash - in->text)) : xstrdup(in->text);
    CLEANUP(free) char *address = NULL;
    const char *rest = NULL;
    CLEANUP(strv) struct strv parts = {0};
    if (!str_in(protocol, protocols) || split_address(text, &address, &rest) < 0) {
        return wrong_port(s, in, path);
    }
    strv_split(&parts, rest, ':');
    if (parts.count > (address ? 2u : 3u) || (address && parts.count < 2)) {
        return wrong_port(s, in, path);
    }
    const char *container = parts.items[parts.count - 1];
    const char *host = parts.count > 1 ? parts.items[parts.count - 2] : "";
    const char *before = address ? address : parts.count > 2 ? parts.items[0] : NULL;
    return add_ports(s, in, path, before, host, container, protocol, out);
}

static int port_from_map(struct shaper *s, const struct node *in, const char *path,
                         struct node *out)
{
    struct node *port = node_copy(s->arena, in);
    const struct node *target = node_get(port, "target");
    const struct node *published = node_get(port, "published");
    struct range range = {0};
    if (!target) {
        return node_error(in, s->err, "%s: a port needs a 'target'", path);
    }
    if (!node_is_scalar(target) || !parse_range(target->text, &range) || range.first == 0 ||
        range.first != range.last) {
        return node_error(target, s->err, "%s: '%s' is no port", path, str_or(target->text, ""));
    }
    if (published && published->kind != NODE_NULL &&
        (!node_is_scalar(published) || !parse_range(published->text, &range))) {
        return node_error(published, s->err, "%s: '%s' is no port", path,
                          str_or(published->text, ""));
    }
    if (!node_get(port, "mode")) {
        node_set(s->arena, port, "mode", node_string(s->arena, "ingress", in));
    }
    if (!node_get(port, "protocol")) {
        node_set(s->arena, port, "protocol", node_string(s->arena, "tcp", in));
    }
    node_append(s->arena, out, port);
    return 0;
}

int expand_ports(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a list");
    }
    *ret = node_new(s->arena, NODE_LIST, in);
    for (size_t i = 0; i < in->count; i++) {
        const struct node *item = in->items[i];
        int r = item->kind == NODE_MAP ? port_from_map(s, item, path, *ret)
                : node_is_scalar(item) && item->kind != NODE_NULL
                    ? ports_from_text(s, item, path, *ret)
                    : shape_wrong_kind(s, item, path, "a port");
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
