// SPDX-License-Identifier: Apache-2.0
/* A service's volumes, tmpfs, devices, configs and secrets, as `run` takes them. */
#include <string.h>

#include "compose/held.h"
#include "compose/translate.h"

/* "-v SOURCE:TARGET[:OPTIONS]" makes a missing folder, as Compose's create_host_path does. */
static void add_bind(struct translation *t, const struct node *v)
{
    const struct node *bind = node_get(v, "bind");
    const struct node *create = node_get(bind, "create_host_path");
    const char *propagation = node_text(bind, "propagation");
    const char *selinux = node_text(bind, "selinux");
    const char *source = node_text(v, "source"), *target = node_text(v, "target");
    bool read_only = node_true(v, "read_only");
    if (create && !create->boolean) {
        strv_addf(&t->request.mounts, "type=bind,source=%s,target=%s%s%s%s", source, target,
                  read_only ? ",readonly" : "", propagation ? ",bind-propagation=" : "",
                  str_or(propagation, ""));
        return;
    }
    strv_addf(&t->request.volumes, "%s:%s%s%s%s%s%s", source, target, read_only ? ":ro" : ":rw",
              propagation ? "," : "", str_or(propagation, ""), selinux ? "," : "",
              str_or(selinux, ""));
}

static int add_named(struct translation *t, const struct project *p, const struct node *v,
                     struct error **err)
{
    const char *source = node_text(v, "source"), *target = node_text(v, "target");
    const struct node *options = node_get(v, "volume");
    if (node_get(options, "subpath")) {
        return node_error(v, err, "volumes: 'subpath' of a volume is not supported");
    }
    if (!source) {
        strv_add(&t->request.volumes, target);
        return 0;
    }
    strv_addf(&t->request.volumes, "%s:%s%s%s",
              node_text(node_at(p->model, "volumes", source, NULL), "name"), target,
              node_true(v, "read_only") ? ":ro" : ":rw",
              node_true(options, "nocopy") ? ",nocopy" : "");
    return 0;
}

static void add_tmpfs(struct translation *t, const struct node *v)
{
    const struct node *options = node_get(v, "tmpfs");
    const char *size = node_text(options, "size");
    const struct node *mode = node_get(options, "mode");
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_addf(&b, "type=tmpfs,target=%s", node_text(v, "target"));
    if (size) {
        strbuf_addf(&b, ",tmpfs-size=%s", size);
    }
    if (mode) {
        strbuf_addf(&b, ",tmpfs-mode=%llo", (unsigned long long)mode->integer);
    }
    strv_add(&t->request.mounts, b.data);
}

static int add_volume(struct translation *t, const struct project *p, const struct node *v,
                      struct error **err)
{
    const char *type = node_text(v, "type");
    const char *subpath = node_text(node_get(v, "image"), "subpath");
    if (str_equal(type, "bind")) {
        add_bind(t, v);
    } else if (str_equal(type, "tmpfs")) {
        add_tmpfs(t, v);
    } else if (str_equal(type, "image")) {
        strv_addf(&t->request.mounts, "type=image,source=%s,target=%s%s%s", node_text(v, "source"),
                  node_text(v, "target"), subpath ? ",image-subpath=" : "", str_or(subpath, ""));
    } else {
        return add_named(t, p, v, err);
    }
    return 0;
}

static void add_held(struct translation *t, const struct project *p, const char *name,
                     const struct engine *e, const char *section)
{
    const struct node *uses = node_at(p->model, "services", name, section, NULL);
    for (size_t i = 0; uses && i < uses->count; i++) {
        CLEANUP(free)
        char *path = held_path(e, p, section, name, node_text(uses->items[i], "source"));
        CLEANUP(free) char *target = held_target(section, uses->items[i]);
        strv_addf(&t->request.mounts, "type=bind,source=%s,target=%s,readonly", path, target);
    }
}

static void add_volumes_from(struct translation *t, const struct project *p,
                             const struct node *service)
{
    const struct node *list = node_get(service, "volumes_from");
    for (size_t i = 0; list && i < list->count; i++) {
        const char *text = list->items[i]->text;
        if (str_starts(text, "container:")) {
            strv_add(&t->request.volumes_from, text + strlen("container:"));
            continue;
        }
        size_t n = strcspn(text, ":");
        CLEANUP(free) char *other = xstrndup(text, n);
        CLEANUP(free) char *container = member_name(p, other, 1);
        strv_addf(&t->request.volumes_from, "%s%s", container, text + n);
    }
}

int translate_mounts(struct translation *t, const struct project *p, const char *name,
                     const struct engine *e, struct error **err)
{
    const struct node *service = node_at(p->model, "services", name, NULL);
    const struct node *volumes = node_get(service, "volumes");
    const struct node *devices = node_get(service, "devices");
    for (size_t i = 0; volumes && i < volumes->count; i++) {
        int r = add_volume(t, p, volumes->items[i], err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; devices && i < devices->count; i++) {
        const struct node *d = devices->items[i];
        const char *source = str_or(node_text(d, "source"), "");
        strv_addf(&t->request.devices, "%s:%s:%s", source, str_or(node_text(d, "target"), source),
                  str_or(node_text(d, "permissions"), "rwm"));
    }
    translate_list(&t->request.tmpfs, node_get(service, "tmpfs"));
    add_volumes_from(t, p, service);
    add_held(t, p, name, e, "configs");
    add_held(t, p, name, e, "secrets");
    return 0;
}
