// SPDX-License-Identifier: Apache-2.0
/* `cloison port`: where a container's ports are published. */
#include <string.h>

#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/recover.h"

/* "80" or "80/tcp" as asked for, or NULL: all. */
static bool is_asked(const char *asked, int port, const char *proto)
{
    CLEANUP(free) char *whole = str_format("%d/%s", port, proto);
    CLEANUP(free) char *number = str_format("%d", port);
    return !asked || str_equal(asked, whole) ||
           (str_equal(asked, number) && str_equal(proto, "tcp"));
}

static void print_port(const json_t *p, bool alone)
{
    int container = (int)json_integer_value(json_object_get(p, "container"));
    const char *address = str_or(json_string_value(json_object_get(p, "address")), "0.0.0.0");
    bool ipv6 = strchr(address, ':');
    if (!alone) {
        printf("%d/%s -> ", container, json_string_value(json_object_get(p, "proto")));
    }
    printf("%s%s%s:%lld\n", ipv6 ? "[" : "", address, ipv6 ? "]" : "",
           (long long)json_integer_value(json_object_get(p, "host")));
}

static int port_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct engine engine = engine_of(context);
    CLEANUP(container) struct container *c = NULL;
    const char *asked = argc > 1 ? argv[1] : NULL;
    const json_t *p;
    size_t i, found = 0;
    int r = container_find_recovered(&engine, argv[0], &c, err);
    if (r < 0) {
        return r;
    }
    const json_t *ports = container_is_up(c) ? json_object_get(c->network, "ports") : NULL;
    json_array_foreach(ports, i, p)
    {
        if (is_asked(asked, (int)json_integer_value(json_object_get(p, "container")),
                     str_or(json_string_value(json_object_get(p, "proto")), ""))) {
            print_port(p, asked != NULL);
            found++;
        }
    }
    if (asked && !found) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no public port '%s' published for '%s'", asked,
                         c->name);
    }
    return 0;
}

const struct command command_port = {
    .name = "port",
    .group = "Containers",
    .summary = "Show where a container's ports are published",
    .arguments = "CONTAINER [PORT[/PROTO]]",
    .min_arguments = 1,
    .max_arguments = 2,
    .argument_completion = COMPLETE_CONTAINER,
    .run = port_run,
};
