// SPDX-License-Identifier: Apache-2.0
#include "image/build_cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/settings.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/usage.h"

#define RECORD_BYTES_MAX 65536
#define ID_FILE_BYTES_MAX ((size_t)1 << 20)
#define DEPTH_MAX 128

static struct build_cache_item *add(struct build_cache *c)
{
    c->items = xrealloc(c->items, (c->count + 1) * sizeof(*c->items));
    c->items[c->count] = (struct build_cache_item){0};
    return &c->items[c->count++];
}

/* {"<chain hex>": true} of all images. */
static json_t *layers_of_images(const char *data_dir)
{
    CLEANUP(free) char *folder = str_format("%s/images/ids", data_dir);
    CLEANUP(strv) struct strv names = {0};
    json_t *set = json_object();
    IGNORE(list_folder(AT_FDCWD, folder, &names, NULL) < 0); /* then there are none */
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        CLEANUP(json) json_t *json = NULL;
        size_t n;
        json_t *chain;
        if (json_load_path(AT_FDCWD, path, ID_FILE_BYTES_MAX, &json, NULL) < 0) {
            continue;
        }
        json_array_foreach(json_object_get(json, "layers"), n, chain)
        {
            json_object_set_new(set, str_or(json_string_value(chain), ""), json_true());
        }
    }
    return set;
}

static int64_t made_of(const char *path)
{
    struct statx st;
    return statx(AT_FDCWD, path, 0, STATX_BTIME | STATX_MTIME, &st) < 0 ? 0
           : st.stx_mask & STATX_BTIME                                  ? st.stx_btime.tv_sec
                                                                        : st.stx_mtime.tv_sec;
}

static int64_t uses_of(const char *path)
{
    char text[24] = "";
    int64_t uses = 0;
    bool told = getxattr(path, BUILD_CACHE_USES, text, sizeof(text) - 1) > 0;
    return told && str_to_i64(text, 10, &uses) == 0 ? uses : 0;
}

static void read_record(struct build_cache *c, int store, const char *path, json_t *images,
                        json_t *seen)
{
    CLEANUP(json) json_t *json = NULL;
    struct stat st;
    const char *chain = NULL, *parent = "", *text = "";
    if (stat(path, &st) < 0 || json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &json, NULL) < 0 ||
        json_get_str(json, "chain", path, &chain, NULL) < 0 ||
        json_get_str(json, "parent", path, &parent, NULL) < 0 ||
        json_get_str(json, "text", path, &text, NULL) < 0) {
        return;
    }
    struct build_cache_item *item = add(c);
    *item = (struct build_cache_item){.path = xstrdup(path),
                                      .text = xstrdup(text),
                                      .used_s = st.st_mtim.tv_sec,
                                      .made_s = made_of(path),
                                      .uses = uses_of(path)};
    if (chain && digest_is_valid(chain) && !str_equal(chain, parent)) {
        const char *hex = digest_hex(chain);
        item->chain_hex = xstrdup(hex);
        item->bytes = image_layer_bytes(store, hex);
        item->is_shared = json_object_get(images, hex) != NULL;
        item->is_again = json_object_get(seen, hex) != NULL;
        json_object_set_new(seen, hex, json_true());
    }
}

static int64_t folder_bytes(int parent, const char *name, int depth)
{
    struct stat st;
    if (depth > DEPTH_MAX || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return 0;
    }
    int64_t sum = (int64_t)st.st_blocks * 512;
    if (S_ISDIR(st.st_mode)) {
        CLEANUP(fd) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(strv) struct strv names = {0};
        IGNORE(fd < 0 || list_folder_whole(fd, ".", &names, NULL) < 0); /* counts what it can */
        for (size_t i = 0; i < names.count; i++) {
            sum += folder_bytes(fd, names.items[i], depth + 1);
        }
    }
    return sum;
}

static void read_mounts(struct build_cache *c, const char *folder)
{
    CLEANUP(strv) struct strv names = {0};
    IGNORE(list_folder(AT_FDCWD, folder, &names, NULL) < 0); /* then there are none */
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        struct stat st;
        if (strchr(names.items[i], '.') || stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
            continue; /* a lock, or one that is being made */
        }
        struct build_cache_item *item = add(c);
        *item = (struct build_cache_item){.path = xstrdup(path),
                                          .text = str_format("mount %.12s", names.items[i]),
                                          .used_s = st.st_mtim.tv_sec,
                                          .made_s = made_of(path),
                                          .is_mount = true};
        item->bytes = folder_bytes(AT_FDCWD, path, 0);
    }
}

static int compare(const void *a, const void *b)
{
    const struct build_cache_item *x = a, *y = b;
    return x->used_s < y->used_s ? -1 : x->used_s > y->used_s;
}

int build_cache_read(const char *data_dir, struct build_cache *ret, struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/build/cache", data_dir);
    CLEANUP(free) char *mounts = str_format("%s/build/mounts", data_dir);
    CLEANUP(strv) struct strv names = {0};
    *ret = (struct build_cache){0};
    int r = list_folder(AT_FDCWD, folder, &names, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *images_path = layout_store_path(data_dir);
    CLEANUP(fd) int store = open(images_path, O_PATH | O_CLOEXEC); /* else nothing takes a byte */
    CLEANUP(json) json_t *images = layers_of_images(data_dir);
    CLEANUP(json) json_t *seen = json_object();
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        read_record(ret, store, path, images, seen);
    }
    read_mounts(ret, mounts);
    if (ret->count) {
        qsort(ret->items, ret->count, sizeof(*ret->items), compare);
    }
    return 0;
}

void build_cache_done(struct build_cache *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->items[i].path);
        free(c->items[i].text);
        free(c->items[i].chain_hex);
    }
    free(c->items);
    *c = (struct build_cache){0};
}

int64_t build_cache_total(const struct build_cache *c)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        sum += c->items[i].is_again ? 0 : c->items[i].bytes;
    }
    return sum;
}

int64_t build_cache_reclaimable(const struct build_cache *c)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        sum += c->items[i].is_again || c->items[i].is_shared ? 0 : c->items[i].bytes;
    }
    return sum;
}

int build_cache_bound(const char *config_path, int64_t *ret, struct error **err)
{
    static const char *const known[] = {"cacheBytes", NULL};
    CLEANUP(json) json_t *part = NULL;
    const char *bytes = NULL;
    *ret = BUILD_CACHE_BYTES_DEFAULT;
    int r = settings_load_part(config_path, "build", &part, err);
    r = r < 0 ? r : settings_check_keys(part, "settings: build", known, err);
    r = r < 0 ? r : json_get_str(part, "cacheBytes", "settings: build", &bytes, err);
    if (r >= 0 && bytes && (str_to_bytes(bytes, ret) < 0 || *ret < 0)) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "settings: build: 'cacheBytes' is not a size: '%s'", bytes);
    }
    return r;
}
