// SPDX-License-Identifier: Apache-2.0
/* `compose config`: the project as it is understood. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/yaml/yaml.h"
#include "compose/verbs/verbs.h"

static void add_keys(const struct node *map, struct strbuf *out)
{
    for (size_t i = 0; map && i < map->count; i++) {
        strbuf_addf(out, "%s\n", map->entries[i].key);
    }
}

static void add_images(const struct project *p, struct strbuf *out)
{
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count; i++) {
        const char *image = node_text(services->entries[i].value, "image");
        if (image) {
            strbuf_addf(out, "%s\n", image);
        } else {
            strbuf_addf(out, "%s-%s\n", p->name, services->entries[i].key);
        }
    }
}

static int add_hashes(const struct project *p, const char *names, struct strbuf *out,
                      struct error **err)
{
    const struct node *services = node_get(p->model, "services");
    CLEANUP(strv) struct strv wanted = {0};
    for (size_t i = 0; str_equal(names, "*") && i < services->count; i++) {
        strv_add(&wanted, services->entries[i].key);
    }
    if (!str_equal(names, "*")) {
        strv_split(&wanted, names, ',');
    }
    int r = verb_check_services(p, &wanted, err);
    for (size_t i = 0; r == 0 && i < wanted.count; i++) {
        CLEANUP(free) char *hash = service_hash(p, wanted.items[i]);
        strbuf_addf(out, "%s %s\n", wanted.items[i], hash);
    }
    return r;
}

static void add_environment(const struct project *p, struct strbuf *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(p->environment.values, key, value)
    {
        strbuf_addf(out, "%s=%s\n", key, json_string_value(value));
    }
}

/* "name" first, then the sections in the order in which people write them. */
static json_t *in_order(const struct project *p)
{
    static const char *const first[] = {"name",    "services", "networks",
                                        "volumes", "configs",  "secrets"};
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
        const struct node *n = node_get(p->model, first[i]);
        if (n) {
            json_object_set_new(out, first[i], node_to_json(n));
        }
    }
    for (size_t i = 0; i < p->model->count; i++) {
        if (!json_object_get(out, p->model->entries[i].key)) {
            json_object_set_new(out, p->model->entries[i].key,
                                node_to_json(p->model->entries[i].value));
        }
    }
    return out;
}

static int add_whole(const struct project *p, const char *format, struct strbuf *out,
                     struct error **err)
{
    CLEANUP(json) json_t *json = in_order(p);
    if (!format || str_equal(format, "yaml")) {
        yaml_write(json, out);
        return 0;
    }
    if (!str_equal(format, "json")) {
        return error_set(err, ERROR_USAGE, 0, "--format: '%s' is neither 'yaml' nor 'json'",
                         format);
    }
    CLEANUP(free) char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    strbuf_addf(out, "%s\n", str_or(text, "{}"));
    return 0;
}

/* `config web db`: these and what they depend on. */
static int keep_services(struct project *p, const struct strv *names, struct error **err)
{
    int r = verb_check_services(p, names, err);
    if (r < 0 || names->count == 0) {
        return r;
    }
    struct node *services = node_get(p->model, "services");
    struct node *kept = node_new(p->arena, NODE_MAP, services);
    CLEANUP(strv) struct strv wanted = {0};
    strv_add_all(&wanted, names->items);
    for (size_t i = 0; i < wanted.count; i++) {
        const struct node *all = node_at(services, wanted.items[i], "depends_on", NULL);
        for (size_t k = 0; all && k < all->count; k++) {
            if (!strv_contains(&wanted, all->entries[k].key)) {
                strv_add(&wanted, all->entries[k].key);
            }
        }
    }
    for (size_t i = 0; i < services->count; i++) {
        if (strv_contains(&wanted, services->entries[i].key)) {
            node_set(p->arena, kept, services->entries[i].key, services->entries[i].value);
        }
    }
    node_set(p->arena, p->model, "services", kept);
    return 0;
}

static int add_asked(const struct compose_request *r, const struct project *p, struct strbuf *out,
                     struct error **err)
{
    static const char *const sections[] = {"services", "volumes", "networks"};
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        if (asked_flag(r, sections[i])) {
            add_keys(node_get(p->model, sections[i]), out);
            return 0;
        }
    }
    if (asked_flag(r, "profiles")) {
        for (size_t i = 0; i < p->profiles.count; i++) {
            strbuf_addf(out, "%s\n", p->profiles.items[i]);
        }
        return 0;
    }
    if (asked_flag(r, "images")) {
        add_images(p, out);
        return 0;
    }
    if (asked_flag(r, "environment")) {
        add_environment(p, out);
        return 0;
    }
    return asked_text(r, "hash") ? add_hashes(p, asked_text(r, "hash"), out, err)
                                 : add_whole(p, asked_text(r, "format"), out, err);
}

int verb_config(const struct compose_request *r, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    int result = verb_project(r, &r->arguments, &p, err);
    if (result == 0) {
        result = keep_services(p, &r->arguments, err);
    }
    if (result == 0) {
        result = add_asked(r, p, &out, err);
    }
    if (result < 0 || asked_flag(r, "quiet")) {
        return result;
    }
    const char *file = asked_text(r, "output");
    if (file) {
        return file_write_atomic(AT_FDCWD, file, str_or(out.data, ""), out.len, 0644, FILE_SYNC,
                                 err);
    }
    fputs(str_or(out.data, ""), stdout);
    return 0;
}
