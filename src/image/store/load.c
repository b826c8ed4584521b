// SPDX-License-Identifier: Apache-2.0
/* load: the images of an archive, Docker's (manifest.json) or an OCI image layout (index.json). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/store/archive.h"
#include "image/store/deferred.h"
#include "image/store/limits.h"
#include "image/store/manifest.h"
#include "image/store/tar_stream.h"
#include "image/store/verbs.h"

struct load {
    struct store *store;
    struct image_archive archive;
    struct unpack_limits limits;
    struct platform platform;
};

/* One image of the archive, before it is in the store. */
struct loaded {
    char *config, *manifest; /* texts; no manifest of Docker's */
    struct archive_file *layer_files[IMAGE_LAYERS_MAX];
    struct layer layers[IMAGE_LAYERS_MAX];
    size_t layer_count;
    struct strv diff_ids;
    struct strv names;
};

static void loaded_free(struct loaded *i)
{
    free(i->config);
    free(i->manifest);
    for (size_t n = 0; n < i->layer_count; n++) {
        layer_done(&i->layers[n]);
    }
    strv_done(&i->diff_ids);
    strv_done(&i->names);
    free(i);
}
DEFINE_CLEANUP(loaded, struct loaded *, loaded_free)

/* What was unpacked while the archive was read. */
static int take_unpacked(struct archive_file *f, struct loaded *i, size_t n, struct error **err)
{
    if (!str_equal(f->layer.diff_id, i->diff_ids.items[n])) {
        return error_set(err, ERROR_CORRUPT, 0,
                         "layer '%s': digest mismatch: the config names diffID '%s', the content "
                         "has '%s'",
                         f->name, i->diff_ids.items[n], f->layer.diff_id);
    }
    i->layers[n] = f->layer;
    f->layer = (struct layer){0};
    return 0;
}

static int read_file_layer(struct load *l, struct loaded *i, size_t n, struct error **err)
{
    struct archive_file *f = i->layer_files[n];
    if (f->error) {
        return error_move(err, &f->error, -f->error->code);
    }
    if (f->layer.tmp) {
        return take_unpacked(f, i, n, err);
    }
    CLEANUP(fd)
    int fd = f->path ? open_file(l->store->fd, f->path, O_RDONLY, 0, err)
                     : blob_open(l->store, f->digest, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, fd, f->name);
    CLEANUP(free) char *name = str_format("layer '%s'", f->name);
    struct layer_input in = {.source = &source.base,
                             .name = name,
                             .keep_as_is = i->manifest != NULL,
                             .digest = i->manifest ? f->digest : NULL,
                             .diff_id = i->diff_ids.items[n],
                             .limits = l->limits};
    return layer_read(l->store, &in, &i->layers[n], err);
}

/* What is unpacked already needs no reading, if its blob is of use here: the very one, or, for
 * Docker's format, which names none, any. */
static bool take_present(struct load *l, struct loaded *i, size_t n, const char *chain)
{
    struct layer there;
    int64_t size = 0;
    bool found = layer_find(l->store, chain, &there) && blob_exists(l->store, there.digest, &size);
    if (found && (!i->manifest || str_equal(there.digest, i->layer_files[n]->digest))) {
        i->layers[n] = there;
        return true;
    }
    return false;
}

static int read_layers(struct load *l, struct loaded *i, struct error **err)
{
    char chain[DIGEST_TEXT_BYTES], above[DIGEST_TEXT_BYTES];
    for (size_t n = 0; n < i->layer_count; n++) {
        digest_chain(n ? chain : NULL, i->diff_ids.items[n], above);
        memcpy(chain, above, sizeof(chain));
        int r = take_present(l, i, n, chain) ? 0 : read_file_layer(l, i, n, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int parse_names(const struct loaded *i, struct reference *ret, struct error **err)
{
    int r = 0;
    for (size_t n = 0; n < i->names.count && r >= 0; n++) {
        r = reference_parse(i->names.items[n], &ret[n], err);
    }
    return r;
}

static void tell(const struct reference *names, size_t count, const char *id)
{
    for (size_t n = 0; n < count; n++) {
        CLEANUP(free) char *familiar = reference_familiar(&names[n]);
        printf("Loaded image: %s\n", familiar);
    }
    if (!count) {
        printf("Loaded image ID: %s\n", id);
    }
}

static int store_image(struct load *l, struct loaded *i, struct error **err)
{
    CLEANUP(free) char *id = NULL;
    struct reference *names = xcalloc(i->names.count + 1, sizeof(*names));
    int r = parse_names(i, names, err);
    if (r >= 0) {
        r = config_diff_ids(i->config, strlen(i->config), i->layer_count, &i->diff_ids, err);
    }
    if (r >= 0) {
        r = read_layers(l, i, err);
    }
    if (r >= 0) {
        struct image_draft d = {.config = i->config,
                                .config_len = strlen(i->config),
                                .manifest = i->manifest,
                                .manifest_len = i->manifest ? strlen(i->manifest) : 0,
                                .layers = i->layers,
                                .layer_count = i->layer_count,
                                .names = names,
                                .name_count = i->names.count};
        r = image_add(l->store, &d, &id, err);
    }
    if (r >= 0) {
        tell(names, i->names.count, id);
    }
    for (size_t n = 0; n < i->names.count; n++) {
        reference_done(&names[n]);
    }
    free(names);
    return r;
}

static int missing(const char *what, const char *name, struct error **err)
{
    return error_set(err, ERROR_CORRUPT, 0, "%s '%s' is missing in the archive", what, name);
}

/* {"Config": "<hex>.json", "RepoTags": […], "Layers": ["<hex>/layer.tar", …]} */
static int load_docker_image(struct load *l, const json_t *json, struct error **err)
{
    CLEANUP(loaded) struct loaded *i = xcalloc(1, sizeof(*i));
    CLEANUP(strv) struct strv layers = {0};
    const char *config = "";
    int r;
    if ((r = json_get_str(json, "Config", "manifest.json", &config, err)) < 0 ||
        (r = json_get_strv(json, "RepoTags", "manifest.json", &i->names, err)) < 0 ||
        (r = json_get_strv(json, "Layers", "manifest.json", &layers, err)) < 0) {
        return r;
    }
    if (layers.count > IMAGE_LAYERS_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, E2BIG, "the image has %zu layers, more than %d",
                         layers.count, IMAGE_LAYERS_MAX);
    }
    const struct archive_file *f = image_archive_find(&l->archive, config);
    if (!f) {
        return missing("the config", config, err);
    }
    r = image_archive_text(&l->archive, f, CONFIG_BYTES_MAX, &i->config, err);
    for (size_t n = 0; n < layers.count && r >= 0; n++) {
        i->layer_files[n] = image_archive_find(&l->archive, layers.items[n]);
        i->layer_count++;
        r = i->layer_files[n] ? 0 : missing("the layer", layers.items[n], err);
    }
    return r < 0 ? r : store_image(l, i, err);
}

static int load_docker(struct load *l, const struct archive_file *f, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *json = NULL;
    int r = image_archive_text(&l->archive, f, MANIFEST_BYTES_MAX, &text, err);
    if (r >= 0) {
        r = json_parse(text, strlen(text), "manifest.json", &json, err);
    }
    if (r >= 0 && !json_is_array(json)) {
        r = error_set(err, ERROR_INVALID_INPUT, 0, "manifest.json is not an array");
    }
    size_t n;
    json_t *image;
    json_array_foreach(json, n, image)
    {
        r = r < 0 ? r : load_docker_image(l, image, err);
    }
    return r;
}

/* The annotations that tools use for the name; a bare tag, which is a name nowhere, is none. */
static void add_oci_name(const json_t *descriptor, struct strv *names)
{
    static const char *const keys[] = {"io.containerd.image.name",
                                       "org.opencontainers.image.ref.name"};
    const json_t *annotations = json_object_get(descriptor, "annotations");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *name = json_string_value(json_object_get(annotations, keys[i]));
        CLEANUP(reference) struct reference ref = {0};
        if (name && strpbrk(name, ":/") && reference_parse(name, &ref, NULL) >= 0) {
            strv_add(names, name);
            return;
        }
    }
}

static int blob_text(struct load *l, const struct content_descriptor *d, size_t max, char **ret,
                     struct error **err)
{
    struct archive_file *f = NULL;
    int r = image_archive_blob(&l->archive, d->digest, &f, err);
    return r < 0 ? r : image_archive_text(&l->archive, f, max, ret, err);
}

static int load_oci_manifest(struct load *l, const char *text, const json_t *json, struct loaded *i,
                             struct error **err)
{
    CLEANUP(manifest) struct manifest m = {0};
    int r = manifest_parse(json, "the manifest", &m, err);
    i->manifest = xstrdup(text);
    if (r >= 0) {
        r = blob_text(l, &m.config, CONFIG_BYTES_MAX, &i->config, err);
    }
    for (size_t n = 0; n < m.layer_count && r >= 0; n++) {
        r = image_archive_blob(&l->archive, m.layers[n].digest, &i->layer_files[n], err);
        i->layer_count++;
    }
    return r < 0 ? r : store_image(l, i, err);
}

/* An entry of index.json: a manifest, or an index with one manifest a platform. */
static int load_oci_image(struct load *l, const json_t *entry, struct error **err)
{
    CLEANUP(loaded) struct loaded *i = xcalloc(1, sizeof(*i));
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *json = NULL;
    struct content_descriptor d = {0};
    add_oci_name(entry, &i->names);
    int r = content_descriptor_parse(entry, "index.json", &d, err);
    for (int depth = 0; r >= 0; depth++) {
        r = blob_text(l, &d, MANIFEST_BYTES_MAX, &text, err);
        r = r < 0 ? r : json_parse(text, strlen(text), "the manifest", &json, err);
        if (r < 0 || !manifest_is_index(json, d.media_type)) {
            break;
        }
        content_descriptor_done(&d);
        r = depth < 4 ? index_choose(json, &l->platform, "the archive", &d, err)
                      : error_set(err, ERROR_INVALID_INPUT, ELOOP, "indexes within indexes");
        json_decref(take_ptr(json));
        free(take_ptr(text));
    }
    content_descriptor_done(&d);
    return r < 0 ? r : load_oci_manifest(l, text, json, i, err);
}

static int load_oci(struct load *l, const struct archive_file *f, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *json = NULL;
    json_t *manifests = NULL, *entry;
    size_t n;
    int r;
    if ((r = image_archive_text(&l->archive, f, MANIFEST_BYTES_MAX, &text, err)) < 0 ||
        (r = json_parse(text, strlen(text), "index.json", &json, err)) < 0 ||
        (r = json_get_array(json, "manifests", "index.json", &manifests, err)) < 0) {
        return r;
    }
    if (!json_array_size(manifests)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "index.json names no image");
    }
    json_array_foreach(manifests, n, entry)
    {
        r = r < 0 ? r : load_oci_image(l, entry, err);
    }
    return r;
}

static int load_archive(struct load *l, struct error **err)
{
    const struct archive_file *docker = image_archive_find(&l->archive, "manifest.json");
    const struct archive_file *oci = image_archive_find(&l->archive, "index.json");
    if (docker) {
        return load_docker(l, docker, err);
    }
    if (oci) {
        return load_oci(l, oci, err);
    }
    int r = error_set(err, ERROR_INVALID_INPUT, 0,
                      "no image archive: neither manifest.json nor index.json is in it");
    return error_hint(err, r, "a root file system's tarball is taken by 'cloison import'");
}

static int open_input(const char *input, int *ret, struct error **err)
{
    if (!input) {
        *ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        int r = isatty(STDIN_FILENO)
                    ? error_set(err, ERROR_USAGE, 0, "refusing to read an archive from a terminal")
                    : 0;
        return r < 0 ? error_hint(err, r, "redirect it, or use --input") : 0;
    }
    *ret = open_file(AT_FDCWD, input, O_RDONLY, 0, err);
    return *ret < 0 ? *ret : 0;
}

static int load_stream(struct load *l, int fd, const char *name, struct error **err)
{
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, fd, name);
    int r = image_archive_read(l->store, &source.base, name, &l->limits, &l->archive, err);
    if (r >= 0) {
        r = load_archive(l, err);
        r = r < 0 ? error_wrap(err, r, "'%s'", name) : r;
        image_archive_done(&l->archive);
    }
    return r;
}

/* An image layout may also be a folder, not packed. */
static int load_input(struct load *l, int fd, const char *name, struct error **err)
{
    struct stat st;
    struct tar_stream stream;
    if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return load_stream(l, fd, name, err);
    }
    int r = tar_stream_open(fd, false, &stream, err);
    return r < 0 ? r : tar_stream_close(&stream, load_stream(l, stream.fd, name, err), err);
}

int verb_load(const struct verb_request *request, struct error **err)
{
    const char *input = NULL, *platform = NULL;
    CLEANUP(fd) int fd = -1;
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    struct load l = {.store = &s};
    int r;
    platform_host(&l.platform);
    if ((r = json_get_str(request->json, "input", "request", &input, err)) < 0 ||
        (r = json_get_str(request->json, "platform", "request", &platform, err)) < 0 ||
        (r = platform ? platform_parse(platform, &l.platform, err) : 0) < 0 ||
        (r = limits_load(request->config_path, &l.limits, err)) < 0 ||
        (r = open_input(input, &fd, err)) < 0 || (r = store_open(request->data_dir, &s, err)) < 0 ||
        (r = store_start_unpacker(&s, true, err)) < 0) {
        return r;
    }
    return load_input(&l, fd, input ? input : "standard input", err);
}
