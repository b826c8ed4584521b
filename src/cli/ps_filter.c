// SPDX-License-Identifier: Apache-2.0
#include "cli/ps_filter.h"

#include <regex.h>
#include <string.h>

struct condition {
    const struct filter_key *key;
    char *value;
    regex_t name;
    bool has_name;
    int64_t number;                /* exited */
    const struct container *other; /* before, since */
};

struct ps_filter {
    struct condition *items;
    size_t count;
};

/* The list in which before= and since= look, while the conditions are parsed. */
struct parse {
    struct container *const *list;
    size_t count;
};

struct filter_key {
    const char *name;
    /* NULL: any value. Else checks and prepares it. */
    int (*prepare)(struct condition *c, const struct parse *p, struct error **err);
    bool (*matches)(const struct condition *c, const struct container *container);
    bool all_must_hold, wants_all;
};

static int prepare_regex(struct condition *c, const struct parse *p, struct error **err)
{
    if (regcomp(&c->name, c->value, REG_EXTENDED | REG_NOSUB) != 0) {
        return error_set(err, ERROR_USAGE, 0, "filter '%s': not a regular expression", c->value);
    }
    c->has_name = true;
    return 0;
}

/* Docker's names begin with a slash inside; expressions for both forms are about. */
static bool matches_name(const struct condition *c, const struct container *k)
{
    CLEANUP(free) char *slashed = str_format("/%s", k->name);
    return regexec(&c->name, k->name, 0, NULL, 0) == 0 ||
           regexec(&c->name, slashed, 0, NULL, 0) == 0;
}

static bool matches_id(const struct condition *c, const struct container *k)
{
    return strstr(k->id, c->value) != NULL;
}

static bool matches_label(const struct condition *c, const struct container *k)
{
    const char *sign = strchr(c->value, '=');
    CLEANUP(free) char *key = sign ? xstrndup(c->value, (size_t)(sign - c->value)) : NULL;
    const char *value = json_string_value(json_object_get(k->labels, key ? key : c->value));
    return value && (!sign || str_equal(value, sign + 1));
}

static int prepare_status(struct condition *c, const struct parse *p, struct error **err)
{
    for (int s = 0; s <= CONTAINER_DEAD; s++) {
        if (str_equal(c->value, container_status_name((enum container_status)s))) {
            return 0;
        }
    }
    if (str_equal(c->value, "removing")) {
        return 0; /* Docker's; none of ours is ever seen in it */
    }
    int r = error_set(err, ERROR_USAGE, 0, "filter 'status': unknown status '%s'", c->value);
    return error_hint(err, r, "created, running, paused, restarting, exited or dead");
}

static bool matches_status(const struct condition *c, const struct container *k)
{
    return str_equal(c->value, container_status_name(k->status));
}

static int prepare_exited(struct condition *c, const struct parse *p, struct error **err)
{
    if (str_to_i64(c->value, 10, &c->number) < 0) {
        return error_set(err, ERROR_USAGE, 0, "filter 'exited' needs an exit code, not '%s'",
                         c->value);
    }
    return 0;
}

static bool matches_exited(const struct condition *c, const struct container *k)
{
    return k->status == CONTAINER_EXITED && k->exit_code == c->number;
}

static bool is_id_prefix(const char *id, const char *prefix)
{
    const char *hex = str_or(id, "");
    if (str_starts(hex, "sha256:") && !str_starts(prefix, "sha256:")) {
        hex += strlen("sha256:");
    }
    return strlen(prefix) >= 4 && str_starts(hex, prefix);
}

/* "nginx", "nginx:latest" or an ID; not, as in Docker, an image that it was built from. */
static bool matches_ancestor(const struct condition *c, const struct container *k)
{
    const char *image = str_or(k->image, "");
    size_t len = strlen(c->value);
    bool tagged = strncmp(image, c->value, len) == 0 &&
                  (image[len] == '\0' || str_equal(image + len, ":latest"));
    bool untagged = str_ends(c->value, ":latest") && strlen(image) == len - strlen(":latest") &&
                    str_starts(c->value, image);
    return tagged || untagged || is_id_prefix(k->image_id, c->value);
}

static bool matches_network(const struct condition *c, const struct container *k)
{
    const json_t *one;
    size_t i;
    json_array_foreach(k->networks, i, one)
    {
        if (str_equal(c->value, json_string_value(json_object_get(one, "network")))) {
            return true;
        }
    }
    return str_equal(c->value, k->network_mode);
}

static bool matches_volume(const struct condition *c, const struct container *k)
{
    size_t len = strlen(c->value);
    for (size_t i = 0; i < k->volumes.count; i++) {
        const char *v = k->volumes.items[i];
        const char *destination = strchr(v, ':');
        if ((str_starts(v, c->value) && v[len] == ':') ||
            (destination && str_starts(destination + 1, c->value) &&
             (destination[1 + len] == '\0' || destination[1 + len] == ':'))) {
            return true;
        }
    }
    const json_t *binds = json_object_get(k->request, "volumes");
    for (size_t i = 0; i < json_array_size(binds); i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, json_string_value(json_array_get(binds, i)), ':');
        if (str_equal(parts.items[0], c->value) ||
            (parts.count > 1 && str_equal(parts.items[1], c->value))) {
            return true;
        }
    }
    return false;
}

/* PORT[/PROTO] or FIRST-LAST[/PROTO]. */
static bool port_in(const char *value, int64_t port, const char *proto)
{
    CLEANUP(free) char *range = xstrdup(value);
    char *slash = strchr(range, '/');
    if (slash) {
        *slash++ = '\0';
    }
    char *dash = strchr(range, '-');
    if (dash) {
        *dash++ = '\0';
    }
    int64_t first = 0, last = 0;
    if (str_to_i64(range, 10, &first) < 0 || str_to_i64(dash ? dash : range, 10, &last) < 0) {
        return false;
    }
    return port >= first && port <= last && str_equal(slash ? slash : "tcp", proto);
}

static int prepare_port(struct condition *c, const struct parse *p, struct error **err)
{
    if (c->value[strspn(c->value, "0123456789-")] == '/' ||
        c->value[strspn(c->value, "0123456789-")] == '\0') {
        return 0;
    }
    return error_set(err, ERROR_USAGE, 0, "filter '%s' needs PORT[-PORT][/PROTO], not '%s'",
                     "publish", c->value);
}

static bool matches_publish(const struct condition *c, const struct container *k)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(k->network, "ports"), i, port)
    {
        const char *proto = str_or(json_string_value(json_object_get(port, "proto")), "tcp");
        if (port_in(c->value, json_integer_value(json_object_get(port, "host")), proto) ||
            port_in(c->value, json_integer_value(json_object_get(port, "container")), proto)) {
            return true;
        }
    }
    return false;
}

static int prepare_health(struct condition *c, const struct parse *p, struct error **err)
{
    static const char *const words[] = {"starting", "healthy", "unhealthy", "none", NULL};
    if (str_in(c->value, words)) {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0, "filter 'health': unknown state '%s'", c->value);
    return error_hint(err, r, "starting, healthy, unhealthy or none");
}

static bool matches_health(const struct condition *c, const struct container *k)
{
    return str_equal(c->value, str_or(k->health, "none"));
}

static int prepare_other(struct condition *c, const struct parse *p, struct error **err)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_equal(p->list[i]->name, c->value) || is_id_prefix(p->list[i]->id, c->value)) {
            c->other = p->list[i];
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", c->value);
}

static bool matches_before(const struct condition *c, const struct container *k)
{
    return strcmp(str_or(k->created, ""), str_or(c->other->created, "")) < 0;
}

static bool matches_since(const struct condition *c, const struct container *k)
{
    return strcmp(str_or(k->created, ""), str_or(c->other->created, "")) > 0;
}

static const struct filter_key keys[] = {
    {"id", NULL, matches_id},
    {"name", prepare_regex, matches_name},
    {"label", NULL, matches_label, .all_must_hold = true},
    {"status", prepare_status, matches_status, .wants_all = true},
    {"exited", prepare_exited, matches_exited, .wants_all = true},
    {"ancestor", NULL, matches_ancestor},
    {"network", NULL, matches_network},
    {"volume", NULL, matches_volume},
    {"publish", prepare_port, matches_publish},
    {"health", prepare_health, matches_health},
    {"before", prepare_other, matches_before},
    {"since", prepare_other, matches_since},
};

static int find_key(const char *text, size_t len, const struct filter_key **ret, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strncmp(keys[i].name, text, len) == 0 && keys[i].name[len] == '\0') {
            *ret = &keys[i];
            return 0;
        }
    }
    CLEANUP(strbuf) struct strbuf all = {0};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        strbuf_addf(&all, "%s%s", i ? ", " : "", keys[i].name);
    }
    int r = error_set(err, ERROR_USAGE, 0, "unknown filter '%.*s'", (int)len, text);
    return error_hint(err, r, "filters are %s", all.data);
}

static int parse_condition(const char *text, const struct parse *p, struct condition *ret,
                           struct error **err)
{
    const char *sign = strchr(text, '=');
    if (!sign) {
        return error_set(err, ERROR_USAGE, 0, "filter '%s': KEY=VALUE is wanted", text);
    }
    int r = find_key(text, (size_t)(sign - text), &ret->key, err);
    if (r < 0) {
        return r;
    }
    ret->value = xstrdup(sign + 1);
    return ret->key->prepare ? ret->key->prepare(ret, p, err) : 0;
}

int ps_filter_new(const struct strv *conditions, struct container *const *list, size_t count,
                  struct ps_filter **ret, struct error **err)
{
    CLEANUP(ps_filter) struct ps_filter *f = xcalloc(1, sizeof(*f));
    const struct parse p = {list, count};
    f->items = xcalloc(conditions->count, sizeof(*f->items));
    for (size_t i = 0; i < conditions->count; i++) {
        f->count++;
        int r = parse_condition(conditions->items[i], &p, &f->items[i], err);
        if (r < 0) {
            return r;
        }
    }
    *ret = take_ptr(f);
    return 0;
}

void ps_filter_free(struct ps_filter *f)
{
    if (!f) {
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].value);
        if (f->items[i].has_name) {
            regfree(&f->items[i].name);
        }
    }
    free(f->items);
    free(f);
}

/* Whether one of the conditions of the key holds (all of them, for labels). */
static bool key_holds(const struct ps_filter *f, const struct filter_key *key,
                      const struct container *c)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].key == key && key->matches(&f->items[i], c) != key->all_must_hold) {
            return !key->all_must_hold;
        }
    }
    return key->all_must_hold;
}

bool ps_filter_matches(const struct ps_filter *f, const struct container *c)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!key_holds(f, f->items[i].key, c)) {
            return false;
        }
    }
    return true;
}

bool ps_filter_wants_all(const struct ps_filter *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].key->wants_all) {
            return true;
        }
    }
    return false;
}
