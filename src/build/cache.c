// SPDX-License-Identifier: Apache-2.0
#include "build/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "image/build_cache.h"
#include "image/layout.h"

#define RECORD_BYTES_MAX 65536

static bool take_digest(const json_t *json, const char *key, char ret[DIGEST_TEXT_BYTES])
{
    const char *text = json_string_value(json_object_get(json, key));
    if (!text || (*text && !digest_is_valid(text))) {
        return false;
    }
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static bool take_text(const json_t *json, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(json, key));
    if (!text || strlen(text) >= size) {
        return false;
    }
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static bool take_size(const json_t *json, const char *key, int64_t *ret)
{
    return json_get_i64(json, key, "cache", 0, INT64_MAX, ret, NULL) > 0;
}

bool layer_record_from_json(const json_t *json, struct layer_record *ret)
{
    struct layer_record r = {0};
    bool fine = take_digest(json, "chain", r.chain_id) && take_digest(json, "parent", r.parent) &&
                take_text(json, "created", r.created, sizeof(r.created));
    fine = fine && take_digest(json, "diffID", r.diff_id) && take_digest(json, "blob", r.blob) &&
           take_text(json, "mediaType", r.media_type, sizeof(r.media_type)) &&
           take_size(json, "blobSize", &r.blob_size) && take_size(json, "tarSize", &r.tar_size) &&
           take_size(json, "size", &r.size) && *r.diff_id && *r.blob;
    if (fine) {
        *ret = r;
    }
    return fine;
}

json_t *layer_record_to_json(const struct layer_record *r)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "chain", r->chain_id,
                     "parent", r->parent, "diffID", r->diff_id, "blob", r->blob, "blobSize",
                     (json_int_t)r->blob_size, "tarSize", (json_int_t)r->tar_size, "size",
                     (json_int_t)r->size, "mediaType", r->media_type, "created", r->created);
}

static char *record_path(const char *data_dir, const char *key)
{
    return str_format("%s/build/cache/%s", data_dir, digest_hex(key));
}

/* The sweep of a store may have taken it, were the record younger than its look. */
static bool layer_is_there(const char *data_dir, const struct layer_record *r)
{
    CLEANUP(free) char *folder = layout_layer(digest_hex(r->chain_id));
    CLEANUP(free) char *path = str_format("%s/images/%s/layer.json", data_dir, folder);
    CLEANUP(free) char *blob = layout_blob(r->blob);
    CLEANUP(free) char *blob_path = str_format("%s/images/%s", data_dir, blob);
    CLEANUP(free) char *deferred = layout_deferred(r->blob);
    CLEANUP(free) char *deferred_path = str_format("%s/images/%s", data_dir, deferred);
    return access(path, F_OK) == 0 &&
           (access(blob_path, F_OK) == 0 || access(deferred_path, F_OK) == 0);
}

/* For the least recently used to go first, and for `system df -v`. What cannot be written is not
 * worth a word. */
static void note_use(const char *path)
{
    char text[24] = "";
    int64_t uses = 0;
    if (getxattr(path, BUILD_CACHE_USES, text, sizeof(text) - 1) <= 0 ||
        str_to_i64(text, 10, &uses) < 0) {
        uses = 0;
    }
    snprintf(text, sizeof(text), "%lld", (long long)uses + 1);
    (void)setxattr(path, BUILD_CACHE_USES, text, strlen(text), 0);
    (void)utimensat(AT_FDCWD, path, NULL, 0);
}

int cache_find(const char *data_dir, const char *key, struct layer_record *ret)
{
    CLEANUP(free) char *path = record_path(data_dir, key);
    CLEANUP(json) json_t *json = NULL;
    struct layer_record r;
    if (json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &json, NULL) < 0 ||
        !layer_record_from_json(json, &r) || !layer_is_there(data_dir, &r)) {
        return 0;
    }
    note_use(path);
    *ret = r;
    return 1;
}

int cache_put(const char *data_dir, const char *key, const struct layer_record *r, const char *text,
              struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/build/cache", data_dir);
    CLEANUP(free) char *path = record_path(data_dir, key);
    CLEANUP(json) json_t *json = layer_record_to_json(r);
    json_object_set_new(json, "text", json_string(text));
    int e = mkdir_all(folder, 0700, err);
    return e < 0 ? e : json_save_path(AT_FDCWD, path, json, 0600, false, err);
}

void cache_key(const json_t *value, char ret[DIGEST_TEXT_BYTES])
{
    CLEANUP(free) char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    digest_of(str_or(text, ""), text ? strlen(text) : 0, ret);
}
