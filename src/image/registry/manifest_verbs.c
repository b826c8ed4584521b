// SPDX-License-Identifier: Apache-2.0
/* manifest create, annotate, push, rm: an image for several platforms, put together from
 * images that a registry has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/registry/manifest_member.h"
#include "image/registry/remote.h"
#include "image/store/verbs.h"

/* REGISTRY_INSECURE for a request with "insecure". */
static int read_flags(const json_t *json, unsigned *ret, struct error **err)
{
    bool insecure = false;
    int r = json_get_bool(json, "insecure", "request", &insecure, err);
    *ret = insecure ? REGISTRY_INSECURE : 0;
    return r;
}

static int parse_member(const json_t *json, const char *key, struct reference *ret,
                        struct error **err)
{
    const char *text = "";
    int r = json_get_str(json, key, "request", &text, err);
    return r < 0 ? r : reference_parse(text, ret, err);
}

struct addition {
    const struct reference *reference;
    struct manifest_list *list;
};

static int add_member(void *context, struct registry *r, struct error **err)
{
    struct addition *a = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    return manifest_member_add(r, h, a->reference, a->list, err);
}

static int add_members(const struct verb_request *request, struct manifest_list *l,
                       const struct strv *members, struct error **err)
{
    unsigned flags = 0;
    int r = read_flags(request->json, &flags, err);
    for (size_t i = 0; i < members->count && r >= 0; i++) {
        CLEANUP(reference) struct reference ref = {0};
        struct addition a = {&ref, l};
        r = reference_parse(members->items[i], &ref, err);
        if (r >= 0) {
            r = registry_at_each(request->config_path, ref.registry, ref.repository, flags,
                                 add_member, &a, err);
        }
        if (r < 0) {
            return error_wrap(err, r, "adding '%s'", members->items[i]);
        }
    }
    return r;
}

int verb_manifest_create(const struct verb_request *request, struct error **err)
{
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(manifest_list) struct manifest_list l = {.lock = -1};
    CLEANUP(strv) struct strv members = {0};
    bool amend = false;
    int r;
    if ((r = parse_member(request->json, "list", &name, err)) < 0 ||
        (r = json_get_strv(request->json, "members", "request", &members, err)) < 0 ||
        (r = json_get_bool(request->json, "amend", "request", &amend, err)) < 0 ||
        (r = manifest_list_open(request->data_dir, &name, &l, err)) < 0) {
        return r;
    }
    if (l.json && !amend) {
        r = error_set(err, ERROR_EXISTS, 0, "there is a manifest list '%s' already", l.name);
        return error_hint(err, r, "add to it with --amend");
    }
    if ((r = add_members(request, &l, &members, err)) < 0 ||
        (r = manifest_list_save(&l, err)) < 0) {
        return r;
    }
    printf("Created manifest list %s\n", l.name);
    return 0;
}

/* Sets what the request has of a platform. */
static int annotate(const json_t *request, json_t *entry, struct error **err)
{
    static const char *const keys[][2] = {{"os", "os"},
                                          {"arch", "architecture"},
                                          {"variant", "variant"},
                                          {"osVersion", "os.version"}};
    CLEANUP(strv) struct strv features = {0};
    if (!json_is_object(json_object_get(entry, "platform"))) {
        json_object_set_new(entry, "platform", json_object());
    }
    json_t *platform = json_object_get(entry, "platform");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = NULL;
        int r = json_get_str(request, keys[i][0], "request", &value, err);
        if (r < 0) {
            return r;
        }
        if (value) {
            json_object_set_new(platform, keys[i][1], json_string(value));
        }
    }
    int r = json_get_strv(request, "osFeatures", "request", &features, err);
    if (r >= 0 && features.count) {
        json_object_set_new(platform, "os.features", json_from_strv(&features));
    }
    return r < 0 ? r : 0;
}

int verb_manifest_annotate(const struct verb_request *request, struct error **err)
{
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(reference) struct reference member = {0};
    CLEANUP(manifest_list) struct manifest_list l = {.lock = -1};
    int r;
    if ((r = parse_member(request->json, "list", &name, err)) < 0 ||
        (r = parse_member(request->json, "member", &member, err)) < 0 ||
        (r = manifest_list_open_existing(request->data_dir, &name, &l, err)) < 0) {
        return r;
    }
    json_t *entry = manifest_list_find(&l, &member);
    if (!entry) {
        CLEANUP(free) char *full = reference_full(&member);
        return error_set(err, ERROR_NOT_FOUND, 0, "'%s' is not in the manifest list '%s'", full,
                         l.name);
    }
    r = annotate(request->json, entry, err);
    return r < 0 ? r : manifest_list_save(&l, err);
}

struct list_push {
    const struct manifest_list *list;
    const struct reference *name;
};

static int push_list(void *context, struct registry *r, struct error **err)
{
    const struct list_push *p = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    const char *type = NULL;
    CLEANUP(json) json_t *index = manifest_list_index(p->list, &type);
    CLEANUP(free) char *text = json_dumps(index, JSON_COMPACT);
    char digest[DIGEST_TEXT_BYTES];
    json_t *member;
    size_t i;
    json_array_foreach(json_object_get(p->list->json, "manifests"), i, member)
    {
        int e = manifest_member_copy(r, h, member, err);
        if (e < 0) {
            return e;
        }
    }
    digest_of(text, strlen(text), digest);
    int e = remote_put_manifest(r, h, p->name->tag, type, text, strlen(text), err);
    if (e >= 0) {
        printf("%s\n", digest);
    }
    return e;
}

int verb_manifest_push(const struct verb_request *request, struct error **err)
{
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(manifest_list) struct manifest_list l = {.lock = -1};
    bool purge = false;
    unsigned flags = 0;
    int r;
    if ((r = parse_member(request->json, "list", &name, err)) < 0 ||
        (r = json_get_bool(request->json, "purge", "request", &purge, err)) < 0 ||
        (r = read_flags(request->json, &flags, err)) < 0 ||
        (r = manifest_list_open_existing(request->data_dir, &name, &l, err)) < 0) {
        return r;
    }
    struct list_push p = {&l, &name};
    r = registry_at_each(request->config_path, name.registry, name.repository, flags, push_list, &p,
                         err);
    if (r < 0) {
        return error_wrap(err, r, "pushing '%s'", l.name);
    }
    return purge ? manifest_list_remove(&l, err) : 0;
}

int verb_manifest_rm(const struct verb_request *request, struct error **err)
{
    CLEANUP(strv) struct strv lists = {0};
    int r = json_get_strv(request->json, "lists", "request", &lists, err);
    for (size_t i = 0; i < lists.count && r >= 0; i++) {
        CLEANUP(reference) struct reference name = {0};
        CLEANUP(manifest_list) struct manifest_list l = {.lock = -1};
        if ((r = reference_parse(lists.items[i], &name, err)) >= 0 &&
            (r = manifest_list_open_existing(request->data_dir, &name, &l, err)) >= 0) {
            r = manifest_list_remove(&l, err);
        }
    }
    return r < 0 ? r : 0;
}
