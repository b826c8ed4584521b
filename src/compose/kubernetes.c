// SPDX-License-Identifier: Apache-2.0
#include "compose/kubernetes.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "compose/balancer.h"

#define HELD_BYTES_MAX (1u << 20)
#define VOLUME_SIZE "1Gi" /* a Compose file says none */

static json_t *object(const char *version, const char *kind, const struct project *p,
                      const char *name)
{
    CLEANUP(free) char *fitting = kubernetes_name(name);
    return json_pack("{s:s,s:s,s:{s:s,s:{s:s}}}", "apiVersion", version, "kind", kind, "metadata",
                     "name", fitting, "labels", "app.kubernetes.io/part-of", p->name);
}

static json_t *deployment(const struct project *p, const char *name, const struct node *service)
{
    json_t *d = object("apps/v1", "Deployment", p, name);
    json_t *pod = kubernetes_pod(p, name, service);
    json_t *labels = json_object_get(json_object_get(pod, "metadata"), "labels");
    json_t *spec = json_pack(
        "{s:i,s:{s:O},s:o}", "replicas",
        (int)node_int(service, "scale", node_int(node_get(service, "deploy"), "replicas", 1)),
        "selector", "matchLabels", labels, "template", pod);
    json_object_set_new(d, "spec", spec);
    return d;
}

static void add_port(json_t *ports, int port, int target, const char *protocol)
{
    CLEANUP(free) char *upper = xstrdup(protocol);
    for (char *c = upper; *c; c++) {
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
    CLEANUP(free) char *name = str_format("%s-%d", protocol, port);
    json_t *there;
    size_t i;
    json_array_foreach(ports, i, there)
    {
        if (str_equal(json_string_value(json_object_get(there, "name")), name)) {
            return; /* of "ports" and of "expose" */
        }
    }
    json_array_append_new(ports, json_pack("{s:s,s:i,s:i,s:s}", "name", name, "port", port,
                                           "targetPort", target, "protocol", upper));
}

/* What the others reach it by: its ports, what it exposes, where the balancer would go. */
static json_t *service_ports(const struct node *service)
{
    const struct node *ports = node_get(service, "ports"), *expose = node_get(service, "expose");
    json_t *list = json_array();
    for (size_t i = 0; ports && i < ports->count; i++) {
        int64_t target = node_int(ports->items[i], "target", 0);
        add_port(list, (int)target, (int)target,
                 str_or(node_text(ports->items[i], "protocol"), "tcp"));
    }
    for (size_t i = 0; expose && i < expose->count; i++) {
        int64_t port = 0;
        if (str_to_i64(expose->items[i]->text, 10, &port) == 0) {
            add_port(list, (int)port, (int)port, "tcp");
        }
    }
    if (json_array_size(list) == 0 && balancer_serves(service)) {
        add_port(list, balancer_target_port(service), balancer_target_port(service), "tcp");
    }
    return list;
}

static void add_service(const struct project *p, const char *name, const struct node *service,
                        json_t *all)
{
    json_t *ports = service_ports(service);
    CLEANUP(free) char *fitting = kubernetes_name(name);
    if (json_array_size(ports) == 0) {
        json_decref(ports);
        return;
    }
    json_t *s = object("v1", "Service", p, name);
    json_object_set_new(s, "spec",
                        json_pack("{s:{s:s,s:s},s:o}", "selector", "app.kubernetes.io/part-of",
                                  p->name, "app.kubernetes.io/name", fitting, "ports", ports));
    json_array_append_new(all, s);
}

static int add_ingress(const struct project *p, const char *name, const struct node *service,
                       json_t *all, struct error **err)
{
    const struct node *list = published_of(p->arena, service);
    CLEANUP(free) char *fitting = kubernetes_name(name);
    json_t *rules = json_array(), *tls = json_array();
    int r = 0;
    for (size_t i = 0; list && i < list->count && r == 0; i++) {
        struct published at;
        r = published_parse(p->arena, list->items[i], &at, err);
        if (r < 0) {
            break;
        }
        json_array_append_new(rules,
                              json_pack("{s:s,s:{s:[{s:s,s:s,s:{s:{s:s,s:{s:i}}}}]}}", "host",
                                        at.host, "http", "paths", "path", *at.path ? at.path : "/",
                                        "pathType", "Prefix", "backend", "service", "name", fitting,
                                        "port", "number", balancer_target_port(service)));
        if (at.tls) {
            json_array_append_new(tls, json_pack("{s:[s],s:o}", "hosts", at.host, "secretName",
                                                 json_sprintf("%s-tls", fitting)));
        }
    }
    json_t *ingress = object("networking.k8s.io/v1", "Ingress", p, name);
    json_object_set_new(ingress, "spec", json_pack("{s:o,s:o}", "rules", rules, "tls", tls));
    if (r == 0 && json_array_size(rules) > 0) {
        json_array_append(all, ingress);
    }
    json_decref(ingress);
    return r;
}

static void add_claims(const struct project *p, json_t *all)
{
    const struct node *volumes = node_get(p->model, "volumes");
    for (size_t i = 0; volumes && i < volumes->count; i++) {
        json_t *claim =
            object("v1", "PersistentVolumeClaim", p, node_text(volumes->entries[i].value, "name"));
        json_object_set_new(claim, "spec",
                            json_pack("{s:[s],s:{s:{s:s}}}", "accessModes", "ReadWriteOnce",
                                      "resources", "requests", "storage", VOLUME_SIZE));
        json_array_append_new(all, claim);
    }
}

static int content_of(const struct project *p, const struct node *defined, char **ret,
                      struct error **err)
{
    const char *file = node_text(defined, "file"), *variable = node_text(defined, "environment");
    const char *text = node_text(defined, "content");
    if (file) {
        return file_read(AT_FDCWD, file, HELD_BYTES_MAX, ret, NULL, err);
    }
    text = variable ? environment_lookup((void *)&p->environment, variable) : text;
    if (!text) {
        return node_error(defined, err, "the variable '%s' is not set", str_or(variable, ""));
    }
    *ret = xstrdup(text);
    return 0;
}

static int add_held(const struct project *p, const char *section, json_t *all, struct error **err)
{
    const struct node *defined = node_get(p->model, section);
    bool secret = str_equal(section, "secrets");
    for (size_t i = 0; defined && i < defined->count; i++) {
        const struct node_entry *e = &defined->entries[i];
        CLEANUP(free) char *content = NULL;
        int r = content_of(p, e->value, &content, err);
        if (r < 0) {
            return r;
        }
        json_t *text = json_string(content);
        if (!text) {
            return node_error(e->value, err, "%s.%s is no text: it cannot be put into a manifest",
                              section, e->key);
        }
        json_t *o = object("v1", secret ? "Secret" : "ConfigMap", p, node_text(e->value, "name"));
        json_object_set_new(o, secret ? "stringData" : "data", json_pack("{s:o}", e->key, text));
        json_array_append_new(all, o);
    }
    return 0;
}

int kubernetes_manifests(const struct project *p, json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *all = json_array();
    const struct node *services = node_get(p->model, "services");
    int r = add_held(p, "configs", all, err);
    if (r == 0) {
        r = add_held(p, "secrets", all, err);
    }
    add_claims(p, all);
    for (size_t i = 0; i < services->count && r == 0; i++) {
        const struct node_entry *e = &services->entries[i];
        json_array_append_new(all, deployment(p, e->key, e->value));
        add_service(p, e->key, e->value, all);
        r = add_ingress(p, e->key, e->value, all, err);
    }
    if (r == 0) {
        *ret = take_ptr(all);
    }
    return r;
}
