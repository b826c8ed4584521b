// SPDX-License-Identifier: Apache-2.0
/* Whether blobs are what their names say, and unpacked layers what their blobs say: the long part,
 * shared among the processors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/layout.h"
#include "image/store/check.h"
#include "image/store/compare.h"
#include "image/store/deferred.h"
#include "image/store/interrupt.h"
#include "image/store/layer.h"
#include "image/store/parallel.h"

struct work {
    struct check *check;
    struct strv items; /* hex digits */
};

/* The check goes on with the others; the first failure that is the machine's ends it. */
static void note_failure(struct check *c, struct error **why)
{
    pthread_mutex_lock(&c->lock);
    if (!c->error) {
        c->error = take_ptr(*why);
    }
    pthread_mutex_unlock(&c->lock);
}

int check_blob_content(struct store *s, const char *hex, struct error **err)
{
    CLEANUP(free) char *path = str_format("blobs/sha256/%s", hex);
    CLEANUP(fd) int fd = open_file(s->fd, path, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    CLEANUP(digest) struct digest *digest = digest_new();
    char found[DIGEST_TEXT_BYTES];
    const void *bytes;
    ssize_t n;
    source_fd_init(&source, fd, path);
    while ((n = source.base.read(&source.base, &bytes, err)) > 0) {
        digest_add(digest, bytes, (size_t)n);
    }
    if (n < 0) {
        return (int)n;
    }
    digest_end(digest, found);
    return str_equal(digest_hex(found), hex)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0, "damaged: its content has the digest '%s'",
                           found);
}

static void check_blob(void *context, size_t i)
{
    struct work *w = context;
    struct check *c = w->check;
    const char *hex = w->items.items[i];
    const json_t *entry = json_object_get(c->references.blobs, hex);
    CLEANUP(error) struct error *why = NULL;
    if (c->error || check_blob_content(c->store, hex, &why) >= 0 || why->code == ENOENT) {
        return; /* gone meanwhile, or whole */
    }
    if (why->kind == ERROR_CORRUPT || why->code == EIO) {
        CLEANUP(free) char *digest = str_format("sha256:%s", hex);
        check_note(c, PROBLEM_BLOB, digest, json_object_get(entry, "images"), "%s", why->message);
    } else {
        note_failure(c, &why);
    }
}

/* Those that images refer to must be there, and have the size that the manifest says. */
static void check_presence(struct check *c)
{
    const char *hex;
    json_t *entry;
    json_object_foreach(c->references.blobs, hex, entry)
    {
        CLEANUP(free) char *digest = str_format("sha256:%s", hex);
        const json_t *images = json_object_get(entry, "images");
        int64_t want = json_integer_value(json_object_get(entry, "size")), size = 0;
        if (!blob_exists(c->store, digest, &size)) {
            check_note(c, PROBLEM_BLOB, digest, images, "missing");
        } else if (want >= 0 && size != want) {
            check_note(c, PROBLEM_BLOB, digest, images,
                       "damaged: it has %lld bytes, its manifest says %lld", (long long)size,
                       (long long)want);
        }
    }
}

static bool is_noted(const struct check *c, const char *digest)
{
    for (size_t i = 0; i < c->problem_count; i++) {
        if (str_equal(c->problems[i].object, digest)) {
            return true;
        }
    }
    return false;
}

/* Unreferenced ones too: the next pull would take them for what their names say. Layers' blobs are
 * hashed when they are unpacked. */
int check_blobs(struct check *c, struct error **err)
{
    CLEANUP(strv) struct strv all = {0};
    struct work w = {.check = c};
    check_presence(c);
    int r = list_folder(c->store->fd, "blobs/sha256", &all, err);
    for (size_t i = 0; i < all.count && r >= 0; i++) {
        CLEANUP(free) char *digest = str_format("sha256:%s", all.items[i]);
        const json_t *entry = json_object_get(c->references.blobs, all.items[i]);
        int64_t size = 0;
        if (!digest_is_valid(digest)) {
            check_note(c, PROBLEM_BLOB, all.items[i], NULL, "its name is no digest");
            continue;
        }
        if (blob_exists(c->store, digest, &size)) {
            c->blobs++;
            c->bytes += size;
            c->unused_bytes += entry ? 0 : size;
        }
        if (!json_is_true(json_object_get(entry, "layer")) && !is_noted(c, digest)) {
            strv_add(&w.items, all.items[i]);
        }
    }
    if (r >= 0 && !c->quick) {
        parallel_run(w.items.count, parallel_processors(), check_blob, &w);
    }
    strv_done(&w.items);
    return r;
}

/* The blob says what ought to be there. 0 when there is nothing to compare with. */
static int unpack_again(struct check *c, const char *chain, const json_t *entry, struct layer *ret,
                        struct error **err)
{
    const char *blob = json_string_value(json_object_get(entry, "blob"));
    CLEANUP(free) char *path = layout_blob(blob);
    CLEANUP(fd) int fd = open_file(c->store->fd, path, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, fd, path);
    struct layer_input in = {.source = &source.base,
                             .name = chain,
                             .keep_as_is = true,
                             .blob_is_stored = true,
                             .digest = blob,
                             .diff_id = json_string_value(json_object_get(entry, "diffID")),
                             .limits = c->limits};
    return layer_read(c->store, &in, ret, err);
}

static int compare_layer(struct check *c, const char *chain, const struct layer *again,
                         char **ret_difference, struct error **err)
{
    CLEANUP(free) char *is_path = str_format("layers/%s/diff", chain);
    CLEANUP(free) char *ought_path = str_format("%s/diff", again->tmp);
    CLEANUP(fd) int is = open_file(c->store->fd, is_path, O_RDONLY | O_DIRECTORY, 0, err);
    CLEANUP(fd)
    int ought = is < 0 ? -1 : open_file(c->store->fd, ought_path, O_RDONLY | O_DIRECTORY, 0, err);
    return is < 0 || ought < 0 ? -ENOENT
                               : compare_trees(is, ought, &again->implied, ret_difference, err);
}

/* A full or read-only disk hinders the comparison; it is no fault of the store. */
static void cannot_unpack(struct check *c, const char *blob, const json_t *images,
                          struct error **why)
{
    struct error *e = *why;
    if (e->kind == ERROR_CORRUPT || e->kind == ERROR_INVALID_INPUT) {
        check_note(c, PROBLEM_BLOB, blob, images, "damaged: %s", e->message);
    } else if (e->code == ENOSPC || e->code == EROFS || e->code == EDQUOT) {
        pthread_mutex_lock(&c->lock);
        if (!c->not_compared++) {
            c->not_compared_why = xstrdup(e->message);
        }
        pthread_mutex_unlock(&c->lock);
    } else if (e->code != ENOENT) { /* missing: told by check_blobs() */
        note_failure(c, why);
    }
}

static bool is_whole(struct check *c, const char *chain, const json_t *entry)
{
    CLEANUP(free) char *id = str_format("sha256:%s", chain);
    CLEANUP(free) char *diff = str_format("layers/%s/diff", chain);
    const json_t *images = json_object_get(entry, "images");
    struct layer l;
    if (faccessat(c->store->fd, diff, F_OK, 0) < 0) {
        check_note(c, PROBLEM_LAYER, id, images, "missing");
        return false;
    }
    if (!layer_find(c->store, id, &l)) {
        check_note(c, PROBLEM_LAYER, id, images, "its layer.json is missing or damaged");
        return false;
    }
    if (!str_equal(l.diff_id, json_string_value(json_object_get(entry, "diffID")))) {
        check_note(c, PROBLEM_LAYER, id, images, "its layer.json names another diffID");
        return false;
    }
    return true;
}

/* Its files are all there is of it: their archive must be the one that was hashed. */
static void check_deferred(struct check *c, const char *chain, const json_t *entry)
{
    CLEANUP(free) char *id = str_format("sha256:%s", chain);
    CLEANUP(error) struct error *why = NULL;
    char found[DIGEST_TEXT_BYTES];
    if (layer_digest(c->store, id, found, &why) < 0) {
        note_failure(c, &why);
    } else if (!str_equal(found, json_string_value(json_object_get(entry, "diffID")))) {
        check_note(c, PROBLEM_LAYER, id, json_object_get(entry, "images"),
                   "damaged: its files have the digest '%s' now", found);
    }
}

static void check_layer(void *context, size_t i)
{
    struct work *w = context;
    struct check *c = w->check;
    const char *chain = w->items.items[i];
    const json_t *entry = json_object_get(c->references.layers, chain);
    const json_t *images = json_object_get(entry, "images");
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(free) char *difference = NULL;
    struct layer again = {0};
    if (c->error || !is_whole(c, chain, entry) || c->quick) {
        return;
    }
    if (blob_is_deferred(c->store, json_string_value(json_object_get(entry, "blob")))) {
        check_deferred(c, chain, entry);
    } else if (unpack_again(c, chain, entry, &again, &why) < 0) {
        cannot_unpack(c, json_string_value(json_object_get(entry, "blob")), images, &why);
    } else if (compare_layer(c, chain, &again, &difference, &why) < 0) {
        note_failure(c, &why);
    } else if (difference) {
        CLEANUP(free) char *id = str_format("sha256:%s", chain);
        check_note(c, PROBLEM_LAYER, id, images, "damaged: %s", difference);
    }
    if (again.tmp) {
        IGNORE(remove_tree(c->store->fd, again.tmp, NULL)); /* goes with the temporary folder */
    }
    layer_done(&again);
}

/* A blob that is a layer's in another image too, or under another manifest, has not been read. */
static void add_other_blobs(struct check *c, struct strv *ret)
{
    CLEANUP(json) json_t *read = json_object();
    const char *hex;
    json_t *entry;
    json_object_foreach(c->references.layers, hex, entry)
    {
        const char *blob = json_string_value(json_object_get(entry, "blob"));
        json_object_set_new(read, digest_hex(blob), json_true());
    }
    json_object_foreach(c->references.blobs, hex, entry)
    {
        CLEANUP(free) char *digest = str_format("sha256:%s", hex);
        if (json_is_true(json_object_get(entry, "layer")) && !json_object_get(read, hex) &&
            !is_noted(c, digest)) {
            strv_add(ret, hex);
        }
    }
}

int check_layers(struct check *c, struct error **err)
{
    struct work w = {.check = c}, others = {.check = c};
    const char *hex;
    json_t *entry;
    json_object_foreach(c->references.layers, hex, entry)
    {
        strv_add(&w.items, hex);
    }
    c->layers = w.items.count;
    parallel_run(w.items.count, parallel_processors(), check_layer, &w);
    if (!c->quick) {
        add_other_blobs(c, &others.items);
        parallel_run(others.items.count, parallel_processors(), check_blob, &others);
    }
    strv_done(&w.items);
    strv_done(&others.items);
    return c->error ? error_move(err, &c->error, -c->error->code) : 0;
}
