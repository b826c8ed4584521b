// SPDX-License-Identifier: Apache-2.0
#include "image/store/add.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "image/layout.h"
#include "image/name_index.h"
#include "image/platform.h"

static json_t *descriptor(const char *type, const char *digest, int64_t size)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size",
                     (json_int_t)size);
}

static char *make_manifest(const struct image_draft *d, const char *config_digest)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < d->layer_count; i++) {
        const struct layer *l = &d->layers[i];
        json_array_append_new(layers, descriptor(l->media_type, l->digest, l->blob_size));
    }
    CLEANUP(json)
    json_t *manifest = json_pack(
        "{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", MEDIA_MANIFEST, "config",
        descriptor(MEDIA_CONFIG, config_digest, (int64_t)d->config_len), "layers", layers);
    if (json_object_size(d->annotations)) {
        json_object_set(manifest, "annotations", (json_t *)d->annotations);
    }
    return json_dumps(manifest, JSON_COMPACT);
}

/* What the config says of its making; NULL when nothing valid. */
static char *config_created(const struct image_draft *d)
{
    CLEANUP(json) json_t *config = NULL;
    const char *created = NULL;
    struct timespec t;
    if (json_parse(d->config, d->config_len, "config", &config, NULL) < 0 ||
        json_get_str(config, "created", "config", &created, NULL) <= 0 ||
        time_parse(created, &t) < 0) {
        return NULL;
    }
    return xstrdup(created);
}

static json_t *id_json(const struct image_draft *d, const char *config_digest,
                       const char *manifest_digest, const char *created)
{
    json_t *chain = json_array();
    int64_t size = 0;
    for (size_t i = 0; i < d->layer_count; i++) {
        json_array_append_new(chain, json_string(digest_hex(d->layers[i].chain_id)));
        size += d->layers[i].size;
    }
    char text[TIME_TEXT_BYTES];
    time_now_text(text);
    return json_pack("{s:s, s:s, s:o, s:I, s:s?, s:s, s:b}", "config", config_digest, "manifest",
                     manifest_digest, "layers", chain, "size", (json_int_t)size, "created", created,
                     "addedAt", text, "local", d->manifest == NULL);
}

/* An image that came with a manifest keeps it when the same is made again here. */
static bool has_manifest_of_its_own(struct store *s, const char *hex)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    const char *manifest = NULL;
    bool local = true;
    return json_load_path(s->fd, path, MANIFEST_BYTES_MAX, &json, NULL) >= 0 &&
           json_get_bool(json, "local", path, &local, NULL) >= 0 && !local &&
           json_get_str(json, "manifest", path, &manifest, NULL) > 0 && digest_is_valid(manifest) &&
           blob_exists(s, manifest, NULL);
}

/* Whether the file says the same already, but for when the image was added. */
static bool is_written(struct store *s, const char *path, const json_t *json)
{
    CLEANUP(json) json_t *there = NULL;
    if (json_load_path(s->fd, path, MANIFEST_BYTES_MAX, &there, NULL) < 0) {
        return false;
    }
    json_object_set(there, "addedAt", json_object_get(json, "addedAt"));
    return json_equal(there, json);
}

/* 1: written, 0: it was there. */
static int write_id(struct store *s, const struct image_draft *d, const char *config_digest,
                    struct error **err)
{
    if (!d->manifest && has_manifest_of_its_own(s, digest_hex(config_digest))) {
        return 0;
    }
    char manifest_digest[DIGEST_TEXT_BYTES];
    CLEANUP(free) char *made = d->manifest ? NULL : make_manifest(d, config_digest);
    const char *manifest = d->manifest ? d->manifest : made;
    int r =
        blob_add(s, manifest, d->manifest ? d->manifest_len : strlen(made), manifest_digest, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *created = config_created(d);
    CLEANUP(json) json_t *json = id_json(d, config_digest, manifest_digest, created);
    CLEANUP(free) char *path = layout_id(digest_hex(config_digest));
    if (is_written(s, path, json)) {
        return 0;
    }
    r = json_save_path(s->fd, path, json, 0600, false, err);
    return r < 0 ? r : 1;
}

static int make_name_folder(struct store *s, const char *path, struct error **err)
{
    CLEANUP(free) char *whole = str_format("%s/%s", s->path, path);
    *strrchr(whole, '/') = '\0';
    return mkdir_all(whole, 0700, err);
}

/* Another process may remove the folder that it finds empty: then it is made again. */
static int put_link(struct store *s, const char *tmp, const char *path, struct error **err)
{
    for (int tries = 0;; tries++) {
        int r = make_name_folder(s, path, err);
        if (r < 0) {
            return r;
        }
        if (renameat(s->fd, tmp, s->fd, path) == 0) {
            return 0;
        }
        if (errno != ENOENT || tries == 100) {
            return error_set_errno(err, ERROR_KERNEL, errno, "writing the name '%s'", path);
        }
    }
}

/* 1: written, 0: it was there. */
static int write_name(struct store *s, const struct reference *r, const char *id,
                      struct error **err)
{
    CLEANUP(free) char *path = layout_name(r);
    CLEANUP(free) char *target = layout_name_target(path, digest_hex(id));
    CLEANUP(free) char *tmp = store_tmp_path(s, "name");
    CLEANUP(free) char *index = name_index_path(r);
    char there[1024];
    if (index) {
        (void)unlinkat(s->fd, index, 0); /* the name stands for this image alone now */
    }
    ssize_t n = readlinkat(s->fd, path, there, sizeof(there) - 1);
    there[n < 0 ? 0 : n] = '\0';
    if (str_equal(there, target)) {
        return 0;
    }
    if (symlinkat(target, s->fd, tmp) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making the name '%s'", path);
    }
    s->names_changed = true;
    int e = put_link(s, tmp, path, err);
    return e < 0 ? e : 1;
}

/* Under the lock of names: an image is removed with all its names or not at all. 1: something is
 * new. */
static int write_id_and_names(struct store *s, const struct image_draft *d,
                              const char *config_digest, struct error **err)
{
    CLEANUP(fd) int lock = store_lock_names(s, err);
    int r = lock < 0 ? lock : write_id(s, d, config_digest, err);
    int new = r;
    for (size_t i = 0; i < d->name_count && r >= 0; i++) {
        r = write_name(s, &d->names[i], config_digest, err);
        new |= r;
    }
    return r < 0 ? r : new;
}

int image_add(struct store *s, const struct image_draft *d, char **ret_id, struct error **err)
{
    char digest[DIGEST_TEXT_BYTES];
    int r = layers_commit(s, d->layers, d->layer_count, err);
    if (r >= 0) {
        r = blob_add(s, d->config, d->config_len, digest, err);
    }
    if (r >= 0) {
        r = write_id_and_names(s, d, digest, err);
    }
    if (r > 0) { /* the layers are on the disk by now: this is short */
        r = store_sync(s, err);
    }
    if (r >= 0) {
        *ret_id = xstrdup(digest);
    }
    return r;
}

int name_set(struct store *s, const struct reference *r, const char *id, struct error **err)
{
    CLEANUP(fd) int lock = store_lock_names(s, err);
    CLEANUP(free) char *file = layout_id(digest_hex(id));
    if (lock < 0) {
        return lock;
    }
    if (faccessat(s->fd, file, F_OK, 0) < 0) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no such image: '%.19s', it was removed just now",
                         id);
    }
    int e = write_name(s, r, id, err);
    return e < 0 ? e : 0;
}

int name_set_index(struct store *s, const struct reference *r, const char *id, const char *digest,
                   json_t *members, struct error **err)
{
    CLEANUP(fd) int lock = store_lock_names(s, err);
    CLEANUP(free) char *path = name_index_path(r);
    CLEANUP(json)
    json_t *json =
        json_pack("{s:s, s:s, s:O}", "index", digest, "image", digest_hex(id), "members", members);
    int e = lock < 0 ? lock : write_name(s, r, id, err);
    e = e < 0 ? e : json_save_path(s->fd, path, json, 0600, false, err);
    return e < 0 ? e : store_sync(s, err);
}

int name_remove(struct store *s, const struct reference *r, struct error **err)
{
    CLEANUP(free) char *path = layout_name(r);
    CLEANUP(free) char *index = name_index_path(r);
    if (index) {
        (void)unlinkat(s->fd, index, 0); /* most have none */
    }
    if (unlinkat(s->fd, path, 0) < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_set_errno(err, ERROR_KERNEL, errno, "removing the name '%s'", path);
    }
    s->names_changed = true;
    char *slash = strrchr(path, '/');
    while (slash && slash > path + strlen("names")) {
        *slash = '\0';
        if (unlinkat(s->fd, path, AT_REMOVEDIR) < 0) {
            break; /* others are in it */
        }
        slash = strrchr(path, '/');
    }
    return 1;
}

json_t *image_config_new(json_t *config, const struct layer *layers, size_t count,
                         const char *created, const char *created_by, const char *comment)
{
    struct platform host;
    platform_host(&host);
    char now_text[TIME_TEXT_BYTES];
    if (!created) {
        time_now_text(now_text);
        created = now_text;
    }
    json_t *diff_ids = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(diff_ids, json_string(layers[i].diff_id));
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:o}, s:[{s:s, s:s?, s:s?}]}", "created",
                             created, "architecture", host.architecture, "os", host.os, "config",
                             config, "rootfs", "type", "layers", "diff_ids", diff_ids, "history",
                             "created", created, "created_by", created_by, "comment", comment);
    if (host.variant[0]) {
        json_object_set_new(json, "variant", json_string(host.variant));
    }
    return json;
}
