// SPDX-License-Identifier: Apache-2.0
/* What is in the store, as far as whoever only asks for it wants to know. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "image/layout.h"
#include "image/store/layer.h"

static const char *static_media_type(const char *type)
{
    static const char *const known[] = {MEDIA_LAYER_TAR, MEDIA_LAYER_GZIP, MEDIA_LAYER_ZSTD};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (str_equal(known[i], type)) {
            return known[i];
        }
    }
    return MEDIA_LAYER_TAR;
}

static bool copy_digest(char ret[DIGEST_TEXT_BYTES], const char *digest)
{
    if (!digest || !digest_is_valid(digest)) {
        return false;
    }
    memcpy(ret, digest, DIGEST_TEXT_BYTES);
    return true;
}

bool layer_find(const struct store *s, const char *chain_id, struct layer *ret)
{
    CLEANUP(free) char *folder = layout_layer(digest_hex(chain_id));
    CLEANUP(free) char *path = str_format("%s/layer.json", folder);
    CLEANUP(json) json_t *json = NULL;
    const char *diff_id = NULL, *blob = NULL, *type = NULL;
    struct layer l = {0};
    if (json_load_path(s->fd, path, 65536, &json, NULL) < 0 ||
        json_get_i64(json, "size", path, 0, INT64_MAX, &l.size, NULL) <= 0 ||
        json_get_i64(json, "tarSize", path, 0, INT64_MAX, &l.tar_size, NULL) <= 0 ||
        json_get_i64(json, "blobSize", path, 0, INT64_MAX, &l.blob_size, NULL) <= 0 ||
        json_get_str(json, "mediaType", path, &type, NULL) <= 0 ||
        json_get_str(json, "diffID", path, &diff_id, NULL) <= 0 ||
        json_get_str(json, "blob", path, &blob, NULL) <= 0 || !copy_digest(l.digest, blob) ||
        !copy_digest(l.diff_id, diff_id) || !copy_digest(l.chain_id, chain_id)) {
        return false;
    }
    l.media_type = static_media_type(type);
    *ret = l;
    return true;
}

bool layer_of_deferred(const struct store *s, const char *digest, struct layer *ret)
{
    CLEANUP(free) char *link = layout_deferred(digest);
    char target[sizeof("../layers/") + DIGEST_HEX_DIGITS] = "";
    ssize_t len = readlinkat(s->fd, link, target, sizeof(target) - 1);
    const char *hex = len > 0 ? strrchr(target, '/') : NULL;
    CLEANUP(free) char *chain_id = str_format("sha256:%s", hex ? hex + 1 : "");
    return digest_is_valid(chain_id) && layer_find(s, chain_id, ret);
}

bool blob_exists(const struct store *s, const char *digest, int64_t *ret_size)
{
    CLEANUP(free) char *blob = layout_blob(digest);
    struct stat st;
    struct layer l;
    int64_t size;
    if (fstatat(s->fd, blob, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        size = st.st_size;
    } else if (layer_of_deferred(s, digest, &l)) {
        size = l.tar_size;
    } else {
        return false;
    }
    if (ret_size) {
        *ret_size = size;
    }
    return true;
}

char *blob_read(const struct store *s, const char *digest, size_t max, size_t *ret_len)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(free) char *text = NULL;
    char found[DIGEST_TEXT_BYTES];
    if (file_read(s->fd, path, max, &text, ret_len, NULL) < 0) {
        return NULL;
    }
    digest_of(text, *ret_len, found);
    return str_equal(found, digest) ? take_ptr(text) : NULL;
}
