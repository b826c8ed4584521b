// SPDX-License-Identifier: Apache-2.0
/* save: images to a tar, Docker's format (layers as plain tars, manifest.json) or an OCI image
 * layout (blobs as they are, index.json). */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "image/layout.h"
#include "image/name_index.h"
#include "image/store/deferred.h"
#include "image/store/interrupt.h"
#include "image/store/layer.h"
#include "image/store/manifest.h"
#include "image/store/output.h"
#include "image/store/verbs.h"

enum save_format { SAVE_DOCKER, SAVE_OCI, SAVE_OCI_FOLDER };

struct save {
    struct store *store;
    enum save_format format;
    int folder, file; /* of SAVE_OCI_FOLDER: where the entries are files, and the last one */
    struct archive *tar;
    struct strv written;   /* names of entries: shared layers stand once */
    json_t *list;          /* manifest.json, or the manifests of index.json */
    struct strv platforms; /* that the images must have */
    const char *index;     /* one without a name; or NULL */
    int fd;
    struct error *error; /* why writing failed */
};

static ssize_t to_fd(struct archive *a, void *context, const void *bytes, size_t len)
{
    struct save *s = context;
    int r = interrupt_check(&s->error);
    if (r >= 0 && (r = write_all(s->fd, bytes, len)) < 0) {
        r = error_set_errno(&s->error, ERROR_KERNEL, -r, "writing the archive");
    }
    if (r < 0) {
        archive_set_error(a, -r, "writing failed");
        return -1;
    }
    return (ssize_t)len;
}

static int tar_failed(struct save *s, struct error **err)
{
    return s->error ? error_move(err, &s->error, -s->error->code)
                    : error_set(err, ERROR_INTERNAL, 0, "writing the archive: %s",
                                str_or(archive_error_string(s->tar), "failed"));
}

static int begin_file(struct save *s, const char *name, struct error **err)
{
    fd_close(s->file);
    s->file = open_file(s->folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
    return s->file < 0 ? s->file : 0;
}

static int put_header(struct save *s, const char *name, int64_t size, struct error **err)
{
    if (s->format == SAVE_OCI_FOLDER) {
        return begin_file(s, name, err);
    }
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_mode(e, S_IFREG | 0644);
    archive_entry_set_size(e, size);
    archive_entry_set_mtime(e, 0, 0); /* the same image gives the same archive */
    int code = archive_write_header(s->tar, e);
    archive_entry_free(e);
    return code == ARCHIVE_OK ? 0 : tar_failed(s, err);
}

static int put_data(struct save *s, const void *bytes, size_t len, struct error **err)
{
    if (s->format == SAVE_OCI_FOLDER) {
        int r = write_all(s->file, bytes, len);
        return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing the image layout") : 0;
    }
    return archive_write_data(s->tar, bytes, len) == (la_ssize_t)len ? 0 : tar_failed(s, err);
}

static int put_text(struct save *s, const char *name, const char *text, struct error **err)
{
    int r = put_header(s, name, (int64_t)strlen(text), err);
    return r < 0 ? r : put_data(s, text, strlen(text), err);
}

static int put_json(struct save *s, const char *name, const json_t *json, struct error **err)
{
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    return put_text(s, name, text, err);
}

/* 1: to be written, and noted as written. */
static int first_time(struct save *s, const char *name)
{
    if (strv_contains(&s->written, name)) {
        return 0;
    }
    strv_add(&s->written, name);
    return 1;
}

/* A blob as it is; what it says is checked again on the way. */
static int put_blob(struct save *s, const char *digest, const char *name, struct error **err)
{
    CLEANUP(fd) int fd = blob_open(s->store, digest, err);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return fd < 0 ? fd : error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", digest);
    }
    int r = put_header(s, name, st.st_size, err);
    CLEANUP(source_fd) struct source_fd source;
    CLEANUP(digest) struct digest *check = digest_new();
    const void *bytes;
    ssize_t n = 0;
    source_fd_init(&source, fd, digest);
    while (r >= 0 && (n = source.base.read(&source.base, &bytes, err)) > 0) {
        digest_add(check, bytes, (size_t)n);
        r = put_data(s, bytes, (size_t)n, err);
    }
    if (r < 0 || n < 0) {
        return r < 0 ? r : (int)n;
    }
    char found[DIGEST_TEXT_BYTES];
    digest_end(check, found);
    return str_equal(found, digest)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0, "the store's blob '%s' is damaged", digest);
}

/* The layer as a plain tar, which must be what its diffID says. */
static int put_plain(struct save *s, const struct layer *l, struct archive *plain,
                     struct error **err)
{
    CLEANUP(digest) struct digest *check = digest_new();
    const void *bytes;
    size_t len;
    int64_t offset, size = 0;
    int code;
    while ((code = archive_read_data_block(plain, &bytes, &len, &offset)) == ARCHIVE_OK) {
        digest_add(check, bytes, len);
        size += (int64_t)len;
        int r = size > l->tar_size ? -1 : put_data(s, bytes, len, err);
        if (r < 0 && size <= l->tar_size) {
            return r;
        }
    }
    char found[DIGEST_TEXT_BYTES];
    digest_end(check, found);
    return code == ARCHIVE_EOF && str_equal(found, l->diff_id)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0, "the store's blob '%s' is damaged", l->digest);
}

static int put_docker_layer(struct save *s, const struct layer *l, const char *name,
                            struct error **err)
{
    CLEANUP(fd) int fd = blob_open(s->store, l->digest, err);
    if (fd < 0) {
        return fd;
    }
    struct archive *plain = archive_read_new();
    struct archive_entry *e;
    archive_read_support_filter_gzip(plain);
    archive_read_support_filter_zstd(plain);
    archive_read_support_format_raw(plain);
    int r = put_header(s, name, l->tar_size, err);
    if (r >= 0) {
        r = archive_read_open_fd(plain, fd, SOURCE_FD_BYTES) == ARCHIVE_OK &&
                    archive_read_next_header(plain, &e) == ARCHIVE_OK
                ? put_plain(s, l, plain, err)
                : error_set(err, ERROR_CORRUPT, 0, "the store's blob '%s' is damaged", l->digest);
    }
    archive_read_free(plain);
    return r;
}

/* "<store>/layers/<hex>/diff" → the layer, with the blob that the manifest names if it is here. */
static int find_layer(struct save *s, const char *diff_path, struct layer *ret, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, diff_path, '/');
    CLEANUP(free) char *chain = str_format("sha256:%s", parts.items[parts.count - 2]);
    return layer_find(s->store, chain, ret)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0, "the layer '%s' is not in the store", chain);
}

static int put_docker_layers(struct save *s, const struct image *i, json_t *names,
                             struct error **err)
{
    for (size_t n = i->layers.count; n > 0; n--) { /* base first */
        struct layer l;
        int r = find_layer(s, i->layers.items[n - 1], &l, err);
        if (r < 0) {
            return r;
        }
        CLEANUP(free) char *name = str_format("%s.tar", digest_hex(l.diff_id));
        if (first_time(s, name) && (r = put_docker_layer(s, &l, name, err)) < 0) {
            return r;
        }
        json_array_append_new(names, json_string(name));
    }
    return 0;
}

static int put_docker_image(struct save *s, const struct image *i, const char *full,
                            struct error **err)
{
    CLEANUP(free) char *config = str_format("%s.json", digest_hex(i->id));
    CLEANUP(json) json_t *layers = json_array();
    int r = put_docker_layers(s, i, layers, err);
    if (r >= 0 && first_time(s, config)) {
        r = put_blob(s, i->id, config, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *familiar = full ? reference_text_familiar(full, false) : NULL;
    size_t n;
    json_t *entry;
    json_array_foreach(s->list, n, entry)
    {
        if (str_equal(json_string_value(json_object_get(entry, "Config")), config)) {
            if (familiar) {
                json_array_append_new(json_object_get(entry, "RepoTags"), json_string(familiar));
            }
            return 0;
        }
    }
    json_t *tags = familiar ? json_pack("[s]", familiar) : json_array();
    json_array_append_new(s->list, json_pack("{s:s, s:o, s:O}", "Config", config, "RepoTags", tags,
                                             "Layers", layers));
    return 0;
}

static int put_oci_blob(struct save *s, const char *digest, struct error **err)
{
    CLEANUP(free) char *name = layout_blob(digest);
    return first_time(s, name) ? put_blob(s, digest, name, err) : 0;
}

static void add_oci_entry(struct save *s, const char *type, const char *digest, const char *full)
{
    int64_t size = 0;
    (void)blob_exists(s->store, digest, &size); /* just read */
    json_t *entry =
        json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)size);
    if (full) {
        json_object_set_new(entry, "annotations",
                            json_pack("{s:s, s:s}", "io.containerd.image.name", full,
                                      "org.opencontainers.image.ref.name", full));
    }
    json_array_append_new(s->list, entry);
}

/* A manifest of whichever kind, and what it names. */
static int put_oci_manifest(struct save *s, const char *digest, struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(json) json_t *json = NULL;
    json_t *layer;
    size_t i;
    int r = json_load_path(s->store->fd, path, MANIFEST_BYTES_MAX, &json, err);
    const char *config =
        json_string_value(json_object_get(json_object_get(json, "config"), "digest"));
    json_array_foreach(json_object_get(json, "layers"), i, layer)
    {
        const char *blob = json_string_value(json_object_get(layer, "digest"));
        r = r < 0 ? r : put_oci_blob(s, str_or(blob, ""), err);
    }
    r = r < 0 ? r : put_oci_blob(s, str_or(config, ""), err);
    return r < 0 ? r : put_oci_blob(s, digest, err);
}

static int put_oci_index(struct save *s, const char *digest, const char *full, struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(json) json_t *json = NULL;
    json_t *entry;
    size_t i;
    int r = json_load_path(s->store->fd, path, MANIFEST_BYTES_MAX, &json, err);
    json_array_foreach(json_object_get(json, "manifests"), i, entry)
    {
        const char *member = json_string_value(json_object_get(entry, "digest"));
        r = r < 0 ? r : put_oci_manifest(s, str_or(member, ""), err);
    }
    r = r < 0 ? r : put_oci_blob(s, digest, err);
    if (r >= 0) {
        add_oci_entry(s, MEDIA_INDEX, digest, full);
    }
    return r;
}

static int put_oci_image(struct save *s, const struct image *i, const char *full,
                         struct error **err)
{
    CLEANUP(free) char *path = layout_blob(i->manifest_digest);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(manifest) struct manifest m = {0};
    int r;
    if ((r = json_load_path(s->store->fd, path, MANIFEST_BYTES_MAX, &json, err)) < 0 ||
        (r = manifest_parse(json, "the manifest", &m, err)) < 0) {
        return r;
    }
    for (size_t n = 0; n < m.layer_count && r >= 0; n++) {
        r = put_oci_blob(s, m.layers[n].digest, err);
    }
    if (r < 0 || (r = put_oci_blob(s, i->id, err)) < 0 ||
        (r = put_oci_blob(s, i->manifest_digest, err)) < 0) {
        return r;
    }
    const char *type = json_string_value(json_object_get(json, "mediaType"));
    add_oci_entry(s, str_or(type, MEDIA_MANIFEST), i->manifest_digest, full);
    return 0;
}

static int put_image(struct save *s, const char *name, struct error **err)
{
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(name_index) struct name_index of = {0};
    CLEANUP(free) char *full = NULL;
    const char *one = s->platforms.count == 1 && !strchr(s->platforms.items[0], ',')
                          ? s->platforms.items[0]
                          : NULL;
    int r = image_resolve_for(s->store->data_dir, name, one, &i, err);
    r = r < 0 ? r : image_check_platforms(i, name, &s->platforms, err);
    if (r < 0) {
        return r;
    }
    if (i->name && reference_parse(name, &ref, NULL) >= 0 && !ref.digest) {
        full = reference_full(&ref);
    }
    bool index = s->format != SAVE_DOCKER && full && !s->platforms.count &&
                 name_index_read(s->store->fd, &ref, &of) > 0;
    r = s->format == SAVE_DOCKER ? put_docker_image(s, i, full, err)
        : index                  ? put_oci_index(s, of.digest, full, err)
                                 : put_oci_image(s, i, full, err);
    return r < 0 ? error_wrap(err, r, "saving '%s'", name) : 0;
}

static int put_end(struct save *s, struct error **err)
{
    int r;
    if (s->format != SAVE_DOCKER) {
        CLEANUP(json)
        json_t *index = json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", MEDIA_INDEX,
                                  "manifests", s->list);
        r = put_text(s, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err);
        r = r < 0 ? r : put_json(s, "index.json", index, err);
    } else {
        r = put_json(s, "manifest.json", s->list, err);
    }
    return r >= 0 && s->tar && archive_write_close(s->tar) != ARCHIVE_OK ? tar_failed(s, err) : r;
}

static int put_all(struct save *s, const struct strv *names, struct error **err)
{
    CLEANUP(json) json_t *list = json_array();
    s->list = list;
    int r = s->index ? put_oci_index(s, s->index, NULL, err) : 0;
    for (size_t i = 0; i < names->count && r >= 0; i++) {
        r = put_image(s, names->items[i], err);
    }
    r = r < 0 ? r : put_end(s, err);
    strv_done(&s->written);
    error_free(s->error);
    return r;
}

static int write_archive(struct save *s, const struct strv *names, struct error **err)
{
    s->tar = archive_write_new();
    archive_write_set_format_pax_restricted(s->tar);
    archive_write_set_bytes_per_block(s->tar, 1 << 16);
    archive_write_set_bytes_in_last_block(s->tar, 1); /* no padding but the format's */
    int r = archive_write_open(s->tar, s, NULL, to_fd, NULL) == ARCHIVE_OK ? 0 : tar_failed(s, err);
    r = r < 0 ? r : put_all(s, names, err);
    archive_write_free(s->tar);
    return r;
}

/* index.json is written last: what is cut short is no layout. */
static int write_folder(struct save *s, const char *path, const struct strv *names,
                        struct error **err)
{
    CLEANUP(free) char *blobs = str_format("%s/blobs/sha256", path);
    int r = mkdir_all(blobs, 0755, err);
    if (r < 0 || (s->folder = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err)) < 0) {
        return r < 0 ? r : s->folder;
    }
    r = put_all(s, names, err);
    fd_close(s->file);
    if (r >= 0 && syncfs(s->folder) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", path);
    }
    s->folder = fd_close(s->folder);
    return r;
}

static int check_format(const char *format, const char *output, enum save_format *ret,
                        struct error **err)
{
    static const char *const docker[] = {"docker-archive", "docker", NULL};
    static const char *const oci[] = {"oci-archive", "oci", NULL};
    *ret = str_in(format, docker) ? SAVE_DOCKER : str_in(format, oci) ? SAVE_OCI : SAVE_OCI_FOLDER;
    if (*ret == SAVE_OCI_FOLDER && !str_equal(format, "oci-dir")) {
        return error_set(err, ERROR_USAGE, 0,
                         "--format: '%s' is none of 'docker-archive', 'oci-archive' and 'oci-dir'",
                         format);
    }
    if (*ret == SAVE_OCI_FOLDER && !output) {
        return error_set(err, ERROR_USAGE, 0, "--format oci-dir needs a folder: --output");
    }
    return 0;
}

static int write_output(struct save *s, const char *output, const struct strv *names,
                        struct error **err)
{
    struct output out;
    int r = output_open(output, &out, err);
    if (r < 0) {
        return r;
    }
    s->fd = out.fd;
    return output_close(&out, write_archive(s, names, err), err);
}

int verb_save(const struct verb_request *request, struct error **err)
{
    const char *output = NULL, *format = "docker-archive";
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(store) struct store store = {.fd = -1, .lock = -1};
    struct save s = {.store = &store, .fd = STDOUT_FILENO, .folder = -1, .file = -1};
    int r;
    if ((r = json_get_strv(request->json, "images", "request", &names, err)) < 0 ||
        (r = json_get_str(request->json, "output", "request", &output, err)) < 0 ||
        (r = json_get_str(request->json, "format", "request", &format, err)) < 0 ||
        (r = json_get_strv(request->json, "platforms", "request", &s.platforms, err)) < 0 ||
        (r = json_get_str(request->json, "index", "request", &s.index, err)) < 0 ||
        (r = check_format(format, output, &s.format, err)) < 0 ||
        (r = store_open_to_read(request->data_dir, &store, err)) < 0) {
        return r;
    }
    r = s.format == SAVE_OCI_FOLDER ? write_folder(&s, output, &names, err)
                                    : write_output(&s, output, &names, err);
    strv_done(&s.platforms);
    return r;
}
