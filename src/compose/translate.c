// SPDX-License-Identifier: Apache-2.0
#include "compose/translate.h"

#include <string.h>

#include "base/options.h"

void translation_done(struct translation *t)
{
    run_request_done(&t->request);
    arena_free(t->arena);
}

void translate_list(struct strv *to, const struct node *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        strv_add(to, list->items[i]->text);
    }
}

void translate_pairs(struct strv *to, const struct node *pairs)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        if (pairs->entries[i].value->kind != NODE_NULL) {
            strv_addf(to, "%s=%s", pairs->entries[i].key, pairs->entries[i].value->text);
        }
    }
}

void set_integer(struct option_integer *to, const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    int64_t value = 0;
    if (n && str_to_i64(str_or(n->text, ""), 10, &value) == 0) {
        *to = (struct option_integer){true, value};
    }
}

static void set_duration(struct option_integer *to, const struct node *map, const char *key)
{
    int64_t ms = 0;
    const char *text = node_text(map, key);
    if (text && option_parse_duration_ms(text, &ms) == 0) {
        *to = (struct option_integer){true, ms};
    }
}

const char *service_image(struct arena *a, const struct project *p, const char *service)
{
    const char *image = node_text(node_at(p->model, "services", service, NULL), "image");
    return image ? image : arena_format(a, "%s-%s", p->name, service);
}

/* An entrypoint's first word is `run`'s --entrypoint; the others come before the command. */
static void translate_command(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    const struct node *entrypoint = node_get(service, "entrypoint");
    if (entrypoint) {
        r->entrypoint = entrypoint->count ? entrypoint->items[0]->text : "";
        for (size_t i = 1; i < entrypoint->count; i++) {
            strv_add(&r->command, entrypoint->items[i]->text);
        }
    }
    translate_list(&r->command, node_get(service, "command"));
}

static void translate_health(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    const struct node *health = node_get(service, "healthcheck");
    const struct node *test = node_get(health, "test");
    const char *first = test && test->count ? test->items[0]->text : "";
    r->no_healthcheck = node_true(health, "disable") || str_equal(first, "NONE");
    if (str_equal(first, "CMD-SHELL") && test->count > 1) {
        r->health_cmd = test->items[1]->text;
    } else if (str_equal(first, "CMD")) {
        for (size_t i = 1; i < test->count; i++) {
            strv_add(&r->health_test, test->items[i]->text);
        }
    }
    set_duration(&r->health_interval_ms, health, "interval");
    set_duration(&r->health_timeout_ms, health, "timeout");
    set_duration(&r->health_start_period_ms, health, "start_period");
    set_duration(&r->health_start_interval_ms, health, "start_interval");
    set_integer(&r->health_retries, health, "retries");
}

/* compose-spec deploy.md "restart_policy" wins over `restart`. */
static const char *restart_of(struct translation *t, const struct node *service)
{
    const struct node *policy = node_at(service, "deploy", "restart_policy", NULL);
    const char *condition = node_text(policy, "condition");
    int64_t attempts = node_int(policy, "max_attempts", 0);
    if (!policy) {
        return node_text(service, "restart");
    }
    if (str_equal(condition, "none")) {
        return "no";
    }
    if (str_equal(condition, "on-failure")) {
        return attempts > 0 ? arena_format(t->arena, "on-failure:%lld", (long long)attempts)
                            : "on-failure";
    }
    return "always";
}

static void translate_end(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    struct option_integer grace = {0};
    r->restart = restart_of(t, service);
    r->stop_signal = node_text(service, "stop_signal");
    set_duration(&grace, service, "stop_grace_period");
    if (grace.set) {
        r->stop_timeout = (struct option_integer){true, (grace.value + 999) / 1000};
    }
}

static void label(struct translation *t, const char *name, const char *value)
{
    strv_addf(&t->request.labels, LABEL "%s=%s", name, str_or(value, ""));
}

/* Docker Compose's, so that its tools and ours see the same projects. */
static void translate_labels(struct translation *t, const struct project *p, const char *name,
                             const struct node *service, const struct translate_options *o)
{
    CLEANUP(free) char *hash = service_hash(p, name);
    CLEANUP(free) char *files = strv_join(&p->files, ",");
    CLEANUP(strbuf) struct strbuf needs = {0};
    const struct node *all = node_get(service, "depends_on");
    for (size_t i = 0; all && i < all->count; i++) {
        strbuf_addf(&needs, "%s%s:%s:%s", i ? "," : "", all->entries[i].key,
                    str_or(node_text(all->entries[i].value, "condition"), "service_started"),
                    node_true(all->entries[i].value, "restart") ? "true" : "false");
    }
    CLEANUP(free) char *number = str_format("%d", o->number);
    translate_pairs(&t->request.labels, node_get(service, "labels"));
    label(t, "project", p->name);
    label(t, "service", name);
    label(t, "container-number", number);
    label(t, "oneoff", o->one_off ? "True" : "False");
    label(t, "config-hash", hash);
    label(t, "depends_on", needs.data);
    label(t, "image", o->image_id);
    label(t, "project.working_dir", p->directory);
    label(t, "project.config_files", files);
    label(t, "version", CLOISON_VERSION);
}

static void translate_security(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    const struct node *options = node_get(service, "security_opt");
    r->privileged = node_true(service, "privileged");
    r->read_only = node_true(service, "read_only");
    translate_list(&r->cap_add, node_get(service, "cap_add"));
    translate_list(&r->cap_drop, node_get(service, "cap_drop"));
    translate_list(&r->group_add, node_get(service, "group_add"));
    translate_list(&r->device_cgroup_rules, node_get(service, "device_cgroup_rules"));
    translate_pairs(&r->sysctls, node_get(service, "sysctls"));
    for (size_t i = 0; options && i < options->count; i++) {
        /* "seccomp:unconfined", as it was written before "seccomp=unconfined" */
        char *text = xstrdup(options->items[i]->text);
        char *colon = strchr(text, ':');
        if (colon && !strchr(text, '=')) {
            *colon = '=';
        }
        strv_add_take(&r->security_opt, text);
    }
}

static void translate_process(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    r->user = node_text(service, "user");
    r->workdir = node_text(service, "working_dir");
    r->hostname = node_text(service, "hostname");
    r->domainname = node_text(service, "domainname");
    r->tty = node_true(service, "tty");
    r->interactive = node_true(service, "stdin_open");
    r->init = node_true(service, "init");
    r->platform = node_text(service, "platform");
    r->cgroup_parent = node_text(service, "cgroup_parent");
    r->cgroupns_mode = node_text(service, "cgroup");
    r->uts_mode = node_text(service, "uts");
    r->userns_mode = node_text(service, "userns_mode");
    r->wall = node_text(node_get(service, "x-cloison"), "wall");
    r->network_rate = node_text(node_get(service, "x-cloison"), "network-rate");
    translate_pairs(&r->env, node_get(service, "environment"));
    translate_pairs(&r->annotations, node_get(service, "annotations"));
    translate_pairs(&r->storage_opt, node_get(service, "storage_opt"));
}

static void translate_logging(struct translation *t, const struct node *service)
{
    const struct node *logging = node_get(service, "logging");
    t->request.log_driver = node_text(logging, "driver");
    translate_pairs(&t->request.log_opt, node_get(logging, "options"));
}

int translate(const struct project *p, const char *service, const struct translate_options *o,
              struct translation *ret, struct error **err)
{
    const struct node *n = node_at(p->model, "services", service, NULL);
    *ret = (struct translation){.arena = arena_new()};
    struct run_request *r = &ret->request;
    r->image = service_image(ret->arena, p, service);
    r->name = arena_strdup(ret->arena, o->name);
    r->pull = "never"; /* what is missing was fetched before anything was changed */
    r->detach = true;
    r->sig_proxy = true;
    translate_process(ret, n);
    translate_command(ret, n);
    translate_health(ret, n);
    translate_end(ret, n);
    translate_security(ret, n);
    translate_logging(ret, n);
    translate_limits(ret, n);
    translate_labels(ret, p, service, n, o);
    int result = translate_mounts(ret, p, service, o->engine, err);
    if (result == 0) {
        result = translate_network(ret, p, service, o, err);
    }
    return result < 0 ? error_wrap(err, result, "service '%s'", service) : 0;
}
