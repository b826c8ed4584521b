// SPDX-License-Identifier: Apache-2.0
#include "image/usage.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "image/layout.h"

static int64_t file_bytes(int store, const char *path)
{
    struct stat st;
    return fstatat(store, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}

int64_t image_layer_bytes(int store, const char *chain_hex)
{
    CLEANUP(free) char *folder = layout_layer(chain_hex);
    CLEANUP(free) char *path = str_format("%s/layer.json", folder);
    CLEANUP(free) char *disk = str_format("%s/layer.erofs", folder); /* wall/vm/assets.c makes it */
    CLEANUP(json) json_t *json = NULL;
    const char *digest = NULL;
    int64_t files = 0;
    if (json_load_path(store, path, 65536, &json, NULL) < 0 ||
        json_get_i64(json, "size", path, 0, INT64_MAX / 2, &files, NULL) < 0 ||
        json_get_str(json, "blob", path, &digest, NULL) <= 0 || !digest_is_valid(digest)) {
        return 0;
    }
    CLEANUP(free) char *blob = layout_blob(digest);
    return files + file_bytes(store, blob) + file_bytes(store, disk);
}

static void add_layer(struct image_usage *u, int store, const char *chain)
{
    json_t *layer = json_object_get(u->layers, chain);
    if (!layer) {
        layer = json_pack("{s:I, s:i}", "size", (json_int_t)image_layer_bytes(store, chain),
                          "users", 0);
        json_object_set_new(u->layers, chain, layer);
    }
    json_int_t users = json_integer_value(json_object_get(layer, "users"));
    json_object_set_new(layer, "users", json_integer(users + 1));
}

static int read_chain(int store, const char *id, struct strv *ret, struct error **err)
{
    CLEANUP(free) char *path = layout_id(digest_hex(id));
    CLEANUP(json) json_t *json = NULL;
    if (json_load_path(store, path, (size_t)1 << 20, &json, NULL) < 0) {
        return 0; /* removed meanwhile */
    }
    return json_get_strv(json, "layers", path, ret, err);
}

int image_usage_read(const char *data_dir, const struct image_entry *list, size_t count,
                     struct image_usage *ret, struct error **err)
{
    *ret = (struct image_usage){.count = count,
                                .chains = xcalloc(count + 1, sizeof(*ret->chains)),
                                .layers = json_object()};
    if (!count) {
        return 0;
    }
    CLEANUP(free) char *path = layout_store_path(data_dir);
    CLEANUP(fd) int store = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    int r = store < 0 ? store : 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = read_chain(store, list[i].id, &ret->chains[i], err);
        for (size_t n = 0; n < ret->chains[i].count && r >= 0; n++) {
            add_layer(ret, store, ret->chains[i].items[n]);
        }
    }
    if (r < 0) {
        image_usage_done(ret);
    }
    return r;
}

void image_usage_done(struct image_usage *u)
{
    for (size_t i = 0; i < u->count; i++) {
        strv_done(&u->chains[i]);
    }
    free(u->chains);
    json_decref(u->layers);
    *u = (struct image_usage){0};
}

static int64_t size_of(const json_t *layer)
{
    return json_integer_value(json_object_get(layer, "size"));
}

int64_t image_usage_total(const struct image_usage *u, const bool *wanted)
{
    CLEANUP(json) json_t *counted = json_object();
    int64_t total = 0;
    for (size_t i = 0; i < u->count; i++) {
        for (size_t n = 0; n < u->chains[i].count && (!wanted || wanted[i]); n++) {
            const char *chain = u->chains[i].items[n];
            if (!json_object_get(counted, chain)) {
                json_object_set_new(counted, chain, json_true());
                total += size_of(json_object_get(u->layers, chain));
            }
        }
    }
    return total;
}

static int64_t sum_of(const struct image_usage *u, size_t i, bool shared)
{
    int64_t sum = 0;
    for (size_t n = 0; n < u->chains[i].count; n++) {
        const json_t *layer = json_object_get(u->layers, u->chains[i].items[n]);
        bool others = json_integer_value(json_object_get(layer, "users")) > 1;
        sum += others == shared ? size_of(layer) : 0;
    }
    return sum;
}

int64_t image_usage_shared(const struct image_usage *u, size_t i)
{
    return sum_of(u, i, true);
}

int64_t image_usage_unique(const struct image_usage *u, size_t i)
{
    return sum_of(u, i, false);
}

int64_t image_layer_size(const char *diff_path)
{
    CLEANUP(free) char *path = str_format("%s/../layer.json", diff_path);
    CLEANUP(json) json_t *json = NULL;
    int64_t size = 0;
    if (json_load_path(AT_FDCWD, path, 65536, &json, NULL) < 0 ||
        json_get_i64(json, "size", path, 0, INT64_MAX, &size, NULL) < 0) {
        return 0;
    }
    return size;
}
