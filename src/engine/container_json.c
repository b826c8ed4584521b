// SPDX-License-Identifier: Apache-2.0
#include "engine/container_json.h"

#include <limits.h>
#include <stddef.h>

/* Every member of container.json once: its key, its type, where it lives. Both directions read
 * this table. */
enum member_type { MEMBER_STRING, MEMBER_BOOL, MEMBER_INT, MEMBER_I64, MEMBER_STRV, MEMBER_JSON };
struct member {
    const char *key;
    enum member_type type;
    size_t offset;
};
#define MEMBER(key, type, name)                                                                    \
    {                                                                                              \
        key, type, offsetof(struct container, name)                                                \
    }

static const struct member members[] = {
    MEMBER("id", MEMBER_STRING, id),
    MEMBER("name", MEMBER_STRING, name),
    MEMBER("wall", MEMBER_STRING, wall),
    MEMBER("image", MEMBER_STRING, image),
    MEMBER("imageID", MEMBER_STRING, image_id),
    MEMBER("created", MEMBER_STRING, created),
    MEMBER("args", MEMBER_STRV, args),
    MEMBER("layers", MEMBER_STRV, layers),
    MEMBER("imageMounts", MEMBER_JSON, image_mounts),
    MEMBER("request", MEMBER_JSON, request),
    MEMBER("labels", MEMBER_JSON, labels),
    MEMBER("remove", MEMBER_BOOL, remove),
    MEMBER("tty", MEMBER_BOOL, tty),
    MEMBER("openStdin", MEMBER_BOOL, open_stdin),
    MEMBER("stdinOnce", MEMBER_BOOL, stdin_once),
    MEMBER("restartPolicy", MEMBER_STRING, restart_policy),
    MEMBER("restartMax", MEMBER_INT, restart_max),
    MEMBER("stopSignal", MEMBER_STRING, stop_signal),
    MEMBER("stopTimeout", MEMBER_INT, stop_timeout),
    MEMBER("logDriver", MEMBER_STRING, log_driver),
    MEMBER("logMaxBytes", MEMBER_I64, log_max_bytes),
    MEMBER("logMaxFiles", MEMBER_INT, log_max_files),
    MEMBER("networkMode", MEMBER_STRING, network_mode),
    MEMBER("publish", MEMBER_STRV, publish),
    MEMBER("volumes", MEMBER_STRV, volumes),
    MEMBER("anonymousVolumes", MEMBER_STRV, anonymous),
    MEMBER("dns", MEMBER_STRV, dns),
    MEMBER("dnsSearch", MEMBER_STRV, dns_search),
    MEMBER("dnsOptions", MEMBER_STRV, dns_options),
    MEMBER("addHosts", MEMBER_STRV, add_hosts),
    MEMBER("networks", MEMBER_JSON, networks),
    MEMBER("networkRate", MEMBER_STRING, network_rate),
    MEMBER("hostname", MEMBER_STRING, hostname),
    MEMBER("healthcheck", MEMBER_JSON, healthcheck),
    MEMBER("userStopped", MEMBER_BOOL, user_stopped),
};

static const struct member exit_members[] = {
    MEMBER("exitCode", MEMBER_INT, exit_code),
    MEMBER("oomKilled", MEMBER_BOOL, oom_killed),
    MEMBER("pidsLimitHit", MEMBER_BOOL, pids_limit_hit),
    MEMBER("error", MEMBER_STRING, error),
    MEMBER("startedAt", MEMBER_STRING, started),
    MEMBER("finishedAt", MEMBER_STRING, finished),
    MEMBER("restartCount", MEMBER_INT, restart_count),
};

static const struct member state_members[] = {
    MEMBER("pid", MEMBER_INT, pid),
    MEMBER("pidStart", MEMBER_I64, pid_start),
    MEMBER("monitorPid", MEMBER_INT, monitor_pid),
    MEMBER("startedAt", MEMBER_STRING, started),
    MEMBER("restartCount", MEMBER_INT, restart_count),
    MEMBER("health", MEMBER_STRING, health),
    MEMBER("healthLog", MEMBER_JSON, health_log),
    MEMBER("healthFailures", MEMBER_INT, health_failures),
    MEMBER("fresh", MEMBER_BOOL, fresh),
};

static json_t *member_to_json(const struct member *m, const void *value)
{
    switch (m->type) {
    case MEMBER_STRING:
        return *(char *const *)value ? json_string(*(char *const *)value) : NULL;
    case MEMBER_BOOL:
        return *(const bool *)value ? json_true() : NULL;
    case MEMBER_INT:
        return json_integer(*(const int *)value);
    case MEMBER_I64:
        return json_integer(*(const int64_t *)value);
    case MEMBER_STRV:
        return ((const struct strv *)value)->count ? json_from_strv(value) : NULL;
    case MEMBER_JSON:
        return json_incref(*(json_t *const *)value);
    }
    return NULL;
}

static json_t *write_members(const struct member *table, size_t count, const struct container *c)
{
    json_t *json = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *v = member_to_json(&table[i], (const char *)c + table[i].offset);
        if (v) {
            json_object_set_new(json, table[i].key, v);
        }
    }
    return json;
}

json_t *container_to_json(const struct container *c)
{
    return write_members(members, ARRAY_SIZE(members), c);
}

json_t *container_state_to_json(const struct container *c)
{
    json_t *json = write_members(state_members, ARRAY_SIZE(state_members), c);
    json_object_set_new(json, "status", json_string(container_status_name(c->status)));
    return json;
}

json_t *container_exit_to_json(const struct container *c)
{
    return write_members(exit_members, ARRAY_SIZE(exit_members), c);
}

static int member_from_json(const struct member *m, const json_t *json, const char *where,
                            void *value, struct error **err)
{
    const char *s = NULL;
    int64_t n = 0;
    int r = 0;
    switch (m->type) {
    case MEMBER_STRING:
        r = json_get_str(json, m->key, where, &s, err);
        if (r > 0) {
            free(*(char **)value);
            *(char **)value = xstrdup(s);
        }
        return r;
    case MEMBER_BOOL:
        return json_get_bool(json, m->key, where, value, err);
    case MEMBER_INT:
        r = json_get_i64(json, m->key, where, INT_MIN, INT_MAX, &n, err);
        if (r > 0) {
            *(int *)value = (int)n;
        }
        return r;
    case MEMBER_I64:
        return json_get_i64(json, m->key, where, INT64_MIN, INT64_MAX, value, err);
    case MEMBER_STRV:
        return json_get_strv(json, m->key, where, value, err);
    case MEMBER_JSON:
        json_decref(*(json_t **)value);
        *(json_t **)value = json_incref(json_object_get(json, m->key));
        return 0;
    }
    return 0;
}

static int read_members(const struct member *table, size_t count, const json_t *json,
                        const char *where, struct container *c, struct error **err)
{
    if (!json_is_object(json)) {
        return error_set(err, ERROR_CORRUPT, 0, "%s is not a JSON object", where);
    }
    for (size_t i = 0; i < count; i++) {
        int r = member_from_json(&table[i], json, where, (char *)c + table[i].offset, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int container_from_json(const json_t *json, const char *where, struct container *c,
                        struct error **err)
{
    int r = read_members(members, ARRAY_SIZE(members), json, where, c, err);
    if (r == 0 && (!c->id || !c->name || !c->wall)) {
        return error_set(err, ERROR_CORRUPT, 0, "%s lacks its id, name or wall", where);
    }
    return r;
}

int container_exit_from_json(const json_t *json, const char *where, struct container *c,
                             struct error **err)
{
    return read_members(exit_members, ARRAY_SIZE(exit_members), json, where, c, err);
}

int container_state_from_json(const json_t *json, const char *where, struct container *c,
                              struct error **err)
{
    const char *status = "";
    int r = read_members(state_members, ARRAY_SIZE(state_members), json, where, c, err);
    if (r == 0) {
        r = json_get_str(json, "status", where, &status, err);
    }
    if (r < 0) {
        return r;
    }
    c->status = CONTAINER_RUNNING;
    for (int s = 0; s <= CONTAINER_DEAD; s++) {
        if (str_equal(status, container_status_name(s))) {
            c->status = s;
        }
    }
    return 0;
}
