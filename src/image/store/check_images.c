// SPDX-License-Identifier: Apache-2.0
/* What the images of the store refer to, and whether each is in agreement with itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/layout.h"
#include "image/name_index.h"
#include "image/store/check.h"
#include "image/store/manifest.h"

#define ID_FILE_MAX ((size_t)1 << 20)

static void add_image(json_t *entry, const char *image)
{
    json_t *images = json_object_get(entry, "images");
    json_t *known;
    size_t i;
    json_array_foreach(images, i, known)
    {
        if (str_equal(json_string_value(known), image)) {
            return;
        }
    }
    json_array_append_new(images, json_string(image));
}

static void refer_blob(struct check *c, const char *digest, int64_t size, bool layer,
                       const char *image)
{
    const char *hex = digest_hex(digest);
    json_t *entry = json_object_get(c->references.blobs, hex);
    if (!entry) {
        entry = json_pack("{s:I, s:[], s:b}", "size", (json_int_t)size, "images", "layer", layer);
        json_object_set_new(c->references.blobs, hex, entry);
    }
    add_image(entry, image);
}

static void refer_layer(struct check *c, const char *chain, const char *diff_id, const char *blob,
                        const char *image)
{
    json_t *entry = json_object_get(c->references.layers, digest_hex(chain));
    if (!entry) {
        entry = json_pack("{s:s, s:s, s:[]}", "diffID", diff_id, "blob", blob, "images");
        json_object_set_new(c->references.layers, digest_hex(chain), entry);
    }
    add_image(entry, image);
}

/* The layers that the config and the manifest name, against those that a start would mount. */
static int check_chain(struct check *c, const char *hex, const struct manifest *m,
                       const struct strv *diff_ids, const struct strv *listed, struct error **err)
{
    char chain[DIGEST_TEXT_BYTES], above[DIGEST_TEXT_BYTES];
    if (listed->count != diff_ids->count) {
        return error_set(err, ERROR_CORRUPT, 0, "it lists %zu layers, its config %zu",
                         listed->count, diff_ids->count);
    }
    for (size_t i = 0; i < diff_ids->count; i++) {
        digest_chain(i ? chain : NULL, diff_ids->items[i], above);
        memcpy(chain, above, sizeof(chain));
        if (!str_equal(digest_hex(chain), listed->items[i])) {
            return error_set(err, ERROR_CORRUPT, 0, "its layer %zu is not the one of its config",
                             i + 1);
        }
        refer_blob(c, m->layers[i].digest, m->layers[i].size, true, hex);
        refer_layer(c, chain, diff_ids->items[i], m->layers[i].digest, hex);
    }
    return 0;
}

/* A blob that is missing or damaged is told by check_blobs(), once. */
static int read_blob(struct check *c, const char *digest, size_t max, const char *hex, char **ret,
                     struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(error) struct error *why = NULL;
    size_t len = 0;
    int64_t size = -1;
    int r = file_read(c->store->fd, path, max, ret, &len, &why);
    if (r >= 0) {
        size = (int64_t)len;
    }
    refer_blob(c, digest, size, false, hex);
    char found[DIGEST_TEXT_BYTES] = "";
    if (r >= 0) {
        digest_of(*ret, len, found);
    }
    if (r < 0 && r != -ENOENT) {
        return error_move(err, &why, r);
    }
    return str_equal(found, digest);
}

static int check_content(struct check *c, const char *hex, const char *manifest_digest,
                         const struct strv *listed, struct error **err)
{
    CLEANUP(free) char *config_digest = str_format("sha256:%s", hex);
    CLEANUP(free) char *config = NULL;
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(manifest) struct manifest m = {0};
    CLEANUP(strv) struct strv diff_ids = {0};
    int have_config = read_blob(c, config_digest, CONFIG_BYTES_MAX, hex, &config, err);
    int have_manifest = have_config < 0
                            ? have_config
                            : read_blob(c, manifest_digest, MANIFEST_BYTES_MAX, hex, &text, err);
    if (have_manifest <= 0 || have_config <= 0) {
        return have_manifest < 0 ? have_manifest : 0;
    }
    int r = json_parse(text, strlen(text), "the manifest", &json, err);
    if (r >= 0) {
        r = manifest_parse(json, "the manifest", &m, err);
    }
    if (r >= 0 && !str_equal(m.config.digest, config_digest)) {
        r = error_set(err, ERROR_CORRUPT, 0, "its manifest is another image's");
    }
    if (r >= 0) {
        r = config_diff_ids(config, strlen(config), m.layer_count, &diff_ids, err);
    }
    return r < 0 ? r : check_chain(c, hex, &m, &diff_ids, listed, err);
}

static int check_image(struct check *c, const char *hex, struct error **err)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(strv) struct strv listed = {0};
    const char *config = "", *manifest = "";
    int r = json_load_path(c->store->fd, path, ID_FILE_MAX, &json, err);
    if (r < 0 || (r = json_get_str(json, "config", path, &config, err)) < 0 ||
        (r = json_get_str(json, "manifest", path, &manifest, err)) < 0 ||
        (r = json_get_strv(json, "layers", path, &listed, err)) < 0) {
        return r;
    }
    if (!digest_is_valid(config) || !str_equal(digest_hex(config), hex)) {
        return error_set(err, ERROR_CORRUPT, 0, "it names the config '%s'", config);
    }
    if (!digest_is_valid(manifest)) {
        return error_set(err, ERROR_CORRUPT, 0, "it names the manifest '%s'", manifest);
    }
    return check_content(c, hex, manifest, &listed, err);
}

/* What is said about images, beside them in an index. */
static void refer_manifest(struct check *c, const char *digest, const char *image)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(json) json_t *json = NULL;
    json_t *layer;
    size_t i;
    refer_blob(c, digest, -1, false, image);
    IGNORE(json_load_path(c->store->fd, path, MANIFEST_BYTES_MAX, &json, NULL)); /* told by blobs */
    const char *config =
        json_string_value(json_object_get(json_object_get(json, "config"), "digest"));
    if (config && digest_is_valid(config)) {
        refer_blob(c, config, -1, false, image);
    }
    json_array_foreach(json_object_get(json, "layers"), i, layer)
    {
        const char *blob = json_string_value(json_object_get(layer, "digest"));
        if (blob && digest_is_valid(blob)) {
            refer_blob(c, blob, -1, false, image);
        }
    }
}

static int refer_index(void *context, const struct name_index *x)
{
    struct check *c = context;
    CLEANUP(free) char *path = layout_blob(x->digest);
    CLEANUP(json) json_t *json = NULL;
    json_t *entry;
    size_t i;
    refer_blob(c, x->digest, -1, false, x->image);
    IGNORE(json_load_path(c->store->fd, path, MANIFEST_BYTES_MAX, &json, NULL)); /* told by blobs */
    json_array_foreach(json_object_get(json, "manifests"), i, entry)
    {
        const char *digest = json_string_value(json_object_get(entry, "digest"));
        if (digest && digest_is_valid(digest)) {
            refer_manifest(c, digest, x->image);
        }
    }
    return 0;
}

int check_images(struct check *c, struct error **err)
{
    CLEANUP(strv) struct strv files = {0};
    int r = list_folder(c->store->fd, "ids", &files, err);
    for (size_t i = 0; i < files.count && r >= 0; i++) {
        CLEANUP(error) struct error *why = NULL;
        CLEANUP(free) char *hex = xstrndup(files.items[i], DIGEST_HEX_DIGITS);
        CLEANUP(free) char *path = layout_id(hex);
        CLEANUP(json) json_t *images = json_pack("[s]", hex);
        if (!str_equal(path + strlen("ids/"), files.items[i]) || check_image(c, hex, &why) >= 0) {
            c->images++;
        } else if (faccessat(c->store->fd, path, F_OK, 0) == 0) {
            check_note(c, PROBLEM_IMAGE, hex, images, "%s", why->message);
        }
    }
    return r < 0 ? r : name_index_each(c->store->fd, refer_index, c, err);
}

/* How a container of the engine names a layer: ".../layers/<hex>/diff". `object`: the container, or
 * an image that it mounts. */
static int check_layers_of(struct check *c, int containers, const char *id, const json_t *object,
                           struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/container.json", id);
    CLEANUP(strv) struct strv layers = {0};
    int r = json_get_strv(object, "layers", path, &layers, err);
    for (size_t i = 0; i < layers.count && r >= 0; i++) {
        if (faccessat(AT_FDCWD, layers.items[i], F_OK, 0) < 0 &&
            faccessat(containers, path, F_OK, 0) == 0) {
            check_note(c, PROBLEM_CONTAINER, id, NULL, "its layer '%s' is missing",
                       layers.items[i]);
        }
    }
    return r;
}

static int check_container(struct check *c, int containers, const char *id, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/container.json", id);
    CLEANUP(json) json_t *json = NULL;
    json_t *mount;
    size_t i;
    if (json_load_path(containers, path, (size_t)16 << 20, &json, NULL) < 0) {
        return 0; /* being made or removed; the engine itself sweeps what is left of one */
    }
    int r = check_layers_of(c, containers, id, json, err);
    json_array_foreach(json_object_get(json, "imageMounts"), i, mount)
    {
        r = r < 0 ? r : check_layers_of(c, containers, id, mount, err);
    }
    return r;
}

int check_containers(struct check *c, struct error **err)
{
    CLEANUP(strv) struct strv ids = {0};
    CLEANUP(free) char *path = str_format("%s/containers", c->store->data_dir);
    int r = list_folder(AT_FDCWD, path, &ids, err);
    if (r < 0 || !ids.count) {
        return r;
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    r = fd < 0 ? fd : 0;
    for (size_t i = 0; i < ids.count && r >= 0; i++) {
        r = check_container(c, fd, ids.items[i], err);
    }
    return r;
}

static int check_name(void *context, const char *reference, const char *hex)
{
    struct check *c = context;
    CLEANUP(free) char *id = layout_id(hex);
    CLEANUP(reference) struct reference r = {0};
    c->names++;
    if (reference_parse(reference, &r, NULL) < 0) {
        check_note(c, PROBLEM_NAME, reference, NULL, "it is no reference");
        return 0;
    }
    CLEANUP(free) char *path = layout_name(&r);
    char target[1024];
    if (faccessat(c->store->fd, id, F_OK, 0) < 0 &&
        readlinkat(c->store->fd, path, target, sizeof(target)) > 0) { /* not removed meanwhile */
        check_note(c, PROBLEM_NAME, reference, NULL, "it leads to an image that is not there");
    }
    return 0;
}

int check_names(struct check *c, struct error **err)
{
    return layout_each_name(c->store->fd, check_name, c, err);
}
