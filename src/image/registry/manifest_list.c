// SPDX-License-Identifier: Apache-2.0
#include "image/registry/manifest_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image/store/add.h"
#include "image/store/digest.h"

#define LIST_BYTES_MAX ((size_t)4 << 20)

int manifest_list_open(const char *data_dir, const struct reference *name,
                       struct manifest_list *ret, struct error **err)
{
    CLEANUP(manifest_list) struct manifest_list l = {.lock = -1, .name = reference_full(name)};
    CLEANUP(free) char *folder = str_format("%s/manifests", data_dir);
    CLEANUP(free) char *lock = str_format("%s/lock", folder);
    CLEANUP(error) struct error *why = NULL;
    char digest[DIGEST_TEXT_BYTES];
    *ret = (struct manifest_list){.lock = -1};
    digest_of(l.name, strlen(l.name), digest);
    l.path = str_format("%s/%s.json", folder, digest_hex(digest));
    int r = mkdir_all(folder, 0700, err);
    if (r < 0 || (r = l.lock = lock_file(AT_FDCWD, lock, LOCK_EXCLUSIVE, true, err)) < 0) {
        return r;
    }
    r = json_load_path(AT_FDCWD, l.path, LIST_BYTES_MAX, &l.json, &why);
    if (r < 0 && r != -ENOENT) {
        return error_move(err, &why, r);
    }
    *ret = l;
    l = (struct manifest_list){.lock = -1};
    return 0;
}

int manifest_list_open_existing(const char *data_dir, const struct reference *name,
                                struct manifest_list *ret, struct error **err)
{
    int r = manifest_list_open(data_dir, name, ret, err);
    if (r < 0 || ret->json) {
        return r;
    }
    r = error_set(err, ERROR_NOT_FOUND, 0, "no such manifest list: '%s'", ret->name);
    return error_hint(err, r, "'manifest create' makes one");
}

int manifest_list_save(const struct manifest_list *l, struct error **err)
{
    return json_save_path(AT_FDCWD, l->path, l->json, 0600, true, err);
}

int manifest_list_remove(const struct manifest_list *l, struct error **err)
{
    return unlink(l->path) < 0 ? error_set_errno(err, ERROR_KERNEL, errno,
                                                 "removing the manifest list '%s'", l->name)
                               : 0;
}

void manifest_list_done(struct manifest_list *l)
{
    free(l->path);
    free(l->name);
    json_decref(l->json);
    fd_close(l->lock);
    *l = (struct manifest_list){.lock = -1};
}

static json_t *members(const struct manifest_list *l)
{
    return json_object_get(l->json, "manifests");
}

static const char *digest_in(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "digest"));
}

void manifest_list_add(struct manifest_list *l, const char *reference, json_t *descriptor)
{
    if (!l->json) {
        l->json = json_pack("{s:s, s:[]}", "name", l->name, "manifests");
    }
    json_object_set_new(descriptor, "reference", json_string(reference));
    json_t *list = members(l), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        if (str_equal(digest_in(entry), digest_in(descriptor))) {
            json_array_set_new(list, i, descriptor);
            return;
        }
    }
    json_array_append_new(list, descriptor);
}

json_t *manifest_list_find(const struct manifest_list *l, const struct reference *member)
{
    CLEANUP(free) char *full = reference_full(member);
    json_t *entry;
    size_t i;
    json_array_foreach(members(l), i, entry)
    {
        const char *reference = json_string_value(json_object_get(entry, "reference"));
        if (str_equal(reference, full) ||
            (member->digest && str_equal(digest_in(entry), member->digest))) {
            return entry;
        }
    }
    return NULL;
}

json_t *manifest_list_index(const struct manifest_list *l, const char **ret_type)
{
    json_t *list = json_array(), *entry;
    bool docker = json_array_size(members(l)) > 0;
    size_t i;
    json_array_foreach(members(l), i, entry)
    {
        json_t *copy = json_copy(entry);
        json_object_del(copy, "reference");
        json_array_append_new(list, copy);
        const char *type = json_string_value(json_object_get(entry, "mediaType"));
        docker = docker && str_equal(type, MEDIA_DOCKER_MANIFEST);
    }
    *ret_type = docker ? MEDIA_DOCKER_LIST : MEDIA_INDEX;
    return json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", *ret_type, "manifests",
                     list);
}
