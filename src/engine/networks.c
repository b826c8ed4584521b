// SPDX-License-Identifier: Apache-2.0
#include "engine/networks.h"

#include <errno.h>
#include <string.h>

#include "engine/links.h"
#include "net/files.h"
#include "net/store.h"
#include "wall/wall.h"

static struct net_place place_of(const struct engine *e)
{
    return (struct net_place){e->run_dir, e->data_dir, e->config_path};
}

bool network_is_machine(const struct container *c)
{
    const struct wall_ops *wall = NULL;
    return wall_find(c->wall, &wall, NULL) >= 0 && wall->fixed_interfaces;
}

int network_need(const struct engine *e, const struct container *c, pid_t pid,
                 struct network_need *ret, struct error **err)
{
    char *addresses = c->remove ? NULL : container_data_path(e, c->id, "addresses.json");
    *ret = (struct network_need){.addresses_path = addresses,
                                 .request = {
                                     .place = place_of(e),
                                     .id = c->id,
                                     .name = c->name,
                                     .hostname = c->hostname,
                                     .pid = pid,
                                     .publish = &c->publish,
                                     .dns = &c->dns,
                                     .names_inside = !network_is_machine(c),
                                     .addresses_path = addresses,
                                 }};
    int r = net_choices_from_json(c->networks, &ret->choices, err);
    ret->request.networks = &ret->choices;
    return r < 0 || !c->network_rate ? r : net_rate_parse(c->network_rate, &ret->request.rate, err);
}

void network_need_done(struct network_need *n)
{
    net_choices_done(&n->choices);
    free(n->addresses_path);
}

bool network_is_special(const char *mode)
{
    return str_equal(mode, "none") || str_equal(mode, "host") || str_starts(mode, "container:");
}

/* "container:NAME" becomes its ID: a name may change hands. */
static int join_container(const struct engine *e, const char *mode, struct container *c,
                          struct error **err)
{
    CLEANUP(container) struct container *other = NULL;
    int r = container_find(e, mode + strlen("container:"), &other, err);
    if (r < 0) {
        return error_wrap(err, r, "--network '%s'", mode);
    }
    c->network_mode = str_format("container:%s", other->id);
    return 0;
}

/* What a container without a network of its own cannot have is refused, never left out; but for -p
 * with the host's network or none, of which the command line warns, as Docker does. */
static int check_special(const struct run_request *r, const char *mode, struct error **err)
{
    bool host = str_equal(mode, "host");
    bool none = str_equal(mode, "none");
    const char *wrong = r->publish.count && !host && !none ? "--publish"
                        : r->links.count                   ? "--link"
                        : r->ip                            ? "--ip"
                        : r->ip6                           ? "--ip6"
                        : r->mac_address                   ? "--mac-address"
                        : r->network_aliases.count         ? "--network-alias"
                        : r->network_rate                  ? "--network-rate"
                        : r->networks.count > 1            ? "a second --network"
                                                           : NULL;
    return wrong ? error_set(err, ERROR_USAGE, 0, "%s needs a network of its own, not '%s'", wrong,
                             mode)
                 : 0;
}

/* Those flags that are of one network are of the first. */
static void add_flags(const struct run_request *r, struct net_choice *first)
{
    char **const texts[] = {&first->ip, &first->ip6, &first->mac_address};
    const char *const values[] = {r->ip, r->ip6, r->mac_address};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (values[i]) {
            free(*texts[i]);
            *texts[i] = xstrdup(values[i]);
        }
    }
    strv_add_all(&first->aliases, r->network_aliases.items);
}

static int check_choice(const struct engine *e, struct net_choice *choice, struct error **err)
{
    CLEANUP(net_network) struct net_network *n = NULL;
    struct net_place place = place_of(e);
    int r = net_network_find(&place, choice->network, &n, err);
    r = r < 0 ? r : net_choice_check(choice, err);
    if (r < 0) {
        return r;
    }
    if (choice->aliases.count && !net_network_is_made(n)) {
        return error_set(err, ERROR_USAGE, 0,
                         "--network-alias: names are not served in network '%s'", n->name);
    }
    if (choice->ip6 && !net_network_has(n, NET_IPV6)) {
        return error_set(err, ERROR_USAGE, 0, "--ip6: network '%s' has no IPv6", n->name);
    }
    if (choice->mac_address && str_equal(n->driver, "ipvlan")) {
        return error_set(err, ERROR_USAGE, 0,
                         "--mac-address: devices of the network '%s' share their parent's",
                         n->name);
    }
    free(choice->network);
    choice->network = xstrdup(n->name);
    return 0;
}

int network_check_choices(const struct engine *e, struct net_choices *choices, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < choices->count && r >= 0; i++) {
        r = check_choice(e, &choices->items[i], err);
        for (size_t k = 0; k < i && r >= 0; k++) {
            if (str_equal(choices->items[k].network, choices->items[i].network)) {
                r = error_set(err, ERROR_USAGE, 0, "--network '%s' is given twice",
                              choices->items[i].network);
            } else if (network_is_special(choices->items[i].network) ||
                       network_is_special(choices->items[k].network)) {
                r = error_set(err, ERROR_USAGE, 0, "--network '%s' stands alone",
                              network_is_special(choices->items[k].network)
                                  ? choices->items[k].network
                                  : choices->items[i].network);
            }
        }
    }
    return r;
}

static int choose(const struct engine *e, const struct run_request *r, struct container *c,
                  struct error **err)
{
    CLEANUP(net_choices) struct net_choices choices = {0};
    int result = 0;
    for (size_t i = 0; i < r->networks.count && result >= 0; i++) {
        result = net_choices_parse(&choices, r->networks.items[i], err);
    }
    if (result >= 0 && !choices.count) {
        (void)net_choices_add(&choices, "bridge");
    }
    if (result < 0) {
        return result;
    }
    if (str_starts(choices.items[0].network, "container:")) {
        result = check_special(r, choices.items[0].network, err);
        return result < 0 ? result : join_container(e, choices.items[0].network, c, err);
    }
    add_flags(r, &choices.items[0]);
    result = r->link_local_ips.count ? net_choice_refuse_link_local(err) : 0;
    result = result < 0 ? result : links_resolve(e, &r->links, &choices.items[0].links, err);
    result = result < 0 ? result : network_check_choices(e, &choices, err);
    if (result < 0) {
        return result;
    }
    c->network_mode = xstrdup(choices.items[0].network);
    if (network_is_special(c->network_mode)) {
        return check_special(r, c->network_mode, err);
    }
    c->networks = net_choices_to_json(&choices);
    return 0;
}

char *network_without_ports(const struct engine *e, const struct run_request *r)
{
    CLEANUP(net_choices) struct net_choices all = {0};
    struct net_place place = place_of(e);
    int result = 0;
    for (size_t i = 0; i < r->networks.count && result >= 0; i++) {
        result = net_choices_parse(&all, r->networks.items[i], NULL);
    }
    for (size_t i = 0; i < all.count && result >= 0; i++) {
        CLEANUP(net_network) struct net_network *n = NULL;
        result = net_network_find(&place, all.items[i].network, &n, NULL);
        if (result < 0 || (net_network_is_bridge(n) && !n->internal)) {
            return NULL;
        }
    }
    return result < 0 || !all.count ? NULL : xstrdup(all.items[0].network);
}

static int choose_rate(const struct run_request *r, struct container *c, struct error **err)
{
    struct net_rate rate = {0};
    int result = r->network_rate ? net_rate_parse(r->network_rate, &rate, err) : 0;
    c->network_rate = net_rate_text(&rate);
    return result;
}

int network_choose(const struct engine *e, const struct run_request *r, struct container *c,
                   struct error **err)
{
    int result = choose(e, r, c, err);
    result = result < 0 ? result : choose_rate(r, c, err);
    if (result >= 0 && c->networks) {
        strv_add_all(&c->publish, r->publish.items);
        result = net_ports_check(&c->publish, err);
    }
    const struct net_resolv given = {
        .dns = &r->dns, .search = &r->dns_search, .options = &r->dns_options};
    result = result < 0 ? result : net_check_resolv(&given, err);
    for (size_t i = 0; i < r->add_hosts.count && result >= 0; i++) {
        result = net_check_add_host(r->add_hosts.items[i], err);
    }
    strv_add_all(&c->dns, r->dns.items);
    strv_add_all(&c->dns_search, r->dns_search.items);
    strv_add_all(&c->dns_options, r->dns_options.items);
    strv_add_all(&c->add_hosts, r->add_hosts.items);
    return result < 0 ? result : 0;
}

static void add_addresses(const struct net_attachment *a, struct strv *ret)
{
    for (size_t i = 0; a && i < a->count; i++) {
        for (int f = 0; f < NET_FAMILIES; f++) {
            char text[NET_ADDRESS_BYTES];
            net_address_text(&a->endpoints[i].addresses[f], text);
            if (text[0]) {
                strv_add(ret, text);
            }
        }
    }
}

/* Where the container's names are served; "": nowhere. */
static void find_server(const struct container *c, const struct net_attachment *a,
                        char ret[NET_ADDRESS_BYTES])
{
    const struct net_network *n = a ? net_attachment_server(a) : NULL;
    ret[0] = '\0';
    if (n) {
        net_address_text(net_network_gateway(n), ret);
    } else if (a && net_attachment_has_names(a) && !network_is_machine(c)) {
        (void)stpcpy(ret, NET_NAMES_INSIDE);
    }
}

static int write_hosts(const struct engine *e, const struct container *c,
                       const struct net_attachment *a, bool in_place, struct error **err)
{
    CLEANUP(strv) struct strv addresses = {0}, others = {0};
    CLEANUP(free) char *path = container_data_path(e, c->id, "hosts");
    char gateway[NET_ADDRESS_BYTES] = "";
    for (int f = NET_FAMILIES; a && f > 0; f--) { /* the IPv4 one, if there is one */
        const struct net_endpoint *out = net_attachment_exit(a, f - 1);
        if (out) {
            net_address_text(&out->network->pools[f - 1].gateway, gateway);
        }
    }
    add_addresses(a, &addresses);
    int r = links_hosts(e, a, in_place, &others, err);
    if (r < 0) {
        return r;
    }
    struct net_hosts h = {.hostname = c->hostname,
                          .domainname =
                              json_string_value(json_object_get(c->request, "domainname")),
                          .addresses = &addresses,
                          .others = &others,
                          .gateway = gateway[0] ? gateway : NULL,
                          .extra = &c->add_hosts,
                          .host_path = str_equal(c->network_mode, "host") ? "/etc/hosts" : NULL,
                          .in_place = in_place};
    return net_write_hosts(path, &h, err);
}

static int write_resolv(const struct engine *e, const struct container *c,
                        const struct net_attachment *a, bool in_place, struct error **err)
{
    CLEANUP(free) char *path = container_data_path(e, c->id, "resolv.conf");
    CLEANUP(free) char *written = container_run_path(e, c->id, "resolv.conf");
    char server[NET_ADDRESS_BYTES] = "";
    find_server(c, a, server);
    struct net_resolv v = {.dns = &c->dns,
                           .search = &c->dns_search,
                           .options = &c->dns_options,
                           .served_by = server[0] ? server : NULL,
                           .ipv6 = a && net_attachment_exit(a, NET_IPV6),
                           .in_place = in_place,
                           .written_path = written,
                           .host_network = str_equal(c->network_mode, "host")};
    return net_write_resolv(path, &v, err);
}

int network_write_files(const struct engine *e, const struct container *c,
                        const struct net_attachment *a, bool in_place, struct error **err)
{
    int r = 0;
    if (!in_place) {
        CLEANUP(free) char *hostname = container_data_path(e, c->id, "hostname");
        r = net_write_hostname(hostname, c->hostname, err);
    }
    if (r < 0 || str_starts(c->network_mode, "container:")) {
        return r;
    }
    r = write_hosts(e, c, a, in_place, err);
    return r < 0 ? r : write_resolv(e, c, a, in_place, err);
}

int network_follow_resolver(const struct engine *e, const struct container *c,
                            struct net_attachment *a, struct error **err)
{
    CLEANUP(network_need) struct network_need need = {0};
    if (str_starts(c->network_mode, "container:")) {
        return 0;
    }
    if (a) { /* it may have been connected to others meanwhile */
        int r = network_need(e, c, 0, &need, err);
        r = r < 0 ? r : net_refresh(&need.request, a, err);
        if (r < 0) {
            return r;
        }
    }
    return write_resolv(e, c, a, true, err);
}
