// SPDX-License-Identifier: Apache-2.0
/* `cloison network connect|disconnect`: a container's networks, while it runs or not. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/networks.h"

struct connect_values {
    struct strv aliases, links, link_local_ips, driver_options;
    struct option_integer priority;
    const char *ip, *ip6, *mac_address;
    bool force;
};
#define AT(member) offsetof(struct connect_values, member)

static int connect_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct connect_values *v = values;
    struct engine engine = engine_of(context);
    struct net_choice choice = {.network = argv[0],
                                .ip = (char *)v->ip, /* all borrowed */
                                .ip6 = (char *)v->ip6,
                                .mac_address = (char *)v->mac_address,
                                .aliases = v->aliases,
                                .links = v->links,
                                .exit_priority = (int)v->priority.value};
    int r = v->link_local_ips.count ? net_choice_refuse_link_local(err) : 0;
    for (size_t i = 0; i < v->driver_options.count && r >= 0; i++) {
        r = net_choice_set_option(&choice, v->driver_options.items[i], err);
    }
    r = r < 0 ? r : engine_network_connect(&engine, argv[1], &choice, err);
    free(choice.interface);
    return r;
}

static int disconnect_run(const struct command_context *context, void *values, int argc,
                          char **argv, struct error **err)
{
    const struct connect_values *v = values;
    struct engine engine = engine_of(context);
    return engine_network_disconnect(&engine, argv[0], argv[1], v->force, err);
}

static const struct option connect_options[] = {
    {0, "alias", OPTION_LIST, AT(aliases), "NAME", "Add a name in the network"},
    {0, "driver-opt", OPTION_LIST, AT(driver_options), "KEY=VALUE",
     "com.docker.network.endpoint.ifname=NAME: the interface's name"},
    {0, "gw-priority", OPTION_INTEGER, AT(priority), "NUMBER",
     "The network with the highest is the way out (default 0)"},
    {0, "ip", OPTION_STRING, AT(ip), "ADDRESS", "Give it this IPv4 address"},
    {0, "ip6", OPTION_STRING, AT(ip6), "ADDRESS", "Give it this IPv6 address"},
    {0, "link", OPTION_LIST, AT(links), "CONTAINER[:NAME]", "Call another container so",
     COMPLETE_CONTAINER},
    {0, "link-local-ip", OPTION_LIST, AT(link_local_ips), "ADDRESS",
     "Refused: the container may not send from it"},
    {0, "mac-address", OPTION_STRING, AT(mac_address), "ADDRESS", "Give it this MAC address", 0,
     NULL, FROM_CLOISON},
    {0},
};
static const struct option disconnect_options[] = {
    {'f', "force", OPTION_FLAG, AT(force), NULL, "Also when the network is gone"},
    {0},
};

const struct command command_network_connect = {
    .name = "network connect",
    .group = "Networks",
    .summary = "Put a container into a network",
    .arguments = "[OPTIONS] NETWORK CONTAINER",
    .options = connect_options,
    .values_size = sizeof(struct connect_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .argument_completion = COMPLETE_NETWORK,
    .run = connect_run,
};

const struct command command_network_disconnect = {
    .name = "network disconnect",
    .group = "Networks",
    .summary = "Take a container out of a network",
    .arguments = "[OPTIONS] NETWORK CONTAINER",
    .options = disconnect_options,
    .values_size = sizeof(struct connect_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .argument_completion = COMPLETE_NETWORK,
    .run = disconnect_run,
};
