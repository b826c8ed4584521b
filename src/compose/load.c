// SPDX-License-Identifier: Apache-2.0
#include "compose/load.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/yaml/yaml.h"
#include "compose/merge.h"

#define NAME_ALLOWED "abcdefghijklmnopqrstuvwxyz0123456789_-"

static int read_text(const char *path, char **ret, size_t *ret_len, struct error **err)
{
    if (!str_equal(path, "-")) {
        return file_read(AT_FDCWD, path, YAML_BYTES_MAX, ret, ret_len, err);
    }
    CLEANUP(strbuf) struct strbuf b = {.max = YAML_BYTES_MAX};
    char part[4096];
    ssize_t n;
    while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0) {
        strbuf_add(&b, part, (size_t)n);
    }
    if (n < 0 || b.overflow) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "reading standard input failed");
    }
    *ret_len = b.len;
    *ret = strbuf_take(&b);
    return 0;
}

/* As the user would write it. */
static char *path_from_here(const char *path)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);
    size_t len = here ? strlen(here) : 0;
    bool below = len > 1 && str_starts(path, here) && path[len] == '/';
    return xstrdup(below ? path + len + 1 : path);
}

int load_file(struct loader *l, const char *path, const char *base_dir, struct node **ret,
              struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    struct project *p = l->project;
    struct variables v = {environment_lookup, l->environment, &p->unset};
    struct shaper s = {p->arena, base_dir, getenv("HOME"), &p->ignored, err};
    struct node *raw = NULL;
    int r = read_text(path, &text, &len, err);
    if (r == 0) {
        CLEANUP(free) char *shown = path_from_here(path);
        r = yaml_parse(p->arena, text, len, shown, l->no_interpolate ? NULL : &v, &raw, err);
    }
    return r < 0 ? r : shape_file(&s, raw, ret, err);
}

static int load_one(struct loader *l, const char *path, struct node **merged, struct error **err)
{
    struct node *file = NULL;
    if (strv_contains(l->including, path)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' includes itself", path);
    }
    strv_add(l->including, path);
    int r = load_file(l, path, l->directory, &file, err);
    if (r == 0) {
        r = extends_resolve(l, path, file, *merged, err);
    }
    if (r == 0) {
        r = include_resolve(l, &file, err);
    }
    if (r == 0) {
        *merged = *merged ? merge(l->project->arena, &merge_root, *merged, file) : file;
    }
    free(l->including->items[--l->including->count]);
    l->including->items[l->including->count] = NULL;
    return r;
}

int load_files(struct loader *l, const struct strv *files, struct node **ret, struct error **err)
{
    struct node *merged = NULL;
    for (size_t i = 0; i < files->count; i++) {
        int r = load_one(l, files->items[i], &merged, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = merged;
    return 0;
}

/* compose-spec 04-version-and-name.md: [a-z0-9][a-z0-9_-]* */
static char *name_from_folder(const char *directory)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    const char *slash = strrchr(directory, '/');
    for (const char *c = slash ? slash + 1 : directory; *c; c++) {
        char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        bool fits = strchr(NAME_ALLOWED, lower) && (b.len > 0 || !strchr("_-", lower));
        if (fits) {
            strbuf_addc(&b, lower);
        }
    }
    return b.len ? strbuf_take(&b) : xstrdup("default");
}

static int choose_name(struct project *p, const struct load_options *o, struct error **err)
{
    const char *asked = o->project_name
                            ? o->project_name
                            : environment_lookup(&p->environment, "COMPOSE_PROJECT_NAME");
    if (!asked || !*asked) {
        asked = node_text(p->model, "name");
    }
    p->name = asked && *asked ? xstrdup(asked) : name_from_folder(p->directory);
    if (strspn(p->name, NAME_ALLOWED) != strlen(p->name) || strchr("_-", p->name[0])) {
        return error_set(err, ERROR_USAGE, 0,
                         "'%s' is no project name: lower-case letters, digits, '_' and '-', a "
                         "letter or digit first",
                         p->name);
    }
    node_set(p->arena, p->model, "name", node_string(p->arena, p->name, NULL));
    return 0;
}

static int load_into(struct project *p, const struct load_options *o, struct error **err)
{
    CLEANUP(strv) struct strv including = {0};
    struct node *merged = NULL;
    p->arena = arena_new();
    environment_init(&p->environment);
    p->environment.no_process = o->no_process;
    int r = find_files(o, p, err);
    if (r < 0) {
        return r;
    }
    struct loader l = {.project = p,
                       .directory = p->directory,
                       .environment = &p->environment,
                       .no_interpolate = o->no_interpolate,
                       .including = &including};
    /* ${COMPOSE_PROJECT_NAME} may be used in the file, so what is known of it is set before. */
    if (o->project_name) {
        json_object_set_new(p->environment.values, "COMPOSE_PROJECT_NAME",
                            json_string(o->project_name));
    }
    r = load_files(&l, &p->files, &merged, err);
    if (r == 0) {
        p->model = merge_finish(p->arena, merged);
        r = choose_name(p, o, err);
    }
    return r < 0 ? r : project_finish(p, o, err);
}

int project_load(const struct load_options *options, struct project **ret, struct error **err)
{
    CLEANUP(project) struct project *p = xcalloc(1, sizeof(*p));
    int r = load_into(p, options, err);
    if (r == 0) {
        *ret = take_ptr(p);
    }
    return r;
}

void project_free(struct project *p)
{
    if (!p) {
        return;
    }
    arena_free(p->arena);
    free(p->name);
    free(p->directory);
    strv_done(&p->files);
    strv_done(&p->profiles);
    strv_done(&p->ignored);
    strv_done(&p->unset);
    environment_done(&p->environment);
    free(p);
}

/* What may change without the containers changing. */
static const char *const not_hashed[] = {"build",      "pull_policy", "scale",
                                         "depends_on", "profiles",    "develop"};

void service_aliases(const struct project *p, const char *service, struct strv *ret)
{
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count; i++) {
        const struct node *links = node_get(services->entries[i].value, "links");
        for (size_t k = 0; links && k < links->count; k++) {
            const char *text = links->items[k]->text, *colon = strchr(text, ':');
            size_t n = strlen(service);
            if (colon && (size_t)(colon - text) == n && str_starts(text, service) &&
                !strv_contains(ret, colon + 1)) {
                strv_add(ret, colon + 1);
            }
        }
    }
}

/* What the load balancer alone acts on changes no container. */
static void hash_ours(json_t *service)
{
    static const char *const balancers[] = {"publish", "port",   "balance",
                                            "sticky",  "health", "tls"};
    json_t *ours = json_object_get(service, "x-cloison");
    for (size_t i = 0; i < ARRAY_SIZE(balancers); i++) {
        json_object_del(ours, balancers[i]);
    }
    if (json_object_size(ours) == 0) {
        json_object_del(service, "x-cloison");
    }
}

char *service_hash(const struct project *p, const char *service)
{
    struct node *n = node_at(p->model, "services", service, NULL);
    CLEANUP(json) json_t *json = node_to_json(n);
    for (size_t i = 0; i < ARRAY_SIZE(not_hashed); i++) {
        json_object_del(json, not_hashed[i]);
    }
    json_t *deploy = json_object_get(json, "deploy");
    json_object_del(deploy, "replicas");
    json_object_del(deploy, "update_config");
    json_object_del(deploy, "rollback_config");
    hash_ours(json);
    CLEANUP(strv) struct strv aliases = {0};
    service_aliases(p, service, &aliases);
    if (aliases.count) {
        CLEANUP(free) char *joined = strv_join(&aliases, ",");
        json_object_set_new(json, "linked", json_string(joined));
    }
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    CLEANUP(strbuf) struct strbuf hex = {0};
    if (text && EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, &len)) {
        for (size_t i = 0; i < len; i++) {
            strbuf_addf(&hex, "%02x", digest[i]);
        }
    }
    return strbuf_take(&hex);
}
