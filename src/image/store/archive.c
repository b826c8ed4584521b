// SPDX-License-Identifier: Apache-2.0
#include "image/store/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/layout.h"

#define FILES_MAX 100000
#define LINKS_MAX 8
#define BLOBS "blobs/" /* what lies there is called after its digest */

struct reading {
    struct source *source;
    struct error *error;
};

static ssize_t read_source(struct archive *a, void *context, const void **ret)
{
    struct reading *r = context;
    ssize_t n = r->error ? -1 : r->source->read(r->source, ret, &r->error);
    if (n < 0) {
        archive_set_error(a, EIO, "reading failed"); /* r->error has the words */
    }
    return n < 0 ? -1 : n;
}

static int damaged(struct reading *r, struct archive *a, struct error **err)
{
    if (r->error) {
        return error_move(err, &r->error, -r->error->code);
    }
    return error_set(err, ERROR_CORRUPT, 0, "truncated or damaged: %s",
                     str_or(archive_error_string(a), "unreadable"));
}

/* The content of the entry that the archive stands at. */
struct content {
    struct source base;
    struct reading *reading;
    struct archive *archive;
    const struct archive_file *file;
    int64_t size, size_max; /* so far; that it may have */
    const void *first;      /* what content_begin() has read already */
    size_t first_len;
};

static ssize_t read_content(struct source *base, const void **ret, struct error **err)
{
    struct content *c = (struct content *)base;
    size_t len = c->first_len;
    int64_t offset = 0;
    if (len) {
        *ret = c->first;
        c->first_len = 0;
        return (ssize_t)len;
    }
    int code = archive_read_data_block(c->archive, ret, &len, &offset);
    if (code == ARCHIVE_EOF) {
        return 0;
    }
    if (code != ARCHIVE_OK) {
        return damaged(c->reading, c->archive, err);
    }
    if (offset != c->size || offset + (int64_t)len > c->size_max) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG, "the entry '%s' is %s", c->file->name,
                         offset != c->size ? "sparse" : "larger than a layer may be");
    }
    c->size += (int64_t)len;
    return len ? (ssize_t)len : read_content(base, ret, err);
}

/* Reads as far as to know what it is. */
static int content_begin(struct content *c, struct error **err)
{
    c->base.read = read_content;
    ssize_t n = read_content(&c->base, &c->first, err);
    c->first_len = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)n : 0;
}

static int spool(struct image_archive *x, struct content *c, struct archive_file *f,
                 struct error **err)
{
    f->path = store_tmp_path(x->store, "file");
    CLEANUP(fd)
    int fd = open_file(x->store->fd, f->path, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(digest) struct digest *digest = digest_new();
    const void *bytes;
    ssize_t n;
    while ((n = read_content(&c->base, &bytes, err)) > 0) {
        int w = write_all(fd, bytes, (size_t)n);
        if (w < 0) {
            return error_set_errno(err, ERROR_KERNEL, -w, "the entry '%s'", f->name);
        }
        digest_add(digest, bytes, (size_t)n);
    }
    digest_end(digest, f->digest);
    return (int)n;
}

static bool is_packed(const struct content *c)
{
    const char *b = c->first;
    return c->first_len >= 4 &&
           (memcmp(b, "\x1f\x8b", 2) == 0 || memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0);
}

/* A layer, which can be unpacked before it is known whose it is: the blob is kept either
 * as it came, or, uncompressed and not named by its digest, as gzip. */
static bool is_layer(const struct content *c)
{
    bool tar = c->first_len >= 512 && memcmp((const char *)c->first + 257, "ustar", 5) == 0;
    return is_packed(c) || (tar && !str_starts(c->file->name, BLOBS));
}

/* {"<diffID>": "<digest of the blob>"} of the layers that the store has. */
static int list_known(struct image_archive *x, struct error **err)
{
    CLEANUP(strv) struct strv chains = {0};
    x->known = json_object();
    int r = list_folder(x->store->fd, "layers", &chains, err);
    for (size_t i = 0; i < chains.count && r >= 0; i++) {
        CLEANUP(free) char *chain = str_format("sha256:%s", chains.items[i]);
        struct layer l;
        if (digest_is_valid(chain) && layer_find(x->store, chain, &l) &&
            blob_exists(x->store, l.digest, NULL)) {
            json_object_set_new(x->known, l.diff_id, json_string(l.digest));
        }
    }
    return r;
}

/* Whether the store has what the entry is called after, a digest, as a blob: 1, then *ret_named is
 * that digest and f->digest the blob's, or 0. An archive's plain layer may be here compressed. */
static int find_known(struct image_archive *x, const struct content *c, struct archive_file *f,
                      char ret_named[DIGEST_TEXT_BYTES], struct error **err)
{
    const char *slash = strrchr(f->name, '/');
    snprintf(ret_named, DIGEST_TEXT_BYTES, "sha256:%.64s", slash ? slash + 1 : f->name);
    if (!digest_is_valid(ret_named)) {
        return 0;
    }
    if (str_starts(f->name, BLOBS) || is_packed(c)) {
        memcpy(f->digest, ret_named, DIGEST_TEXT_BYTES);
        return blob_exists(x->store, ret_named, NULL);
    }
    int r = x->known ? 0 : list_known(x, err);
    const char *blob = json_string_value(json_object_get(x->known, ret_named));
    snprintf(f->digest, sizeof(f->digest), "%s", str_or(blob, ""));
    return r < 0 ? r : blob != NULL;
}

/* A layer that the store has: all that is asked of it is to be what its name says. */
static int pass_over(struct content *c, const struct archive_file *f, const char *named,
                     struct error **err)
{
    CLEANUP(digest) struct digest *digest = digest_new();
    char found[DIGEST_TEXT_BYTES];
    const void *bytes;
    ssize_t n;
    while ((n = read_content(&c->base, &bytes, err)) > 0) {
        digest_add(digest, bytes, (size_t)n);
    }
    digest_end(digest, found);
    return n < 0 || str_equal(found, named)
               ? (int)n
               : error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' has the content of '%s'",
                           f->name, found);
}

/* The layer that is unpacked while it is read. What is wrong with it is told if an image needs it.
 */
static int unpack_layer(struct image_archive *x, struct content *c, struct archive_file *f,
                        const struct unpack_limits *limits, struct error **err)
{
    CLEANUP(free) char *name = str_format("layer '%s'", f->name);
    CLEANUP(error) struct error *why = NULL;
    struct layer_input in = {.source = &c->base, .name = name, .limits = *limits};
    int r = layer_read(x->store, &in, &f->layer, &why);
    if (r < 0 && (why->kind == ERROR_CORRUPT || why->kind == ERROR_INVALID_INPUT)) {
        f->error = take_ptr(why);
        return 0; /* the archive's reader skips the rest */
    }
    if (r < 0) {
        return error_move(err, &why, r);
    }
    memcpy(f->digest, f->layer.digest, sizeof(f->digest));
    f->path = store_tmp_path(x->store, "file"); /* for whoever needs it a second time */
    return linkat(x->store->fd, f->layer.tmp_blob, x->store->fd, f->path, 0) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "the entry '%s'", f->name)
               : 0;
}

/* A symlink's target is relative to its folder, a hard link's to the archive. */
static char *link_target(const char *name, const char *symlink, const char *hardlink)
{
    if (hardlink) {
        return unpack_clean_path(hardlink);
    }
    CLEANUP(strv) struct strv parts = {0};
    const char *slash = strrchr(name, '/');
    CLEANUP(free) char *folder = xstrndup(name, slash ? (size_t)(slash - name) : 0);
    CLEANUP(free) char *joined = str_format("%s/%s", folder, symlink);
    struct strv clean = {0};
    strv_split(&parts, joined, '/');
    for (size_t i = 0; i < parts.count; i++) {
        const char *part = parts.items[i];
        if (str_equal(part, "..") && clean.count) {
            free(clean.items[--clean.count]);
            clean.items[clean.count] = NULL;
        } else if (*part && !str_equal(part, ".") && !str_equal(part, "..")) {
            strv_add(&clean, part);
        }
    }
    char *text = strv_join(&clean, "/");
    strv_done(&clean);
    return text;
}

static int add_entry(struct image_archive *x, struct reading *r, struct archive *a,
                     struct archive_entry *e, const struct unpack_limits *limits,
                     struct error **err)
{
    const char *raw = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
    mode_t type = archive_entry_filetype(e);
    CLEANUP(free) char *name = raw ? unpack_clean_path(raw) : NULL;
    if (!name) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the entry '%s' has a '..' in its path",
                         str_or(raw, "?"));
    }
    if (!hard && type != AE_IFREG && type != AE_IFLNK) {
        return 0; /* folders say nothing here */
    }
    if (x->count == FILES_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG, "more than %d entries", FILES_MAX);
    }
    if ((x->count & (x->count - 1)) == 0) { /* full at the powers of two */
        x->files = xrealloc(x->files, (x->count ? 2 * x->count : 1) * sizeof(*x->files));
    }
    struct archive_file *f = &x->files[x->count++];
    *f = (struct archive_file){.name = take_ptr(name)};
    if (hard || type == AE_IFLNK) {
        f->link = link_target(f->name, str_or(archive_entry_symlink(e), ""), hard);
        return 0;
    }
    struct content c = {.reading = r, .archive = a, .file = f, .size_max = limits->bytes_max};
    int begun = content_begin(&c, err);
    if (begun < 0 || !is_layer(&c)) {
        return begun < 0 ? begun : spool(x, &c, f, err);
    }
    char named[DIGEST_TEXT_BYTES];
    int known = find_known(x, &c, f, named, err);
    return known < 0   ? known
           : known > 0 ? pass_over(&c, f, named, err)
                       : unpack_layer(x, &c, f, limits, err);
}

static int read_all_entries(struct image_archive *x, struct reading *r, struct archive *a,
                            const struct unpack_limits *limits, struct error **err)
{
    struct archive_entry *e;
    if (archive_read_open(a, r, NULL, read_source, NULL) != ARCHIVE_OK) {
        return damaged(r, a, err);
    }
    for (;;) {
        int code = archive_read_next_header(a, &e);
        if (code == ARCHIVE_EOF) {
            return 0;
        }
        if (code == ARCHIVE_RETRY || code < ARCHIVE_WARN) {
            return damaged(r, a, err);
        }
        int result = add_entry(x, r, a, e, limits, err);
        if (result < 0) {
            return result;
        }
    }
}

int image_archive_read(struct store *s, struct source *source, const char *name,
                       const struct unpack_limits *limits, struct image_archive *ret,
                       struct error **err)
{
    struct image_archive x = {.store = s};
    struct reading reading = {.source = source};
    struct archive *a = archive_read_new();
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_format_tar(a);
    int r = read_all_entries(&x, &reading, a, limits, err);
    archive_read_free(a);
    error_free(reading.error);
    if (r < 0) {
        image_archive_done(&x);
        return error_wrap(err, r, "'%s'", name);
    }
    *ret = x;
    return 0;
}

void image_archive_done(struct image_archive *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct archive_file *f = &a->files[i];
        if (f->path) {
            (void)unlinkat(a->store->fd, f->path, 0); /* goes with the temporary folder else */
        }
        free(f->name);
        free(f->link);
        free(f->path);
        layer_done(&f->layer);
        error_free(f->error);
    }
    free(a->files);
    json_decref(a->known);
    *a = (struct image_archive){0};
}

/* The last entry of a name counts. */
static struct archive_file *find_entry(const struct image_archive *a, const char *name)
{
    for (size_t i = a->count; i > 0; i--) {
        if (str_equal(a->files[i - 1].name, name)) {
            return &a->files[i - 1];
        }
    }
    return NULL;
}

struct archive_file *image_archive_find(const struct image_archive *a, const char *name)
{
    CLEANUP(free) char *clean = unpack_clean_path(name);
    struct archive_file *f = clean ? find_entry(a, clean) : NULL;
    for (int i = 0; f && f->link && i < LINKS_MAX; i++) {
        f = find_entry(a, f->link);
    }
    return f && !f->link ? f : NULL;
}

int image_archive_blob(const struct image_archive *a, const char *digest, struct archive_file **ret,
                       struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    struct archive_file *f = image_archive_find(a, path);
    if (!f) {
        return error_set(err, ERROR_CORRUPT, 0, "the blob '%s' is missing", digest);
    }
    if (!str_equal(f->digest, digest)) {
        return error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' has the content of '%s'",
                         path, f->digest);
    }
    *ret = f;
    return 0;
}

int image_archive_text(const struct image_archive *a, const struct archive_file *f, size_t max,
                       char **ret, struct error **err)
{
    if (!f->path) {
        CLEANUP(free) char *blob = layout_blob(f->digest);
        return file_read(a->store->fd, blob, max, ret, NULL, err);
    }
    return file_read(a->store->fd, f->path, max, ret, NULL, err);
}
