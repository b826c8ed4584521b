// SPDX-License-Identifier: Apache-2.0
/* A service's networks, ports and names. */
#include <string.h>

#include "compose/translate.h"

static void add_ports(struct translation *t, const struct node *service)
{
    const struct node *ports = node_get(service, "ports");
    for (size_t i = 0; ports && i < ports->count; i++) {
        const struct node *port = ports->items[i];
        const char *address = node_text(port, "host_ip"), *host = node_text(port, "published");
        bool v6 = address && strchr(address, ':');
        CLEANUP(strbuf) struct strbuf b = {0};
        if (address) {
            strbuf_addf(&b, "%s%s%s:", v6 ? "[" : "", address, v6 ? "]" : "");
        }
        if (host || address) {
            strbuf_addf(&b, "%s:", str_or(host, ""));
        }
        strbuf_addf(&b, "%s/%s", node_text(port, "target"),
                    str_or(node_text(port, "protocol"), "tcp"));
        strv_add(&t->request.publish, b.data);
    }
}

/* "name=shop_default,alias=web,…": the service's name is an alias in each of its networks. */
static void add_network(struct translation *t, const struct project *p, const char *service,
                        const char *key, const struct node *use, const struct translate_options *o)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    const char *ip = node_text(use, "ipv4_address"), *ip6 = node_text(use, "ipv6_address");
    const char *mac = node_text(use, "mac_address");
    const struct node *aliases = node_get(use, "aliases");
    CLEANUP(strv) struct strv linked = {0};
    strbuf_addf(&b, "name=%s", node_text(node_at(p->model, "networks", key, NULL), "name"));
    if (!o->one_off) {
        strbuf_addf(&b, ",alias=%s", service);
        service_aliases(p, service, &linked);
    }
    for (size_t i = 0; i < linked.count; i++) {
        strbuf_addf(&b, ",alias=%s", linked.items[i]);
    }
    for (size_t i = 0; aliases && i < aliases->count; i++) {
        strbuf_addf(&b, ",alias=%s", aliases->items[i]->text);
    }
    if (ip) {
        strbuf_addf(&b, ",ip=%s", ip);
    }
    if (ip6) {
        strbuf_addf(&b, ",ip6=%s", ip6);
    }
    if (mac) {
        strbuf_addf(&b, ",mac-address=%s", mac);
    }
    strv_add(&t->request.networks, b.data);
}

/* The network with the highest priority comes first: it is the way out. */
static void add_networks(struct translation *t, const struct project *p, const char *name,
                         const struct node *service, const struct translate_options *o)
{
    const struct node *all = node_get(service, "networks");
    size_t first = 0;
    for (size_t i = 1; all && i < all->count; i++) {
        int64_t mine = node_int(all->entries[i].value, "gw_priority", 0);
        first = mine > node_int(all->entries[first].value, "gw_priority", 0) ? i : first;
    }
    for (size_t i = 0; all && i < all->count; i++) {
        const struct node_entry *e = &all->entries[i == 0 ? first : i <= first ? i - 1 : i];
        add_network(t, p, name, e->key, e->value, o);
    }
}

/* "service:X" is the container of that service. */
static const char *shared_mode(struct translation *t, const struct project *p,
                               const struct node *service, const char *key)
{
    const char *other = service_reference(service, key);
    CLEANUP(free) char *name = other ? member_name(p, other, 1) : NULL;
    return other ? arena_format(t->arena, "container:%s", name) : node_text(service, key);
}

int translate_network(struct translation *t, const struct project *p, const char *name,
                      const struct translate_options *o, struct error **err)
{
    struct run_request *r = &t->request;
    const struct node *service = node_at(p->model, "services", name, NULL);
    const struct node *hosts = node_get(service, "extra_hosts");
    const char *mode = shared_mode(t, p, service, "network_mode");
    if (mode) {
        strv_add(&r->networks, mode);
    } else {
        add_networks(t, p, name, service, o);
    }
    if (!o->no_ports) {
        add_ports(t, service);
    }
    for (size_t i = 0; hosts && i < hosts->count; i++) {
        char *text = xstrdup(hosts->items[i]->text);
        *strchr(text, '=') = ':';
        strv_add_take(&r->add_hosts, text);
    }
    r->ipc_mode = shared_mode(t, p, service, "ipc");
    r->pid_mode = shared_mode(t, p, service, "pid");
    r->mac_address = node_text(service, "mac_address");
    translate_list(&r->expose, node_get(service, "expose"));
    translate_list(&r->dns, node_get(service, "dns"));
    translate_list(&r->dns_search, node_get(service, "dns_search"));
    translate_list(&r->dns_options, node_get(service, "dns_opt"));
    return 0;
}
