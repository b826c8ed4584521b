// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>

#include "cli/disk_usage.h"
#include "cli/inspect_object.h"
#include "engine/writable.h"
#include "image/image.h"
#include "net/net.h"

#define NO_TIME "0001-01-01T00:00:00Z" /* Docker's for "never" */
#define SPEC_BYTES_MAX ((size_t)16 << 20)

static json_t *text_or_empty(const char *text)
{
    return json_string(str_or(text, ""));
}

/* The member of an object of ours, [] or "" when absent: Docker's objects have every key. */
static json_t *list_or_null(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    return v ? json_incref(v) : json_null();
}

static json_t *state_of(const struct container *c)
{
    bool up = container_is_up(c);
    json_t *state = json_pack(
        "{s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:o, s:o, s:o}", "Status",
        container_status_name(c->status), "Running",
        c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED, "Paused",
        c->status == CONTAINER_PAUSED, "Restarting", c->status == CONTAINER_RESTARTING, "OOMKilled",
        c->oom_killed, "PidsLimitHit", c->pids_limit_hit, "Dead", c->status == CONTAINER_DEAD,
        "Pid", up ? c->pid : 0, "ExitCode", c->exit_code, "Error", text_or_empty(c->error),
        "StartedAt", json_string(str_or(c->started, NO_TIME)), "FinishedAt",
        json_string(str_or(c->finished, NO_TIME)));
    CLEANUP(json) json_t *none = json_array();
    /* null where Docker has no key: {{if .State.Health}} is to be false, not an error. */
    json_object_set_new(state, "Health",
                        c->health ? json_pack("{s:s, s:i, s:O}", "Status", c->health,
                                              "FailingStreak", c->health_failures, "Log",
                                              c->health_log ? c->health_log : none)
                                  : json_null());
    return state;
}

/* "80", "80/udp", "80-82": {"80/tcp": {}, …} */
static void add_exposed(json_t *ports, const char *text)
{
    int first = 0, last = 0, used = 0;
    int count = sscanf(text, "%d%n-%d%n", &first, &used, &last, &used);
    const char *protocol = text[used] == '/' ? text + used : "/tcp";
    last = count < 2 ? first : last;
    for (int port = first; count > 0 && port <= last && port <= UINT16_MAX; port++) {
        CLEANUP(free) char *key = str_format("%d%s", port, protocol);
        json_object_set_new(ports, key, json_object());
    }
}

/* The image's, those asked for, and what is published. */
static json_t *exposed_ports(const struct container *c, const json_t *image_config)
{
    const json_t *images = json_object_get(image_config, "ExposedPorts"), *item;
    json_t *ports = json_is_object(images) ? json_copy((json_t *)images) : json_object();
    size_t i;
    json_array_foreach(json_object_get(c->request, "expose"), i, item)
    {
        add_exposed(ports, str_or(json_string_value(item), ""));
    }
    for (i = 0; i < c->publish.count; i++) {
        const char *colon = strrchr(c->publish.items[i], ':');
        add_exposed(ports, colon ? colon + 1 : c->publish.items[i]);
    }
    if (json_object_size(ports) == 0) {
        json_decref(ports);
        return json_null();
    }
    return ports;
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}: what is exposed and
 * not published leads nowhere. */
static json_t *ports_of(const struct container *c, const json_t *image_config)
{
    json_t *ports = json_object(), *item;
    CLEANUP(json) json_t *exposed = c->networks ? exposed_ports(c, image_config) : NULL;
    const char *name;
    size_t i;
    json_object_foreach(exposed, name, item)
    {
        json_object_set_new(ports, name, json_null());
    }
    json_array_foreach(json_object_get(c->network, "ports"), i, item)
    {
        CLEANUP(free)
        char *key = str_format("%d/%s", (int)json_integer_value(json_object_get(item, "container")),
                               str_or(json_string_value(json_object_get(item, "proto")), "tcp"));
        CLEANUP(free)
        char *host = str_format("%d", (int)json_integer_value(json_object_get(item, "host")));
        if (!json_is_array(json_object_get(ports, key))) {
            json_object_set_new(ports, key, json_array());
        }
        json_array_append_new(
            json_object_get(ports, key),
            json_pack("{s:s, s:s}", "HostIp",
                      str_or(json_string_value(json_object_get(item, "address")), "0.0.0.0"),
                      "HostPort", host));
    }
    return ports;
}

static json_t *copy_or_empty(const json_t *object, const char *key)
{
    return text_or_empty(json_string_value(json_object_get(object, key)));
}

/* One network's end, as it stands in NetworkSettings itself and in its Networks; NULL: none. */
static json_t *endpoint_of(const struct container *c, const json_t *end)
{
    static const struct {
        const char *gateway, *address, *ours, *prefix;
        bool ipv6;
    } families[] = {{"Gateway", "IPAddress", "address", "IPPrefixLen", false},
                    {"IPv6Gateway", "GlobalIPv6Address", "address6", "GlobalIPv6PrefixLen", true}};
    json_t *o = json_object();
    const json_t *network = json_object_get(end, "network");
    bool internal = json_is_true(json_object_get(network, "internal"));
    char id[NET_ENDPOINT_ID_BYTES] = "";
    if (end) {
        net_endpoint_id(c->id, str_or(json_string_value(json_object_get(network, "id")), ""), id);
    }
    json_object_set_new(o, "EndpointID", json_string(id));
    json_object_set_new(o, "MacAddress", copy_or_empty(end, "macAddress"));
    for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
        const json_t *pool = NULL, *one;
        size_t i;
        bool has = json_object_get(end, families[f].ours);
        json_array_foreach(json_object_get(network, "pools"), i, one)
        {
            const char *subnet = str_or(json_string_value(json_object_get(one, "subnet")), "");
            pool = (strchr(subnet, ':') != NULL) == families[f].ipv6 ? one : pool;
        }
        const char *subnet = str_or(json_string_value(json_object_get(pool, "subnet")), "");
        const char *slash = strchr(subnet, '/');
        int64_t prefix = 0;
        IGNORE(has && slash ? str_to_i64(slash + 1, 10, &prefix) : 0); /* was checked */
        json_object_set_new(o, families[f].gateway,
                            has && !internal ? copy_or_empty(pool, "gateway") : json_string(""));
        json_object_set_new(o, families[f].address, copy_or_empty(end, families[f].ours));
        json_object_set_new(o, families[f].prefix, json_integer(prefix));
    }
    return o;
}

/* What the container holds in this network now. */
static const json_t *end_in(const struct container *c, const char *network)
{
    const json_t *end;
    size_t i;
    json_array_foreach(container_is_up(c) ? json_object_get(c->network, "endpoints") : NULL, i, end)
    {
        const json_t *n = json_object_get(end, "network");
        if (str_equal(json_string_value(json_object_get(n, "name")), network)) {
            return end;
        }
    }
    return NULL;
}

/* The names by which the others of a network know it: Docker's DNSNames. */
static json_t *dns_names(const struct container *c, const json_t *choice)
{
    json_t *names = json_array(), *alias;
    size_t i;
    json_array_append_new(names, json_string(c->name));
    json_array_foreach(json_object_get(choice, "aliases"), i, alias)
    {
        json_array_append(names, alias);
    }
    json_array_append_new(names, json_stringn(c->id, CONTAINER_SHORT_ID_DIGITS));
    return names;
}

static json_t *networks_of(const struct container *c)
{
    json_t *all = json_object(), *choice;
    size_t i;
    json_array_foreach(c->networks, i, choice)
    {
        const char *name = str_or(json_string_value(json_object_get(choice, "network")), "");
        const json_t *end = end_in(c, name);
        json_t *o = endpoint_of(c, end);
        json_t *asked = json_object();
        const json_t *ip = json_object_get(choice, "ip"), *ip6 = json_object_get(choice, "ip6");
        if (ip) {
            json_object_set(asked, "IPv4Address", (json_t *)ip);
        }
        if (ip6) {
            json_object_set(asked, "IPv6Address", (json_t *)ip6);
        }
        bool named = !str_equal(name, "bridge");
        json_object_set_new(o, "IPAMConfig", ip || ip6 ? asked : json_null());
        if (!ip && !ip6) {
            json_decref(asked);
        }
        json_object_set_new(o, "Aliases", list_or_null(choice, "aliases"));
        json_object_set_new(o, "DNSNames", named ? dns_names(c, choice) : json_null());
        const char *interface = json_string_value(json_object_get(choice, "interface"));
        json_object_set_new(o, "Links", list_or_null(choice, "links"));
        json_object_set_new(
            o, "DriverOpts",
            interface ? json_pack("{s:s}", "com.docker.network.endpoint.ifname", interface)
                      : json_null());
        json_object_set_new(
            o, "GwPriority",
            json_integer(json_integer_value(json_object_get(choice, "exitPriority"))));
        json_object_set_new(o, "HostInterface", copy_or_empty(end, "hostInterface"));
        json_object_set_new(o, "NetworkID",
                            end ? copy_or_empty(json_object_get(end, "network"), "id")
                                : json_string(""));
        json_object_set_new(all, name, o);
    }
    if (!c->networks && !str_starts(str_or(c->network_mode, ""), "container:")) {
        json_t *o = endpoint_of(c, NULL); /* host, none */
        json_object_set_new(o, "Aliases", json_null());
        json_object_set_new(o, "NetworkID", json_string(str_or(c->network_mode, "")));
        json_object_set_new(all, str_or(c->network_mode, "none"), o);
    }
    return all;
}

static json_t *network_of(const struct container *c, const json_t *image_config)
{
    /* Docker fills these members for the network 'bridge' alone; here they are the first one's. */
    const json_t *first = json_array_get(json_object_get(c->network, "endpoints"), 0);
    first = container_is_up(c) ? first : NULL;
    json_t *settings = endpoint_of(c, first);
    json_object_set_new(settings, "SandboxID", json_string(c->id));
    json_object_set_new(settings, "Bridge",
                        copy_or_empty(json_object_get(first, "network"), "device"));
    CLEANUP(free)
    char *key = container_is_up(c) && c->pid ? str_format("/proc/%d/ns/net", c->pid) : xstrdup("");
    json_object_set_new(settings, "SandboxKey", json_string(key));
    json_object_set_new(settings, "Ports",
                        container_is_up(c) ? ports_of(c, image_config) : json_object());
    /* What a bridge of Docker's may have, and none of ours. */
    json_object_set_new(settings, "HairpinMode", json_false());
    json_object_set_new(settings, "LinkLocalIPv6Address", json_string(""));
    json_object_set_new(settings, "LinkLocalIPv6PrefixLen", json_integer(0));
    json_object_set_new(settings, "SecondaryIPAddresses", json_null());
    json_object_set_new(settings, "SecondaryIPv6Addresses", json_null());
    json_object_set_new(settings, "Networks", networks_of(c));
    return settings;
}

/* The request's value, else the image's. */
static json_t *asked_or_image(const json_t *asked, const json_t *image_config, const char *key)
{
    return asked && json_array_size(asked) ? json_incref((json_t *)asked)
                                           : list_or_null(image_config, key);
}

/* Entrypoint and Cmd as Docker splits them: an entrypoint of the user's own drops the image's
 * command. */
static void add_command(json_t *config, const json_t *request, const json_t *image_config,
                        const json_t *process)
{
    json_t *entrypoint = json_object_get(request, "entrypoint");
    json_t *command = json_object_get(request, "command");
    if (entrypoint) {
        bool empty = json_string_length(entrypoint) == 0;
        json_object_set_new(config, "Entrypoint",
                            empty ? json_null() : json_pack("[O]", entrypoint));
        json_object_set_new(config, "Cmd", command ? json_incref(command) : json_null());
    } else if (image_config) {
        json_object_set_new(config, "Entrypoint", list_or_null(image_config, "Entrypoint"));
        json_object_set_new(config, "Cmd", asked_or_image(command, image_config, "Cmd"));
    } else { /* the image is gone: what is executed tells both */
        json_object_set_new(config, "Entrypoint", json_null());
        json_object_set_new(config, "Cmd", list_or_null(process, "args"));
    }
}

static bool is_set_in(const json_t *env, const char *pair)
{
    size_t n = strcspn(pair, "="), i;
    json_t *item;
    json_array_foreach(env, i, item)
    {
        const char *text = json_string_value(item);
        if (strncmp(text, pair, n) == 0 && (text[n] == '=' || !text[n])) {
            return true;
        }
    }
    return false;
}

/* What was asked for and what the image says; HOSTNAME and HOME are each run's own. */
static json_t *env_of(const json_t *request, const json_t *image_config, const json_t *process)
{
    if (!image_config) {
        return list_or_null(process, "env"); /* the image is gone: all there is */
    }
    const json_t *asked = json_object_get(request, "env");
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach(asked, i, item)
    {
        if (strchr(json_string_value(item), '=')) { /* else it takes one away */
            json_array_append(list, item);
        }
    }
    json_array_foreach(json_object_get(image_config, "Env"), i, item)
    {
        if (!is_set_in(asked, str_or(json_string_value(item), ""))) {
            json_array_append(list, item);
        }
    }
    return list;
}

/* The image's, and -v without a source. */
static json_t *volumes_of(const json_t *request, const json_t *image_config)
{
    CLEANUP(json) json_t *image = list_or_null(image_config, "Volumes");
    json_t *volumes = json_is_object(image) ? json_deep_copy(image) : json_object(), *item;
    size_t i;
    json_array_foreach(json_object_get(request, "volumes"), i, item)
    {
        if (!strchr(json_string_value(item), ':')) {
            json_object_set_new(volumes, json_string_value(item), json_object());
        }
    }
    if (!json_object_size(volumes)) {
        json_decref(volumes);
        return json_null();
    }
    return volumes;
}

static json_t *config_of(const struct container *c, const json_t *spec, const json_t *image_config)
{
    const json_t *process = json_object_get(spec, "process");
    const char *hostname = json_string_value(json_object_get(spec, "hostname"));
    const char *domain = json_string_value(json_object_get(spec, "domainname"));
    const char *user = json_string_value(json_object_get(c->request, "user"));
    user = user ? user : json_string_value(json_object_get(image_config, "User"));
    bool detached = json_is_true(json_object_get(c->request, "detach"));
    json_t *config = json_pack(
        "{s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:O*}",
        "Hostname", text_or_empty(hostname), "Domainname", text_or_empty(domain), "User",
        str_or(user, ""), "AttachStdin", c->open_stdin && !detached, "AttachStdout", !detached,
        "AttachStderr", !detached, "Tty", c->tty, "OpenStdin", c->open_stdin, "StdinOnce",
        c->open_stdin && !detached, "Env", env_of(c->request, image_config, process), "Image",
        str_or(c->image, ""), "Volumes", volumes_of(c->request, image_config), "ExposedPorts",
        exposed_ports(c, image_config), "WorkingDir", list_or_null(process, "cwd"), "OnBuild",
        list_or_null(image_config, "OnBuild"), "Labels", c->labels);
    add_command(config, c->request, image_config, process);
    if (!json_object_get(config, "Labels")) {
        json_object_set_new(config, "Labels", json_object());
    }
    json_object_set_new(config, "StopSignal", text_or_empty(c->stop_signal));
    json_object_set_new(config, "StopTimeout", json_integer(c->stop_timeout));
    json_object_set_new(config, "Healthcheck",
                        c->healthcheck ? json_incref(c->healthcheck) : json_null());
    return config;
}

static void set_path(json_t *object, const char *key, char *path_take)
{
    CLEANUP(free) char *path = path_take;
    json_object_set_new(object, key, json_string(path));
}

static json_t *graph_of(const struct engine *e, const struct container *c)
{
    json_t *data = json_object();
    set_path(data, "LowerDir", strv_join(&c->layers, ":"));
    set_path(data, "UpperDir", writable_path(e, c, "upper"));
    set_path(data, "WorkDir", writable_path(e, c, "work"));
    /* No MergedDir: the overlay is mounted in the container's mount namespace alone. */
    return json_pack("{s:s, s:o}", "Name", "overlay2", "Data", data);
}

static void add_paths(json_t *all, const struct engine *e, const struct container *c)
{
    CLEANUP(free) char *log = str_format("%s-json.log", c->id);
    bool logged = str_equal(str_or(c->log_driver, "json-file"), "json-file");
    set_path(all, "ResolvConfPath", container_data_path(e, c->id, "resolv.conf"));
    set_path(all, "HostnamePath", container_data_path(e, c->id, "hostname"));
    set_path(all, "HostsPath", container_data_path(e, c->id, "hosts"));
    set_path(all, "LogPath", logged ? container_data_path(e, c->id, log) : xstrdup(""));
    set_path(all, "Name", str_format("/%s", c->name));
}

/* args[0] and the rest. */
static void add_program(json_t *all, const json_t *args)
{
    json_t *rest = json_array();
    for (size_t i = 1; i < json_array_size(args); i++) {
        json_array_append(rest, json_array_get(args, i));
    }
    json_object_set_new(all, "Path", text_or_empty(json_string_value(json_array_get(args, 0))));
    json_object_set_new(all, "Args", rest);
}

static void add_size(json_t *all, const struct engine *e, const struct container *c,
                     const struct image *image)
{
    int64_t own = disk_usage_of_container(e, c);
    json_object_set_new(all, "SizeRw", json_integer(own));
    json_object_set_new(all, "SizeRootFs", json_integer(own + (image ? image->size_bytes : 0)));
}

json_t *inspect_container(const struct engine *e, const struct container *c, bool size)
{
    CLEANUP(free) char *spec_path = container_data_path(e, c->id, "config.json");
    CLEANUP(json) json_t *spec = NULL;
    CLEANUP(image) struct image *image = NULL;
    /* What is not there any more is left out: the rest is worth showing. */
    IGNORE(json_load_path(AT_FDCWD, spec_path, SPEC_BYTES_MAX, &spec, NULL));
    IGNORE(c->image_id ? image_resolve(e->data_dir, c->image_id, &image, NULL) : 0);
    const json_t *image_config = image ? json_object_get(image->config_json, "config") : NULL;
    json_t *process = json_object_get(spec, "process");
    json_t *all =
        json_pack("{s:s, s:o, s:o, s:o}", "Id", c->id, "Created", text_or_empty(c->created),
                  "State", state_of(c), "Image", text_or_empty(c->image_id));
    add_program(all, json_object_get(process, "args"));
    add_paths(all, e, c);
    json_t *rest = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:n, s:o, s:o, s:o, s:o, s:o}", "RestartCount",
        c->restart_count, "Driver", "overlay2", "Platform", "linux", "Wall",
        str_or(c->wall, "container"), "MountLabel", "", "ProcessLabel", "", "AppArmorProfile",
        text_or_empty(json_string_value(json_object_get(process, "apparmorProfile"))), "ExecIDs",
        "HostConfig", inspect_host_config(e, c, spec), "GraphDriver", graph_of(e, c), "Mounts",
        inspect_mounts(e, c, spec), "Config", config_of(c, spec, image_config), "NetworkSettings",
        network_of(c, image_config));
    json_object_update(all, rest);
    json_decref(rest);
    if (size) {
        add_size(all, e, c, image);
    }
    return all;
}
