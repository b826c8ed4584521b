// SPDX-License-Identifier: Apache-2.0
/* `cloison network create|ls|inspect|rm|prune|reload`: networks by hand. */
#include <regex.h>
#include <string.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/each.h"
#include "cli/format.h"
#include "cli/inspect_object.h"
#include "cli/prune.h"
#include "net/store.h"

struct network_values {
    struct net_network_request request;
    struct strv filters;
    const char *format, *ipam_driver, *scope, *config_from;
    bool force, quiet, no_trunc, ipv4, ingress, config_only, verbose;
};
#define AT(member) offsetof(struct network_values, member)
#define NO_TIME "0001-01-01T00:00:00Z" /* of those that there always are */

static struct net_place place_of(const struct engine *e)
{
    return (struct net_place){e->run_dir, e->data_dir, e->config_path};
}

static int create_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct network_values *v = values;
    struct engine engine = engine_of(context);
    struct net_place place = place_of(&engine);
    CLEANUP(net_network) struct net_network *n = NULL;
    if (v->ipam_driver && !str_equal(v->ipam_driver, "default")) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--ipam-driver: there is 'default' alone, not '%s'", v->ipam_driver);
    }
    if (v->scope && !str_equal(v->scope, "local")) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "--scope: there is 'local' alone, not '%s'",
                         v->scope);
    }
    if (v->ingress || v->config_only || v->config_from) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "%s: it is for networks of a swarm%s",
                         v->ingress       ? "--ingress"
                         : v->config_only ? "--config-only"
                                          : "--config-from",
                         v->ingress ? "" : "; give --subnet and the rest to the network itself");
    }
    v->request.no_ipv4 = !v->ipv4;
    v->request.name = argv[0];
    int r = net_network_create(&place, &v->request, &n, err);
    if (r >= 0) {
        printf("%s\n", n->id);
    }
    return r;
}

static void create_defaults(void *values)
{
    ((struct network_values *)values)->ipv4 = true;
}

static const struct list_column columns[] = {
    {"ID", "NETWORK ID"},     {"Name", "NAME"}, {"Driver", "DRIVER"},     {"Scope", "SCOPE"},
    {"IPv4", "IPV4"},         {"IPv6", "IPV6"}, {"Internal", "INTERNAL"}, {"Labels", "LABELS"},
    {"CreatedAt", "CREATED"}, {NULL, NULL},
};

static bool is_dangling(const struct net_place *place, const struct net_network *n)
{
    CLEANUP(json) json_t *containers = net_network_containers(place, n->id);
    return net_network_is_made(n) && json_object_size(containers) == 0;
}

static bool has_label(const struct net_network *n, const char *filter)
{
    CLEANUP(strv) struct strv one = {0};
    CLEANUP(prune_filter) struct prune_filter label = {0};
    strv_add(&one, filter);
    return prune_filter_parse(&one, &label, NULL) >= 0 &&
           prune_filter_fits(&label, n->created, n->labels);
}

/* An expression, as in Docker's: 1 or 0. */
static int fits_name(const char *name, const char *expression, struct error **err)
{
    regex_t compiled;
    if (regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB) != 0) {
        return error_set(err, ERROR_USAGE, 0, "filter '%s': not a regular expression", expression);
    }
    bool fits = regexec(&compiled, name, 0, NULL, 0) == 0;
    regfree(&compiled);
    return fits;
}

/* One condition: 1 or 0. */
static int fits_one(const struct net_place *place, const struct net_network *n, const char *filter,
                    struct error **err)
{
    static const char *const no[] = {"false", "0", NULL};
    const char *value = strchr(filter, '=');
    value = value ? value + 1 : "";
    if (str_starts(filter, "name=")) {
        return fits_name(n->name, value, err);
    }
    if (str_starts(filter, "id=")) {
        return str_starts(n->id, value);
    }
    if (str_starts(filter, "driver=")) {
        return str_equal(n->driver, value);
    }
    if (str_starts(filter, "scope=")) {
        return str_equal(value, "local");
    }
    static const char *const types[] = {"custom", "builtin", NULL};
    if (str_starts(filter, "type=") && str_in(value, types)) {
        return str_equal(value, net_network_is_made(n) ? "custom" : "builtin");
    }
    if (str_starts(filter, "label=")) {
        return has_label(n, filter);
    }
    if (str_starts(filter, "dangling=")) {
        return is_dangling(place, n) != str_in(value, no);
    }
    int r = error_set(err, ERROR_USAGE, 0, "invalid filter '%s'", filter);
    return error_hint(err, r, "name=, id=, driver=, label=, type=, scope= or dangling=");
}

static int fits(const struct net_place *place, const struct net_network *n,
                const struct strv *filters, struct error **err)
{
    int r = 1;
    for (size_t i = 0; i < filters->count && r > 0; i++) {
        r = fits_one(place, n, filters->items[i], err);
    }
    return r;
}

static int print_network(const struct net_network *n, const struct network_values *v,
                         struct list *list, struct error **err)
{
    CLEANUP(free) char *id = v->no_trunc ? xstrdup(n->id) : xstrndup(n->id, 12);
    if (v->quiet) {
        printf("%s\n", id);
        return 0;
    }
    CLEANUP(free) char *labels = labels_text(n->labels);
    CLEANUP(json) json_t *methods = json_pack("{s:O*}", "Label", n->labels);
    CLEANUP(free) char *created = human_time(str_or(n->created, NO_TIME));
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "CreatedAt", created, "Driver", n->driver,
        "ID", id, "IPv4", net_network_has(n, NET_IPV4) ? "true" : "false", "IPv6",
        net_network_has(n, NET_IPV6) ? "true" : "false", "Internal", n->internal ? "true" : "false",
        "Labels", labels, "Name", n->name, "Scope", "local");
    return list_row(list, row, methods, err);
}

static int ls_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    const struct network_values *v = values;
    struct engine engine = engine_of(context);
    struct net_place place = place_of(&engine);
    struct net_network **all = NULL;
    size_t count = 0;
    struct list *list = NULL;
    int r = list_begin(v->quiet ? NULL : v->format, "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
                       columns, &list, err);
    if (r < 0) {
        return r;
    }
    r = net_network_list(&place, &all, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = fits(&place, all[i], &v->filters, err);
        r = r > 0 ? print_network(all[i], v, list, err) : r;
    }
    net_network_list_free(all, count);
    if (r < 0 || v->quiet) {
        list_cancel(list);
    } else {
        list_end(list);
    }
    return r < 0 ? r : 0;
}

static int rm_one(const struct engine *engine, const char *name, void *context, struct error **err)
{
    const struct network_values *v = context;
    struct net_place place = place_of(engine);
    CLEANUP(error) struct error *mine = NULL;
    int r = net_network_remove(&place, name, &mine);
    return r < 0 && v->force && mine->kind == ERROR_NOT_FOUND ? 1 /* there is nothing to tell */
           : r < 0                                            ? error_move(err, &mine, r)
                                                              : 0;
}

static int rm_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    return each_container(context, argc, argv, rm_one, values);
}

static int prune_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    const struct network_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    int r = prune_filter_parse(&v->filters, &filter, err);
    if (r < 0 || !prune_confirmed(v->force, "This will remove all custom networks not used by at "
                                            "least one container.")) {
        return r < 0 ? r : 1;
    }
    return prune_networks(&engine, &filter, err);
}

static int inspect_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct network_values *v = values;
    return inspect_objects(context, "network", v->format, argc, argv, err);
}

static int reload_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct engine engine = engine_of(context);
    struct net_place place = place_of(&engine);
    return net_reload(&place, err);
}

static const struct option create_options[] = {
    {0, "attachable", OPTION_FLAG, AT(request.attachable), NULL, "Note that anybody may join"},
    {0, "aux-address", OPTION_LIST, AT(request.aux), "NAME=ADDRESS",
     "Never give this address to a container"},
    {0, "config-from", OPTION_STRING, AT(config_from), "NETWORK", "Refused: it is for a swarm"},
    {0, "config-only", OPTION_FLAG, AT(config_only), NULL, "Refused: it is for a swarm"},
    {'d', "driver", OPTION_STRING, AT(request.driver), "DRIVER", "bridge, macvlan or ipvlan",
     COMPLETE_WORDS, "bridge macvlan ipvlan"},
    {0, "gateway", OPTION_LIST, AT(request.gateways), "ADDRESS", "The router's address"},
    {0, "ingress", OPTION_FLAG, AT(ingress), NULL, "Refused: it is for a swarm"},
    {0, "internal", OPTION_FLAG, AT(request.internal), NULL, "Lead to nothing outside"},
    {0, "ip-range", OPTION_LIST, AT(request.ranges), "SUBNET",
     "Give containers addresses of this part"},
    {0, "ipam-driver", OPTION_STRING, AT(ipam_driver), "DRIVER", "'default', the one there is",
     COMPLETE_WORDS, "default"},
    {0, "ipam-opt", OPTION_LIST, AT(request.ipam_options), "KEY=VALUE",
     "Note it; the driver 'default' has no options"},
    {0, "ipv4", OPTION_FLAG, AT(ipv4), NULL, "Have IPv4 (default; --ipv4=false: IPv6 alone)"},
    {0, "ipv6", OPTION_FLAG, AT(request.ipv6), NULL, "Have IPv6, too"},
    {0, "label", OPTION_LIST, AT(request.labels), "KEY=VALUE", "Give the network a label"},
    {'o', "opt", OPTION_LIST, AT(request.options), "KEY=VALUE", "Set an option of the driver's"},
    {0, "scope", OPTION_STRING, AT(scope), "SCOPE", "'local', the one there is", COMPLETE_WORDS,
     "local"},
    {0, "subnet", OPTION_LIST, AT(request.subnets), "SUBNET",
     "Its addresses: 10.1.0.0/16; one of each family"},
    {0},
};
static const struct option ls_options[] = {
    {'f', "filter", OPTION_LIST, AT(filters), "FILTER",
     "name=, id=, driver=, label=, type=, scope= or dangling="},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Print the IDs whole"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the IDs alone"},
    {0},
};
static const struct option rm_options[] = {
    {'f', "force", OPTION_FLAG, AT(force), NULL, "A missing network is no error"},
    {0},
};
static const struct option prune_options[] = {
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", PRUNE_FILTER_HELP},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0},
};
static const struct option inspect_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {'v', "verbose", OPTION_FLAG, AT(verbose), NULL, "No more than without: that is a swarm's"},
    {0},
};
static const struct option no_options[] = {{0}};

const struct command command_network_create = {
    .name = "network create",
    .group = "Networks",
    .summary = "Make a network",
    .arguments = "[OPTIONS] NETWORK",
    .options = create_options,
    .values_size = sizeof(struct network_values),
    .defaults = create_defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = create_run,
};

const struct command command_network_ls = {
    .name = "network ls",
    .group = "Networks",
    .summary = "List networks",
    .arguments = "[OPTIONS]",
    .options = ls_options,
    .values_size = sizeof(struct network_values),
    .run = ls_run,
};

const struct command command_network_inspect = {
    .name = "network inspect",
    .group = "Networks",
    .summary = "All that is known of networks",
    .arguments = "[OPTIONS] NETWORK [NETWORK...]",
    .options = inspect_options,
    .values_size = sizeof(struct network_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_NETWORK,
    .run = inspect_run,
};

const struct command command_network_rm = {
    .name = "network rm",
    .group = "Networks",
    .summary = "Remove networks",
    .arguments = "[OPTIONS] NETWORK [NETWORK...]",
    .options = rm_options,
    .values_size = sizeof(struct network_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_NETWORK,
    .run = rm_run,
};

const struct command command_network_prune = {
    .name = "network prune",
    .group = "Networks",
    .summary = "Remove networks that no container uses",
    .arguments = "[OPTIONS]",
    .options = prune_options,
    .values_size = sizeof(struct network_values),
    .run = prune_run,
};

const struct command command_network_reload = {
    .name = "network reload",
    .group = "Networks",
    .summary = "Make the firewall's tables again after a flush",
    .arguments = "",
    .options = no_options,
    .values_size = sizeof(struct network_values),
    .run = reload_run,
};
