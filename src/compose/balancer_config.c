// SPDX-License-Identifier: Apache-2.0
/* Caddy's configuration (its JSON form), from what the services publish. Pure. */
#include <string.h>

#include "compose/balancer.h"

int published_parse(struct arena *a, const struct node *at, struct published *ret,
                    struct error **err)
{
    const char *text = at->text;
    *ret = (struct published){.tls = str_starts(text, "https://"), .path = ""};
    if (!ret->tls && !str_starts(text, "http://")) {
        return node_error(at, err, "publish: '%s' is not http://HOST[:PORT][/PATH] or https://…",
                          text);
    }
    const char *host = strstr(text, "://") + 3;
    size_t n = strcspn(host, ":/");
    int64_t port = ret->tls ? 443 : 80;
    const char *rest = host + n;
    if (*rest == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        CLEANUP(free) char *number = xstrndup(rest + 1, digits);
        if (str_to_i64(number, 10, &port) < 0 || port < 1 || port > 65535) {
            return node_error(at, err, "publish: '%s' has a bad port", text);
        }
        rest += 1 + digits;
    }
    if (n == 0 || (*rest && *rest != '/')) {
        return node_error(at, err, "publish: '%s' names no host", text);
    }
    ret->host = arena_strndup(a, host, n);
    ret->path = str_equal(rest, "/") ? "" : arena_strdup(a, rest);
    ret->port = (int)port;
    return 0;
}

struct node *published_of(struct arena *a, const struct node *service)
{
    struct node *list = node_get(node_get(service, "x-cloison"), "publish");
    const struct node *label = node_get(node_get(service, "labels"), "cloison.ingress");
    if (list || !label) {
        return list;
    }
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, label->text, ',');
    list = node_new(a, NODE_LIST, label);
    for (size_t i = 0; i < parts.count; i++) {
        node_append(a, list, node_string(a, parts.items[i], label));
    }
    return list;
}

bool balancer_serves(const struct node *service)
{
    return node_get(node_get(service, "x-cloison"), "publish") ||
           node_get(node_get(service, "labels"), "cloison.ingress");
}

int balancer_target_port(const struct node *service)
{
    const struct node *ours = node_get(service, "x-cloison");
    const struct node *expose = node_get(service, "expose");
    int64_t port = node_int(ours, "port", 0);
    if (!port && expose && expose->count) {
        CLEANUP(free)
        char *first = xstrndup(expose->items[0]->text, strcspn(expose->items[0]->text, "/-"));
        IGNORE(str_to_i64(first, 10, &port) < 0); /* 80 then */
    }
    return port > 0 && port < 65536 ? (int)port : 80;
}

static json_t *selection(const struct node *ours)
{
    if (node_true(ours, "sticky")) {
        return json_pack("{s:s,s:s}", "policy", "cookie", "name", "cloison_lb");
    }
    return json_pack("{s:s}", "policy", str_or(node_text(ours, "balance"), "least_conn"));
}

/* What fails before a byte was answered is tried on another replica; one that failed is left alone
 * for a while. The replicas are looked up by name (balancer.h), so that the configuration need not
 * change with them: Caddy closes idle connections when it loads another one. */
static json_t *upstreams(const char *name, const struct node *service)
{
    return json_pack("{s:s,s:o,s:o,s:s}", "source", "a", "name",
                     json_sprintf("%s" BALANCED_DOMAIN, name), "port",
                     json_sprintf("%d", balancer_target_port(service)), "refresh", "250ms");
}

static json_t *proxy(const char *name, const struct node *service)
{
    const struct node *ours = node_get(service, "x-cloison");
    json_t *dynamic = upstreams(name, service);
    return json_pack("{s:s,s:o,s:{s:s,s:s},s:{s:o,s:s,s:s},s:{s:{s:s,s:i}}}", "handler",
                     "reverse_proxy", "dynamic_upstreams", dynamic, "transport", "protocol", "http",
                     "dial_timeout", "2s", "load_balancing", "selection_policy", selection(ours),
                     "try_duration", "10s", "try_interval", "50ms", "health_checks", "passive",
                     "fail_duration", "3s", "max_fails", 1);
}

static json_t *route(const struct published *at, const char *name, const struct node *service)
{
    json_t *match = json_pack("{s:[s]}", "host", at->host);
    if (*at->path) {
        json_object_set_new(match, "path",
                            json_pack("[s,o]", at->path, json_sprintf("%s/*", at->path)));
    }
    return json_pack("{s:[o],s:[o],s:b}", "match", match, "handle", proxy(name, service),
                     "terminal", 1);
}

static json_t *server_at(json_t *servers, int port, bool tls)
{
    CLEANUP(free) char *name = str_format("port%d", port);
    json_t *server = json_object_get(servers, name);
    if (!server) {
        server = json_pack("{s:[o],s:[],s:{s:b}}", "listen", json_sprintf(":%d", port), "routes",
                           "automatic_https", tls ? "disable_redirects" : "disable", 1);
        if (tls) {
            json_object_set_new(server, "tls_connection_policies", json_pack("[{}]"));
        }
        json_object_set_new(servers, name, server);
    }
    return server;
}

/* http://HOST:80 leads to https://HOST, unless the file says what is there. */
static void add_redirect(json_t *servers, const struct published *at)
{
    json_t *routes = json_object_get(server_at(servers, 80, false), "routes");
    CLEANUP(json) json_t *match = json_pack("[{s:[s]}]", "host", at->host);
    const json_t *one;
    size_t i;
    json_array_foreach(routes, i, one)
    {
        if (json_equal(json_object_get(one, "match"), match)) {
            return;
        }
    }
    json_t *to = json_sprintf("https://%s{http.request.uri}", at->host);
    json_array_append_new(routes, json_pack("{s:O,s:[{s:s,s:i,s:{s:[o]}}],s:b}", "match", match,
                                            "handle", "handler", "static_response", "status_code",
                                            308, "headers", "Location", to, "terminal", 1));
}

/* A host may stand before several services; it has one policy. */
static bool has_policy(const json_t *policies, const char *host)
{
    const json_t *one;
    size_t i;
    json_array_foreach(policies, i, one)
    {
        const json_t *subject = json_array_get(json_object_get(one, "subjects"), 0);
        if (str_equal(json_string_value(subject), host)) {
            return true;
        }
    }
    return false;
}

/* An authority of the project's own, or ACME (RFC 8555). Who listens on another port than 443 does
 * not have port 80 either: the challenge of HTTP would be somebody else's to answer. */
static json_t *issuer(const char *name, const struct node *own, const struct published *at)
{
    const char *directory = node_text(own, "acme"), *email = node_text(own, "email");
    if (!directory) {
        return json_pack("{s:s}", "module", "internal");
    }
    json_t *acme = json_pack("{s:s,s:s}", "module", "acme", "ca", directory);
    if (email) {
        json_object_set_new(acme, "email", json_string(email));
    }
    if (node_get(own, "root")) {
        json_object_set_new(acme, "trusted_roots_pem_files",
                            json_pack("[o]", json_sprintf(BALANCE_FOLDER "/%s.root", name)));
    }
    if (at->port != 443) {
        json_object_set_new(acme, "challenges", json_pack("{s:{s:b}}", "http", "disabled", 1));
    }
    return acme;
}

static void add_certificates(json_t *tls, const char *name, const struct node *service,
                             const struct published *at)
{
    const struct node *own = node_get(node_get(service, "x-cloison"), "tls");
    json_t *automation = json_object_get(tls, "automation");
    if (node_get(own, "certificate")) {
        json_t *files = json_object_get(json_object_get(tls, "certificates"), "load_files");
        json_array_append_new(files, json_pack("{s:o,s:o}", "certificate",
                                               json_sprintf(BALANCE_FOLDER "/%s.crt", name), "key",
                                               json_sprintf(BALANCE_FOLDER "/%s.key", name)));
        return;
    }
    json_t *policies = json_object_get(automation, "policies");
    if (!has_policy(policies, at->host)) {
        json_array_append_new(policies, json_pack("{s:[s],s:[o]}", "subjects", at->host, "issuers",
                                                  issuer(name, own, at)));
    }
}

/* Services that publish the same address share its requests: the first one's settings count. */
static bool share_route(json_t *routes, json_t *wanted, const char *name,
                        const struct node *service)
{
    json_t *one;
    size_t i;
    json_array_foreach(routes, i, one)
    {
        json_t *proxy = json_array_get(json_object_get(one, "handle"), 0);
        json_t *dynamic = json_object_get(proxy, "dynamic_upstreams");
        if (!json_equal(json_object_get(one, "match"), json_object_get(wanted, "match"))) {
            continue;
        }
        if (!json_object_get(dynamic, "sources")) {
            dynamic = json_pack("{s:s,s:[O]}", "source", "multi", "sources", dynamic);
            json_object_set_new(proxy, "dynamic_upstreams", dynamic);
        }
        json_array_append_new(json_object_get(dynamic, "sources"), upstreams(name, service));
        return true;
    }
    return false;
}

/* Longer paths before shorter ones: the first route that fits counts. */
static void insert_route(json_t *routes, json_t *r_take, size_t path_len)
{
    size_t i = 0;
    for (; i < json_array_size(routes); i++) {
        const json_t *match =
            json_array_get(json_object_get(json_array_get(routes, i), "match"), 0);
        const char *path = json_string_value(json_array_get(json_object_get(match, "path"), 0));
        if (strlen(str_or(path, "")) < path_len) {
            break;
        }
    }
    json_array_insert_new(routes, i, r_take);
}

static void add_service(const struct project *p, const char *name, const struct node *service,
                        json_t *servers, json_t *tls)
{
    const struct node *list = published_of(p->arena, service);
    for (size_t i = 0; list && i < list->count; i++) {
        struct published at;
        if (published_parse(p->arena, list->items[i], &at, NULL) < 0) {
            continue; /* balancer_add() has refused it */
        }
        json_t *server = server_at(servers, at.port, at.tls);
        json_t *routes = json_object_get(server, "routes");
        CLEANUP(json) json_t *new = route(&at, name, service);
        if (!share_route(routes, new, name, service)) {
            insert_route(routes, json_incref(new), strlen(at.path));
        }
        if (at.tls) {
            add_certificates(tls, name, service, &at);
        }
    }
}

static void add_redirects(const struct project *p, const struct node *service, json_t *servers)
{
    const struct node *list = published_of(p->arena, service);
    for (size_t i = 0; list && i < list->count; i++) {
        struct published at;
        if (published_parse(p->arena, list->items[i], &at, NULL) == 0 && at.tls && at.port == 443) {
            add_redirect(servers, &at);
        }
    }
}

json_t *balancer_config(const struct project *p)
{
    const struct node *services = node_get(p->model, "services");
    json_t *servers = json_object();
    json_t *tls =
        json_pack("{s:{s:[]},s:{s:[]}}", "certificates", "load_files", "automation", "policies");
    for (size_t i = 0; i < services->count; i++) {
        add_service(p, services->entries[i].key, services->entries[i].value, servers, tls);
    }
    for (size_t i = 0; i < services->count; i++) {
        add_redirects(p, services->entries[i].value, servers);
    }
    return json_pack("{s:{s:s,s:{s:b}},s:{s:{s:o,s:s},s:o,s:{s:{s:{s:b}}}}}", "admin", "listen",
                     "unix/" BALANCE_FOLDER "/admin.sock", "config", "persist", 0, "apps", "http",
                     "servers", servers, "grace_period", "1h", "tls", tls, "pki",
                     "certificate_authorities", "local", "install_trust", 0);
}
