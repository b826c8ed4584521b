// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "cli/inspect_object.h"

enum kind { TEXT, LIST, NUMBER, FLAG };

/* Docker's name for what the request holds under ours. */
static const struct {
    const char *docker, *ours;
    enum kind kind;
} plain[] = {
    {"ContainerIDFile", "cidfile", TEXT},
    {"VolumesFrom", "volumesFrom", LIST},
    {"CapAdd", "capAdd", LIST},
    {"CapDrop", "capDrop", LIST},
    {"CgroupnsMode", "cgroupns", TEXT},
    {"Dns", "dns", LIST},
    {"DnsOptions", "dnsOptions", LIST},
    {"DnsSearch", "dnsSearch", LIST},
    {"ExtraHosts", "addHosts", LIST},
    {"GroupAdd", "groupAdd", LIST},
    {"IpcMode", "ipc", TEXT},
    {"OomScoreAdj", "oomScoreAdj", NUMBER},
    {"PidMode", "pid", TEXT},
    {"Privileged", "privileged", FLAG},
    {"PublishAllPorts", "publishAll", FLAG},
    {"ReadonlyRootfs", "readOnly", FLAG},
    {"SecurityOpt", "securityOpt", LIST},
    {"UTSMode", "uts", TEXT},
    {"UsernsMode", "userns", TEXT},
    {"Init", "init", FLAG},
    {"CpuShares", "cpuShares", NUMBER},
    {"Memory", "memory", NUMBER},
    {"CgroupParent", "cgroupParent", TEXT},
    {"BlkioWeight", "blkioWeight", NUMBER},
    {"BlkioWeightDevice", "blkioWeightDevice", LIST},
    {"BlkioDeviceReadBps", "deviceReadBps", LIST},
    {"BlkioDeviceWriteBps", "deviceWriteBps", LIST},
    {"BlkioDeviceReadIOps", "deviceReadIops", LIST},
    {"BlkioDeviceWriteIOps", "deviceWriteIops", LIST},
    {"CpuPeriod", "cpuPeriod", NUMBER},
    {"CpuQuota", "cpuQuota", NUMBER},
    {"CpuRealtimePeriod", "cpuRealtimePeriod", NUMBER},
    {"CpuRealtimeRuntime", "cpuRealtimeRuntime", NUMBER},
    {"CpusetCpus", "cpusetCpus", TEXT},
    {"CpusetMems", "cpusetMems", TEXT},
    {"DeviceCgroupRules", "deviceCgroupRules", LIST},
    {"MemoryReservation", "memoryReservation", NUMBER},
    {"MemorySwap", "memorySwap", NUMBER},
    {"NetworkRate", "networkRate", TEXT},
    {"OomKillDisable", "oomKillDisable", FLAG},
    {"TimeOffset", "timeOffset", TEXT},
};

/* What an absent text means. */
static const char *default_of(const char *docker)
{
    return str_equal(docker, "IpcMode") || str_equal(docker, "CgroupnsMode") ? "private" : "";
}

/* -v with a source; the others are in Config.Volumes. */
static json_t *binds_of(const json_t *request)
{
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(request, "volumes"), i, item)
    {
        if (strchr(json_string_value(item), ':')) {
            json_array_append(list, item);
        }
    }
    if (!json_array_size(list)) {
        json_decref(list);
        return json_null();
    }
    return list;
}

static void add_plain(json_t *config, const json_t *request)
{
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        json_t *v = json_object_get(request, plain[i].ours);
        json_t *absent = plain[i].kind == LIST     ? json_null()
                         : plain[i].kind == NUMBER ? json_integer(0)
                         : plain[i].kind == FLAG   ? json_false()
                                                   : json_string(default_of(plain[i].docker));
        json_object_set_new(config, plain[i].docker, v ? json_incref(v) : absent);
        if (v) {
            json_decref(absent);
        }
    }
}

/* Numbers whose absence is not 0. */
static void add_optional(json_t *config, const json_t *request, const char *docker,
                         const char *ours)
{
    json_t *v = json_object_get(request, ours);
    json_object_set_new(config, docker, v ? json_incref(v) : json_null());
}

/* ["type=soft:hard"] → [{"Name","Soft","Hard"}], from what the workload has: defaults included. */
static json_t *ulimits_of(const json_t *spec)
{
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(spec, "process"), "rlimits"), i, item)
    {
        const char *type = str_or(json_string_value(json_object_get(item, "type")), "");
        CLEANUP(free)
        char *name = xstrdup(str_starts(type, "RLIMIT_") ? type + strlen("RLIMIT_") : type);
        for (char *s = name; *s; s++) {
            *s = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;
        }
        json_array_append_new(list, json_pack("{s:s, s:O, s:O}", "Name", name, "Soft",
                                              json_object_get(item, "soft"), "Hard",
                                              json_object_get(item, "hard")));
    }
    return list;
}

/* "PATH[:INSIDE[:PERMISSIONS]]" */
static json_t *devices_of(const json_t *request)
{
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(request, "devices"), i, item)
    {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, json_string_value(item), ':');
        bool inside = parts.count > 1 && parts.items[1][0] == '/';
        const char *permissions = parts.count > 2              ? parts.items[2]
                                  : parts.count > 1 && !inside ? parts.items[1]
                                                               : "rwm";
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "PathOnHost", parts.items[0],
                                        "PathInContainer", inside ? parts.items[1] : parts.items[0],
                                        "CgroupPermissions", permissions));
    }
    return list;
}

/* ["key=value"] → {"key": "value"}; a key alone has "". */
static json_t *map_of(const json_t *list, char separator)
{
    json_t *map = json_object(), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        const char *sign = strchr(text, separator);
        CLEANUP(free) char *key = sign ? xstrndup(text, (size_t)(sign - text)) : xstrdup(text);
        json_object_set_new(map, key, json_string(sign ? sign + 1 : ""));
    }
    return map;
}

/* What was asked to be published, whether the container runs or not. */
static json_t *bindings_of(const struct container *c)
{
    json_t *bindings = json_object();
    for (size_t i = 0; i < c->publish.count; i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, c->publish.items[i], ':');
        const char *inside = parts.items[parts.count - 1];
        CLEANUP(free)
        char *key = str_format(strchr(inside, '/') ? "%s%s" : "%s%s/tcp", inside, "");
        const char *host = parts.count > 1 ? parts.items[parts.count - 2] : "";
        const char *address = parts.count > 2 ? parts.items[0] : "";
        if (!json_object_get(bindings, key)) {
            json_object_set_new(bindings, key, json_array());
        }
        json_array_append_new(json_object_get(bindings, key),
                              json_pack("{s:s, s:s}", "HostIp", address, "HostPort", host));
    }
    return bindings;
}

static json_t *log_config_of(const struct container *c)
{
    return json_pack("{s:s, s:o}", "Type", str_or(c->log_driver, "json-file"), "Config",
                     map_of(json_object_get(c->request, "logOpt"), '='));
}

/* The one in force, as Docker shows it: twice the memory when it was not asked for. */
static void add_swap(json_t *config, const json_t *linux_)
{
    const json_t *memory = json_object_get(json_object_get(linux_, "resources"), "memory");
    json_t *swap = json_object_get(memory, "swap");
    if (swap) {
        json_object_set(config, "MemorySwap", swap);
    }
}

json_t *inspect_host_config(const struct engine *e, const struct container *c, const json_t *spec)
{
    json_t *config = json_object();
    const json_t *linux_ = json_object_get(spec, "linux");
    json_object_set_new(config, "Binds", binds_of(c->request));
    add_plain(config, c->request);
    add_swap(config, linux_);
    add_optional(config, c->request, "PidsLimit", "pidsLimit");
    add_optional(config, c->request, "MemorySwappiness", "memorySwappiness");
    int64_t thousandths = json_integer_value(json_object_get(c->request, "cpusThousandths"));
    /* Docker's keys for what is not there. */
    json_t *absent =
        json_pack("{s:s, s:[i,i], s:n, s:s, s:s, s:n}", "VolumeDriver", "", "ConsoleSize", 0, 0,
                  "Links", "Cgroup", "", "Isolation", "", "DeviceRequests");
    json_object_update(config, absent);
    json_object_set_new(config, "Annotations",
                        map_of(json_object_get(c->request, "annotations"), '='));
    json_decref(absent);
    json_t *shm = json_object_get(c->request, "shmSize");
    json_t *rest = json_pack(
        "{s:o, s:s, s:o, s:{s:s, s:i}, s:b, s:o, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:O*, s:O*}",
        "LogConfig", log_config_of(c), "NetworkMode", str_or(c->network_mode, ""), "PortBindings",
        bindings_of(c), "RestartPolicy", "Name", str_or(c->restart_policy, "no"),
        "MaximumRetryCount", c->restart_max, "AutoRemove", c->remove, "Ulimits", ulimits_of(spec),
        "NanoCpus", (json_int_t)thousandths * 1000000, "Runtime", str_or(c->wall, "container"),
        "ShmSize", (json_int_t)(shm ? json_integer_value(shm) : 67108864), "Devices",
        devices_of(c->request), "Sysctls", map_of(json_object_get(c->request, "sysctls"), '='),
        "Tmpfs", map_of(json_object_get(c->request, "tmpfs"), ':'), "StorageOpt",
        map_of(json_object_get(c->request, "storageOpt"), '='), "MaskedPaths",
        json_object_get(linux_, "maskedPaths"), "ReadonlyPaths",
        json_object_get(linux_, "readonlyPaths"));
    json_object_update(config, rest);
    json_decref(rest);
    return config;
}
