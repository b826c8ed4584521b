// SPDX-License-Identifier: Apache-2.0
/* Layers put together: each gets its chainID, the folders that its archive did not speak of get the
 * attributes that they have below, all of it reaches the disk, then it gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "image/layout.h"
#include "image/store/deferred.h"
#include "image/store/layer.h"

/* Where the layer's files are now. */
static char *diff_path(const struct layer *l)
{
    CLEANUP(free) char *folder = l->tmp ? xstrdup(l->tmp) : layout_layer(digest_hex(l->chain_id));
    return str_format("%s/diff", folder);
}

/* 1: found below and copied. The folder hides what is below it, so its mode must be the same. */
static int copy_attributes(struct store *s, const struct layer *below, int fd, const char *path)
{
    CLEANUP(free) char *diff = diff_path(below);
    CLEANUP(fd) int root = openat(s->fd, diff, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd) int from = root < 0 ? -1 : open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0) {
        return 0;
    }
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    bool done = fchown(fd, st.st_uid, st.st_gid) == 0 && fchmod(fd, st.st_mode & 07777) == 0 &&
                futimens(fd, times) == 0;
    return done ? 1 : -errno;
}

static int fix_implied(struct store *s, const struct layer *layers, size_t at, struct error **err)
{
    CLEANUP(free) char *diff = diff_path(&layers[at]);
    CLEANUP(fd) int root = open_file(s->fd, diff, O_PATH | O_DIRECTORY, 0, err);
    if (root < 0) {
        return root;
    }
    for (size_t i = 0; i < layers[at].implied.count; i++) {
        const char *path = layers[at].implied.items[i];
        CLEANUP(fd) int fd = open_in_root(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        int found = 0;
        for (size_t below = at; fd >= 0 && below > 0 && found == 0; below--) {
            found = copy_attributes(s, &layers[below - 1], fd, path);
        }
        if (found < 0) {
            return error_set_errno(err, ERROR_KERNEL, -found, "the folder '%s' of a layer", path);
        }
    }
    return 0;
}

static int write_layer_json(struct store *s, const struct layer *l, const char *parent,
                            struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/layer.json", l->tmp);
    CLEANUP(json)
    json_t *json = json_pack("{s:s, s:s, s:s?, s:I, s:I, s:s, s:I, s:s}", "diffID", l->diff_id,
                             "chainID", l->chain_id, "parent", parent, "size", (json_int_t)l->size,
                             "tarSize", (json_int_t)l->tar_size, "blob", l->digest, "blobSize",
                             (json_int_t)l->blob_size, "mediaType", l->media_type);
    return json_save_path(s->fd, path, json, 0600, false, err);
}

static int prepare(struct store *s, struct layer *layers, size_t at, struct error **err)
{
    struct layer *l = &layers[at];
    const char *parent = at ? layers[at - 1].chain_id : NULL;
    digest_chain(parent, l->diff_id, l->chain_id);
    struct layer there;
    if (layer_find(s, l->chain_id, &there)) {
        l->size = there.size;
        if (l->tmp) {
            IGNORE(remove_tree(s->fd, l->tmp, NULL)); /* the temporary folder goes at the end */
            free(take_ptr(l->tmp));
        }
        return 0;
    }
    if (!l->tmp) {
        return error_set(err, ERROR_CORRUPT, 0, "the layer '%s' is not in the store", l->chain_id);
    }
    int r = fix_implied(s, layers, at, err);
    return r < 0 ? r : write_layer_json(s, l, parent, err);
}

/* Another writer may have made the same layer meanwhile: then ours is not needed. What is there
 * without its layer.json was left by a repair or a user, and makes room. */
static int give_name(struct store *s, const struct layer *l, struct error **err)
{
    CLEANUP(free) char *path = layout_layer(digest_hex(l->chain_id));
    if (renameat2(s->fd, l->tmp, s->fd, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    int code = errno;
    struct layer there;
    if (code == EEXIST && layer_find(s, l->chain_id, &there)) {
        return 0;
    }
    if (code == EEXIST && renameat2(s->fd, l->tmp, s->fd, path, RENAME_EXCHANGE) == 0) {
        return 0;
    }
    return error_set_errno(err, ERROR_KERNEL, code, "keeping the layer '%s'", l->chain_id);
}

int layers_commit(struct store *s, struct layer *layers, size_t count, struct error **err)
{
    bool new = false;
    for (size_t i = 0; i < count; i++) {
        int r = prepare(s, layers, i, err);
        if (r < 0) {
            return r;
        }
        new = new || layers[i].tmp || layers[i].tmp_blob;
    }
    int r = new ? store_sync(s, err) : 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = layers[i].deferred   ? blob_defer(s, &layers[i], err)
            : layers[i].tmp_blob ? blob_add_file(s, layers[i].tmp_blob, layers[i].digest, err)
                                 : 0;
        if (r >= 0 && layers[i].tmp) {
            r = give_name(s, &layers[i], err);
        }
        if (r >= 0) { /* what is left under the temporary name goes with the temporary folder */
            free(take_ptr(layers[i].tmp_blob));
            free(take_ptr(layers[i].tmp));
        }
    }
    return r;
}
