// SPDX-License-Identifier: Apache-2.0
/* `cloison network connect|disconnect`: a container's networks, while it runs or not. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/networks.h"

struct connect_values {
    struct strv aliases;
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
                                .aliases = v->aliases};
    return engine_network_connect(&engine, argv[1], &choice, err);
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
    {0, "ip", OPTION_STRING, AT(ip), "ADDRESS", "Give it this IPv4 address"},
    {0, "ip6", OPTION_STRING, AT(ip6), "ADDRESS", "Give it this IPv6 address"},
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
