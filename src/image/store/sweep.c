// SPDX-License-Identifier: Apache-2.0
/* Mark and sweep: what no image and no container refers to goes. The caller holds the store's lock
 * exclusively, so nothing is being added, and nobody is between resolving and recording. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "image/layout.h"
#include "image/name_index.h"
#include "image/store/add.h"

struct marks { /* sets of hex digits, as JSON objects: hash tables that are at hand */
    json_t *blobs, *layers;
    struct error *unknown; /* why it is not known which blobs an image has; or NULL */
};

static void mark(json_t *set, const char *hex)
{
    json_object_set_new(set, hex, json_true());
}

static void mark_digest(json_t *set, const json_t *object)
{
    const char *digest = json_string_value(json_object_get(object, "digest"));
    if (digest && digest_is_valid(digest)) {
        mark(set, digest_hex(digest));
    }
}

static int mark_manifest(struct store *s, struct marks *m, const char *digest, struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(json) json_t *manifest = NULL;
    int r = json_load_path(s->fd, path, MANIFEST_BYTES_MAX, &manifest, err);
    if (r < 0) {
        return r;
    }
    size_t i;
    json_t *layer;
    mark_digest(m->blobs, json_object_get(manifest, "config"));
    json_array_foreach(json_object_get(manifest, "layers"), i, layer)
    {
        mark_digest(m->blobs, layer);
    }
    return 0;
}

/* A layer's own blob stays with it, though manifests may name another of the same content. */
static void mark_layer(struct store *s, struct marks *m, const char *hex)
{
    CLEANUP(free) char *chain = str_format("sha256:%s", hex);
    struct layer l;
    mark(m->layers, hex);
    if (digest_is_valid(chain) && layer_find(s, chain, &l)) {
        mark(m->blobs, digest_hex(l.digest));
    }
}

/* Without its manifest an image's layers are known, its blobs are not. */
static void note_manifest(struct store *s, struct marks *m, const char *file, const char *manifest)
{
    CLEANUP(error) struct error *why = NULL;
    int r = mark_manifest(s, m, manifest, &why);
    if (r < 0 && !m->unknown) {
        error_wrap(&why, r, "blobs that no image uses are kept: the manifest of image '%.12s'",
                   file);
        error_hint(&why, r, "'cloison system check --repair' may mend it");
        m->unknown = take_ptr(why);
    }
}

static int mark_image(struct store *s, struct marks *m, const char *file, struct error **err)
{
    CLEANUP(free) char *path = str_format("ids/%s", file);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(strv) struct strv layers = {0};
    const char *manifest = NULL, *config = NULL;
    int r = json_load_path(s->fd, path, MANIFEST_BYTES_MAX, &json, err);
    if (r < 0 || (r = json_get_str(json, "config", path, &config, err)) < 0 ||
        (r = json_get_str(json, "manifest", path, &manifest, err)) < 0 ||
        (r = json_get_strv(json, "layers", path, &layers, err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < layers.count; i++) {
        mark_layer(s, m, layers.items[i]);
    }
    if (config && digest_is_valid(config)) {
        mark(m->blobs, digest_hex(config));
    }
    if (manifest && digest_is_valid(manifest)) {
        mark(m->blobs, digest_hex(manifest));
        note_manifest(s, m, file, manifest);
    }
    return 0;
}

/* ".../layers/<hex>/diff" */
static void mark_container_layer(struct marks *m, const char *path)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, path, '/');
    if (parts.count >= 3 && str_equal(parts.items[parts.count - 3], "layers")) {
        mark(m->layers, parts.items[parts.count - 2]);
    }
}

/* The "layers" of a container, or of an image that it mounts. */
static int mark_layers_of(struct marks *m, const json_t *object, const char *path,
                          struct error **err)
{
    CLEANUP(strv) struct strv layers = {0};
    int r = json_get_strv(object, "layers", path, &layers, err);
    for (size_t i = 0; i < layers.count && r >= 0; i++) {
        mark_container_layer(m, layers.items[i]);
    }
    return r;
}

/* A container's layers stay, whatever became of its image's ID file. */
static int mark_container(int containers, struct marks *m, const char *id, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/container.json", id);
    CLEANUP(json) json_t *json = NULL;
    json_t *mount;
    size_t i;
    if (faccessat(containers, path, F_OK, 0) < 0) {
        return 0; /* being made or removed */
    }
    int r = json_load_path(containers, path, (size_t)16 << 20, &json, err);
    r = r < 0 ? r : mark_layers_of(m, json, path, err);
    json_array_foreach(json_object_get(json, "imageMounts"), i, mount)
    {
        r = r < 0 ? r : mark_layers_of(m, mount, path, err);
    }
    return r < 0 ? r : 0;
}

/* What the build cache names (build/cache.h): a layer, which its steps stand on. A record that
 * cannot be read names nothing: it is no loss but of time. */
static int mark_build_cache(struct store *s, struct marks *m, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(free) char *folder = str_format("%s/build/cache", s->data_dir);
    int r = list_folder(AT_FDCWD, folder, &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        CLEANUP(json) json_t *json = NULL;
        const char *chain = NULL;
        if (json_load_path(AT_FDCWD, path, 65536, &json, NULL) >= 0 &&
            json_get_str(json, "chain", path, &chain, NULL) > 0 && digest_is_valid(chain)) {
            mark_layer(s, m, digest_hex(chain));
        }
    }
    return r;
}

struct index_marks {
    struct store *store;
    struct marks *marks;
};

/* What an index names: manifests of images, and of what is said about them. */
static int mark_index(void *context, const struct name_index *x)
{
    const struct index_marks *i = context;
    CLEANUP(free) char *path = layout_blob(x->digest);
    CLEANUP(json) json_t *json = NULL;
    json_t *entry;
    size_t n;
    mark(i->marks->blobs, digest_hex(x->digest));
    IGNORE(
        json_load_path(i->store->fd, path, MANIFEST_BYTES_MAX, &json, NULL)); /* then it is lost */
    json_array_foreach(json_object_get(json, "manifests"), n, entry)
    {
        const char *digest = json_string_value(json_object_get(entry, "digest"));
        if (digest && digest_is_valid(digest)) {
            mark(i->marks->blobs, digest_hex(digest));
            note_manifest(i->store, i->marks, digest_hex(digest), digest);
        }
    }
    return 0;
}

static int mark_all(struct store *s, struct marks *m, struct error **err)
{
    CLEANUP(strv) struct strv ids = {0};
    CLEANUP(strv) struct strv containers = {0};
    CLEANUP(free) char *path = str_format("%s/containers", s->data_dir);
    int r = list_folder(s->fd, "ids", &ids, err);
    r = r < 0 ? r : mark_build_cache(s, m, err);
    r = r < 0 ? r : name_index_each(s->fd, mark_index, &(struct index_marks){s, m}, err);
    for (size_t i = 0; i < ids.count && r >= 0; i++) {
        r = str_ends(ids.items[i], ".json") ? mark_image(s, m, ids.items[i], err) : 0;
    }
    if (r >= 0) {
        r = list_folder(AT_FDCWD, path, &containers, err);
    }
    if (r < 0 || !containers.count) {
        return r;
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    r = fd < 0 ? fd : 0;
    for (size_t i = 0; i < containers.count && r >= 0; i++) {
        r = mark_container(fd, m, containers.items[i], err);
    }
    return r;
}

/* What a layer takes: its files. */
static int64_t layer_bytes(struct store *s, const char *hex)
{
    CLEANUP(free) char *chain = str_format("sha256:%s", hex);
    struct layer l;
    return digest_is_valid(chain) && layer_find(s, chain, &l) ? l.size : 0;
}

static int64_t file_bytes(struct store *s, const char *folder, const char *name)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    struct stat st;
    return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : 0;
}

/* `found` is called for each name in the folder that is not marked. */
typedef int found_unmarked(struct store *s, const char *folder, const char *name, void *context,
                           struct error **err);

/* `ret_unknown`: or NULL; why no blob was called, NULL when all were. The caller frees. */
static int each_unmarked(struct store *s, found_unmarked *found, void *context,
                         struct error **ret_unknown, struct error **err)
{
    enum { LAYERS = 2 }; /* which of the folders */
    CLEANUP(json) json_t *blobs = json_object();
    CLEANUP(json) json_t *layers = json_object();
    struct marks m = {blobs, layers, NULL};
    static const char *const folders[] = {"blobs/sha256", "deferred", "layers"};
    int r = mark_all(s, &m, err);
    for (size_t i = m.unknown ? LAYERS : 0; i < ARRAY_SIZE(folders) && r >= 0; i++) {
        CLEANUP(strv) struct strv names = {0};
        r = list_folder(s->fd, folders[i], &names, err);
        for (size_t n = 0; n < names.count && r >= 0; n++) {
            bool marked = json_object_get(i == LAYERS ? layers : blobs, names.items[n]);
            r = marked ? 0 : found(s, folders[i], names.items[n], context, err);
        }
    }
    if (r >= 0 && m.unknown && ret_unknown) {
        *ret_unknown = take_ptr(m.unknown);
    }
    error_free(m.unknown);
    return r;
}

static int move_away(struct store *s, const char *folder, const char *name, void *context,
                     struct error **err)
{
    const char *to = context;
    CLEANUP(free) char *from = str_format("%s/%s", folder, name);
    CLEANUP(free) char *target = str_format("%s/%s-%.1s", to, name, folder);
    return renameat(s->fd, from, s->fd, target) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", from)
               : 0;
}

int store_sweep(struct store *s, const char *to, struct error **ret_kept, struct error **err)
{
    *ret_kept = NULL;
    return each_unmarked(s, move_away, (void *)to, ret_kept, err);
}

static int add_bytes(struct store *s, const char *folder, const char *name, void *context,
                     struct error **err)
{
    int64_t *sum = context;
    *sum += str_equal(folder, "layers") ? layer_bytes(s, name) : file_bytes(s, folder, name);
    return 0;
}

int store_unused_bytes(struct store *s, int64_t *ret, struct error **err)
{
    *ret = 0;
    return each_unmarked(s, add_bytes, ret, NULL, err);
}
