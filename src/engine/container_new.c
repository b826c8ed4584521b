// SPDX-License-Identifier: Apache-2.0
/* What the store keeps of a container, decided from the request and the image. */
#include <string.h>
#include <unistd.h>

#include "engine/draft.h"
#include "engine/names.h"
#include "engine/networks.h"
#include "engine/writable.h"
#include "wall/wall.h"

#define LOG_BYTES_DEFAULT ((int64_t)10 << 20) /* rotated by default: a disk is finite */
#define LOG_FILES_DEFAULT 3
#define STOP_TIMEOUT_DEFAULT 10

static void add_labels(json_t *labels, const struct strv *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        CLEANUP(free)
        char *key = equals ? xstrndup(list->items[i], (size_t)(equals - list->items[i]))
                           : xstrdup(list->items[i]);
        json_object_set_new(labels, key, json_string(equals ? equals + 1 : ""));
    }
}

static int log_options(const struct run_request *r, struct container *c, struct error **err)
{
    c->log_driver = xstrdup(str_or(r->log_driver, "json-file"));
    c->log_max_bytes = LOG_BYTES_DEFAULT;
    c->log_max_files = LOG_FILES_DEFAULT;
    if (!str_equal(c->log_driver, "json-file") && !str_equal(c->log_driver, "none")) {
        return error_set(err, ERROR_USAGE, 0,
                         "unknown log driver '%s': there are json-file and none", c->log_driver);
    }
    for (size_t i = 0; i < r->log_opt.count; i++) {
        const char *o = r->log_opt.items[i];
        int64_t n = 0;
        int bad = 0;
        if (str_starts(o, "max-size=")) {
            bad = str_equal(o + 9, "-1") ? 0 : str_to_bytes(o + 9, &n);
            c->log_max_bytes = n;
        } else if (str_starts(o, "max-file=")) {
            bad = str_to_i64(o + 9, 10, &n) < 0 || n < 1 || n > 1000;
            c->log_max_files = (int)n;
        } else {
            return error_set(err, ERROR_USAGE, 0,
                             "unknown --log-opt '%s': there are max-size and max-file", o);
        }
        if (bad) {
            return error_set(err, ERROR_USAGE, 0, "--log-opt '%s': not a valid number", o);
        }
    }
    return 0;
}

static void publish_all(const struct run_request *r, const struct image *image, struct container *c)
{
    if (!r->publish_all || !c->networks) {
        return;
    }
    strv_add_all(&c->publish, image->config.exposed_ports.items);
    strv_add_all(&c->publish, r->expose.items);
}

static char *hostname(const struct run_request *r, const struct container *c)
{
    char host[65] = "";
    bool hosts = str_equal(c->network_mode, "host") || str_equal(r->uts_mode, "host");
    if (r->hostname) {
        return xstrdup(r->hostname);
    }
    if (hosts && gethostname(host, sizeof(host) - 1) == 0) {
        return xstrdup(host);
    }
    return xstrndup(c->id, CONTAINER_SHORT_ID_DIGITS);
}

/* An image's HEALTHCHECK, unless the request has its own or forbids it. */
static json_t *healthcheck(const struct run_request *r, const struct image *image)
{
    json_t *h = NULL;
    if (r->no_healthcheck) {
        return NULL;
    }
    if (r->health_cmd) {
        h = json_pack("{s:[s,s]}", "Test", "CMD-SHELL", r->health_cmd);
    } else if (r->health_test.count) {
        json_t *test = json_from_strv(&r->health_test);
        json_array_insert_new(test, 0, json_string("CMD"));
        h = json_pack("{s:o}", "Test", test);
    } else if (image->config.healthcheck) {
        h = json_deep_copy(image->config.healthcheck);
    }
    const struct {
        const char *key;
        const struct option_integer *value;
        int64_t unit;
    } overrides[] = {{"Interval", &r->health_interval_ms, 1000000},
                     {"Timeout", &r->health_timeout_ms, 1000000},
                     {"StartPeriod", &r->health_start_period_ms, 1000000},
                     {"StartInterval", &r->health_start_interval_ms, 1000000},
                     {"Retries", &r->health_retries, 1}};
    for (size_t i = 0; h && i < ARRAY_SIZE(overrides); i++) {
        if (overrides[i].value->set) {
            json_object_set_new(h, overrides[i].key,
                                json_integer(overrides[i].value->value * overrides[i].unit));
        }
    }
    return h;
}

static int restart(const struct run_request *r, struct container *c, struct error **err)
{
    const char *policy = "no";
    int result = restart_policy_parse(r->restart, &policy, &c->restart_max, err);
    c->restart_policy = xstrdup(policy);
    if (result >= 0 && r->remove && !str_equal(policy, "no")) {
        return error_set(err, ERROR_USAGE, 0, "--rm and --restart exclude each other");
    }
    return result < 0 ? result : 0;
}

static int check_wall(const struct run_request *r, const struct container *c, struct error **err)
{
    const struct wall_ops *wall = NULL;
    uint64_t writable = 0;
    int result = wall_find(c->wall, &wall, err);
    return result < 0 ? result
                      : writable_parse(&r->storage_opt, wall->files != NULL, &writable, err);
}

int container_new(const struct engine *e, const struct run_request *r, const struct image *image,
                  struct container **ret, struct error **err)
{
    CLEANUP(container) struct container *c = xcalloc(1, sizeof(*c));
    c->id = random_hex(CONTAINER_ID_DIGITS / 2);
    c->name = r->name ? xstrdup(r->name) : name_generate(0);
    c->wall = xstrdup(str_or(r->wall, "container"));
    c->image = xstrdup(r->image);
    c->image_id = xstrdup(image->id);
    c->created = xmalloc(TIME_TEXT_BYTES);
    time_now_text(c->created);
    strv_add_all(&c->layers, image->layers.items);
    c->request = run_request_to_json(r);
    c->labels = image->config.labels ? json_deep_copy(image->config.labels) : json_object();
    add_labels(c->labels, &r->labels);
    c->remove = r->remove;
    c->tty = r->tty;
    c->open_stdin = r->interactive;
    c->stdin_once = r->interactive && !r->detach;
    c->stop_signal = xstrdup(str_or(r->stop_signal, str_or(image->config.stop_signal, "SIGTERM")));
    c->stop_timeout = r->stop_timeout.set ? (int)r->stop_timeout.value : STOP_TIMEOUT_DEFAULT;
    c->healthcheck = healthcheck(r, image);
    int result = check_wall(r, c, err);
    if (result == 0) {
        result = restart(r, c, err);
    }
    if (result == 0) {
        result = log_options(r, c, err);
    }
    if (result == 0) {
        result = network_choose(e, r, c, err);
    }
    if (result < 0) {
        return result;
    }
    publish_all(r, image, c);
    c->hostname = hostname(r, c);
    *ret = take_ptr(c);
    return 0;
}
