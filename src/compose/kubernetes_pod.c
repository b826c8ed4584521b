// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <string.h>

#include "base/options.h"
#include "compose/held.h"
#include "compose/kubernetes.h"
#include "compose/translate.h"

char *kubernetes_name(const char *name)
{
    char *copy = xstrdup(name);
    for (char *c = copy; *c; c++) {
        *c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '-';
    }
    return copy;
}

static json_t *strings(const struct node *list)
{
    return list && list->count ? node_to_json(list) : NULL;
}

static void set(json_t *object, const char *key, json_t *value_take)
{
    if (value_take) {
        json_object_set_new(object, key, value_take);
    }
}

static json_t *environment(const struct node *service)
{
    const struct node *pairs = node_get(service, "environment");
    json_t *list = json_array();
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        if (pairs->entries[i].value->kind != NODE_NULL) {
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", pairs->entries[i].key,
                                                  "value", pairs->entries[i].value->text));
        }
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

static void set_quantity(json_t *object, const struct node *from, const char *key)
{
    const char *text = node_text(from, key);
    if (text) {
        json_object_set_new(object, str_equal(key, "cpus") ? "cpu" : key, json_string(text));
    }
}

static json_t *resources(const struct node *service)
{
    const struct node *all = node_at(service, "deploy", "resources", NULL);
    const struct node *limits = node_get(all, "limits"), *asked = node_get(all, "reservations");
    json_t *upper = json_object(), *lower = json_object();
    set_quantity(upper, service, "cpus");
    set_quantity(upper, limits, "cpus");
    set_quantity(upper, limits, "memory");
    if (node_get(service, "mem_limit") && !node_get(limits, "memory")) {
        json_object_set_new(upper, "memory", json_string(node_text(service, "mem_limit")));
    }
    set_quantity(lower, asked, "cpus");
    set_quantity(lower, asked, "memory");
    return json_pack("{s:o,s:o}", "limits", upper, "requests", lower);
}

static int seconds(const struct node *map, const char *key, int otherwise)
{
    int64_t ms = 0;
    const char *text = node_text(map, key);
    return text && option_parse_duration_ms(text, &ms) == 0 ? (int)((ms + 999) / 1000) : otherwise;
}

/* A health check is asked both ways: whether it may get requests, and whether it lives. */
static json_t *probe(const struct node *service)
{
    const struct node *health = node_get(service, "healthcheck");
    const struct node *test = node_get(health, "test");
    if (!test || test->count < 2 || node_true(health, "disable")) {
        return NULL;
    }
    json_t *command = json_array();
    if (str_equal(test->items[0]->text, "CMD-SHELL")) {
        json_array_append_new(command, json_string("/bin/sh"));
        json_array_append_new(command, json_string("-c"));
    }
    for (size_t i = 1; i < test->count; i++) {
        json_array_append_new(command, json_string(test->items[i]->text));
    }
    return json_pack("{s:{s:o},s:i,s:i,s:i,s:i}", "exec", "command", command, "periodSeconds",
                     seconds(health, "interval", 30), "timeoutSeconds",
                     seconds(health, "timeout", 30), "failureThreshold",
                     (int)node_int(health, "retries", 3), "initialDelaySeconds",
                     seconds(health, "start_period", 0));
}

static json_t *security(const struct node *service)
{
    json_t *context = json_object();
    json_t *add = strings(node_get(service, "cap_add")),
           *drop = strings(node_get(service, "cap_drop"));
    int64_t uid = 0;
    const char *user = node_text(service, "user");
    if (node_true(service, "privileged")) {
        json_object_set_new(context, "privileged", json_true());
    }
    if (node_true(service, "read_only")) {
        json_object_set_new(context, "readOnlyRootFilesystem", json_true());
    }
    if (user && str_to_i64(user, 10, &uid) == 0) {
        json_object_set_new(context, "runAsUser", json_integer(uid));
    }
    if (add || drop) {
        json_t *capabilities = json_object();
        set(capabilities, "add", add);
        set(capabilities, "drop", drop);
        json_object_set_new(context, "capabilities", capabilities);
    }
    if (json_object_size(context) == 0) {
        json_decref(context);
        context = NULL;
    }
    return context;
}

static void add_mount(json_t *mounts, json_t *volumes, const char *target, bool read_only,
                      const char *file, json_t *volume_take)
{
    char *name = str_format("v%zu", json_array_size(volumes));
    json_t *mount = json_pack("{s:s,s:s}", "name", name, "mountPath", target);
    if (read_only) {
        json_object_set_new(mount, "readOnly", json_true());
    }
    if (file) {
        json_object_set_new(mount, "subPath", json_string(file));
    }
    json_array_append_new(mounts, mount);
    json_object_set_new(volume_take, "name", json_string(name));
    json_array_append_new(volumes, volume_take);
    free(name);
}

static void add_volumes(const struct project *p, const struct node *service, json_t *mounts,
                        json_t *volumes)
{
    const struct node *list = node_get(service, "volumes");
    for (size_t i = 0; list && i < list->count; i++) {
        const struct node *v = list->items[i];
        const char *type = node_text(v, "type"), *source = node_text(v, "source");
        json_t *volume;
        if (str_equal(type, "bind")) {
            volume = json_pack("{s:{s:s}}", "hostPath", "path", source);
        } else if (str_equal(type, "volume") && source) {
            CLEANUP(free)
            char *claim =
                kubernetes_name(node_text(node_at(p->model, "volumes", source, NULL), "name"));
            volume = json_pack("{s:{s:s}}", "persistentVolumeClaim", "claimName", claim);
        } else {
            volume = json_pack("{s:{}}", "emptyDir");
        }
        add_mount(mounts, volumes, node_text(v, "target"), node_true(v, "read_only"), NULL, volume);
    }
}

static void add_held(const struct project *p, const struct node *service, const char *section,
                     json_t *mounts, json_t *volumes)
{
    const struct node *uses = node_get(service, section);
    bool secret = str_equal(section, "secrets");
    for (size_t i = 0; uses && i < uses->count; i++) {
        const char *source = node_text(uses->items[i], "source");
        CLEANUP(free)
        char *name = kubernetes_name(node_text(node_at(p->model, section, source, NULL), "name"));
        CLEANUP(free) char *target = held_target(section, uses->items[i]);
        json_t *volume = secret ? json_pack("{s:{s:s}}", "secret", "secretName", name)
                                : json_pack("{s:{s:s}}", "configMap", "name", name);
        add_mount(mounts, volumes, target, true, source, volume);
    }
}

json_t *kubernetes_pod(const struct project *p, const char *name, const struct node *service)
{
    json_t *mounts = json_array(), *volumes = json_array();
    CLEANUP(free) char *short_name = kubernetes_name(name);
    json_t *container =
        json_pack("{s:s,s:s}", "name", short_name, "image", service_image(p->arena, p, name));
    add_volumes(p, service, mounts, volumes);
    add_held(p, service, "configs", mounts, volumes);
    add_held(p, service, "secrets", mounts, volumes);
    set(container, "command", strings(node_get(service, "entrypoint")));
    set(container, "args", strings(node_get(service, "command")));
    set(container, "env", environment(service));
    set(container, "resources", resources(service));
    set(container, "readinessProbe", probe(service));
    set(container, "livenessProbe", probe(service));
    set(container, "securityContext", security(service));
    if (node_text(service, "working_dir")) {
        json_object_set_new(container, "workingDir",
                            json_string(node_text(service, "working_dir")));
    }
    json_object_set_new(container, "volumeMounts", mounts);
    json_t *spec =
        json_pack("{s:[o],s:o,s:i}", "containers", container, "volumes", volumes,
                  "terminationGracePeriodSeconds", seconds(service, "stop_grace_period", 10));
    if (str_equal(node_text(node_get(service, "x-cloison"), "wall"), "vm")) {
        json_object_set_new(spec, "runtimeClassName", json_string(RUNTIME_CLASS_VM));
    }
    return json_pack("{s:{s:{s:s,s:s}},s:o}", "metadata", "labels", "app.kubernetes.io/part-of",
                     p->name, "app.kubernetes.io/name", short_name, "spec", spec);
}
