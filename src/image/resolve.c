// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/name_index.h"
#include "image/platform.h"

#define ID_FILE_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_BYTES_MAX ((size_t)8 << 20)
#define ID_PREFIX_MIN 4

static int no_such_image(const char *name, struct error **err)
{
    return error_set(err, ERROR_NOT_FOUND, 0, "no such image: '%s'", name);
}

/* Opens the store and takes the shared lock. */
static int open_store(const char *store_path, int *ret_store, int *ret_lock, struct error **err)
{
    CLEANUP(fd) int store = open(store_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd) int lock = store < 0 ? -1 : openat(store, "lock", O_RDONLY | O_CLOEXEC);
    if (lock < 0) {
        int code = errno;
        return code == ENOENT ? -ENOENT
                              : error_set_errno(err, code == EACCES ? ERROR_DENIED : ERROR_KERNEL,
                                                code, "opening the image store '%s'", store_path);
    }
    int r = lock_fd(lock, LOCK_SHARED, true, err);
    if (r < 0) {
        return error_wrap(err, r, "the image store");
    }
    *ret_store = take_fd(&store);
    *ret_lock = take_fd(&lock);
    return 0;
}

/* 1: a name leads to the ID; 0: there is no such name. */
static int hex_of_name(int store, const struct reference *r, char hex[DIGEST_HEX_DIGITS + 1])
{
    char target[1024];
    CLEANUP(free) char *path = layout_name(r);
    ssize_t n = readlinkat(store, path, target, sizeof(target) - 1);
    if (n < 0) {
        return 0;
    }
    target[n] = '\0';
    return layout_target_hex(target, hex);
}

/* The one image whose ID begins with `prefix`: 1, none: 0, several: an error. */
static int hex_of_prefix(int store, const char *prefix, char hex[DIGEST_HEX_DIGITS + 1],
                         struct error **err)
{
    size_t len = strlen(prefix);
    if (len < ID_PREFIX_MIN || len > DIGEST_HEX_DIGITS ||
        strspn(prefix, "0123456789abcdef") != len) {
        return 0;
    }
    int fd = openat(store, "ids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    CLEANUP(dir) DIR *dir = open;
    if (!dir) {
        fd_close(fd);
        return 0;
    }
    int found = 0;
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (!str_starts(e->d_name, prefix) || !str_ends(e->d_name, ".json")) {
            continue;
        }
        if (found++) {
            return error_set(err, ERROR_INVALID_INPUT, 0,
                             "the image ID '%s' is ambiguous: more than one begins with it",
                             prefix);
        }
        memcpy(hex, e->d_name, DIGEST_HEX_DIGITS);
        hex[DIGEST_HEX_DIGITS] = '\0';
    }
    return found;
}

/* Names come before IDs, as Docker's. */
static int find_hex(int store, const char *name, char hex[DIGEST_HEX_DIGITS + 1], char **ret_name,
                    struct error **err)
{
    const char *id = str_starts(name, "sha256:") ? name + strlen("sha256:") : name;
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(reference) struct reference r = {0};
    int parsed = id == name ? reference_parse(name, &r, &why) : -EINVAL;
    if (parsed >= 0 && hex_of_name(store, &r, hex)) {
        *ret_name = reference_familiar(&r);
        return 0;
    }
    int found = hex_of_prefix(store, id, hex, err);
    if (found < 0) {
        return found;
    }
    if (!found && why && !strstr(why->message, "64-byte")) {
        return error_move(err, &why, parsed);
    }
    return found ? 0 : no_such_image(name, err);
}

static int read_config(int store, const char *config_digest, struct image *i, struct error **err)
{
    if (!digest_is_valid(config_digest)) {
        return error_set(err, ERROR_CORRUPT, 0, "the image has no valid config digest");
    }
    CLEANUP(free) char *blob = layout_blob(config_digest);
    int r = json_load_path(store, blob, CONFIG_BYTES_MAX, &i->config_json, err);
    return r < 0 ? error_wrap(err, r, "the image's config")
                 : image_config_parse(i->config_json, &i->config, err);
}

static int fill(const char *store_path, const json_t *json, struct image *i, struct error **err)
{
    const char *id = "", *manifest = "";
    CLEANUP(strv) struct strv chain = {0};
    int r = json_get_str(json, "config", "image", &id, err);
    if (r >= 0) {
        r = json_get_str(json, "manifest", "image", &manifest, err);
    }
    if (r >= 0) {
        r = json_get_i64(json, "size", "image", 0, INT64_MAX, &i->size_bytes, err);
    }
    if (r >= 0) {
        r = json_get_strv(json, "layers", "image", &chain, err);
    }
    if (r < 0) {
        return r;
    }
    i->id = xstrdup(id);
    i->manifest_digest = xstrdup(manifest);
    for (size_t n = chain.count; n > 0; n--) {
        strv_addf(&i->layers, "%s/layers/%s/diff", store_path, chain.items[n - 1]);
    }
    return 0;
}

static int load(int store, const char *store_path, const char *hex, struct image *i,
                struct error **err)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    int r = json_load_path(store, path, ID_FILE_BYTES_MAX, &json, err);
    if (r >= 0) {
        r = fill(store_path, json, i, err);
    }
    return r < 0 ? r : read_config(store, i->id, i, err);
}

int image_resolve(const char *data_dir, const char *name, struct image **ret, struct error **err)
{
    CLEANUP(free) char *store_path = layout_store_path(data_dir);
    CLEANUP(fd) int store = -1;
    CLEANUP(fd) int lock = -1;
    int r = open_store(store_path, &store, &lock, err);
    if (r == -ENOENT && (!err || !*err)) {
        CLEANUP(reference) struct reference ref = {0};
        bool id = str_starts(name, "sha256:");
        r = id ? 0 : reference_parse(name, &ref, err);
        return r < 0 ? r : no_such_image(name, err);
    }
    if (r < 0) {
        return r;
    }
    char hex[DIGEST_HEX_DIGITS + 1];
    CLEANUP(free) char *familiar = NULL;
    r = find_hex(store, name, hex, &familiar, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(image) struct image *i = xcalloc(1, sizeof(*i));
    i->lock_fd = take_fd(&lock);
    i->name = take_ptr(familiar);
    r = load(store, store_path, hex, i, err);
    if (r == -ENOENT) {
        return error_hint(err, r, "the store has lost a part of it: pull or load it again");
    }
    if (r < 0) {
        return error_wrap(err, r, "image '%s'", name);
    }
    *ret = take_ptr(i);
    return 0;
}

/* 1: the image of the name's index for the platform, 0: there is none. */
static int resolve_member(const char *data_dir, const char *name, const char *platform,
                          struct image **ret, struct error **err)
{
    CLEANUP(free) char *store_path = layout_store_path(data_dir);
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(name_index) struct name_index index = {0};
    struct platform wanted;
    CLEANUP(fd) int store = open(store_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store < 0 || platform_parse(platform, &wanted, NULL) < 0 ||
        reference_parse(name, &ref, NULL) < 0 || name_index_read(store, &ref, &index) <= 0) {
        return 0;
    }
    const char *hex = name_index_member(&index, &wanted);
    CLEANUP(free) char *id = hex ? str_format("sha256:%s", hex) : NULL;
    int r = id ? image_resolve(data_dir, id, ret, err) : 0;
    if (r >= 0 && id) {
        (*ret)->name = reference_familiar(&ref);
    }
    return r < 0 ? r : id != NULL;
}

static int check_platform(const struct image *i, const char *name, const char *platform,
                          struct error **err)
{
    struct platform wanted;
    int r = platform_parse(platform, &wanted, err);
    return r < 0 || platform_fits(&wanted, &i->config) ? r : platform_absent(name, platform, err);
}

int image_check_platforms(const struct image *i, const char *name, const struct strv *platforms,
                          struct error **err)
{
    CLEANUP(strv) struct strv single = {0};
    int r = 0;
    for (size_t n = 0; n < platforms->count; n++) {
        strv_split(&single, platforms->items[n], ',');
    }
    for (size_t n = 0; n < single.count && r >= 0; n++) {
        r = check_platform(i, name, single.items[n], err);
    }
    return r;
}

int image_resolve_for(const char *data_dir, const char *name, const char *platform,
                      struct image **ret, struct error **err)
{
    CLEANUP(image) struct image *i = NULL;
    struct platform wanted;
    *ret = NULL;
    int r = platform ? platform_parse(platform, &wanted, err) : 0;
    r = r < 0 ? r : image_resolve(data_dir, name, &i, err);
    if (r >= 0 && platform && !platform_fits(&wanted, &i->config)) {
        r = resolve_member(data_dir, name, platform, ret, err);
        return r ? r : platform_absent(name, platform, err);
    }
    *ret = r < 0 ? NULL : take_ptr(i);
    return r;
}

void image_free(struct image *i)
{
    if (!i) {
        return;
    }
    image_config_done(&i->config);
    json_decref(i->config_json);
    strv_done(&i->layers);
    free(i->id);
    free(i->manifest_digest);
    free(i->name);
    fd_close(i->lock_fd);
    free(i);
}
