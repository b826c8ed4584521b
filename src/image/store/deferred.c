// SPDX-License-Identifier: Apache-2.0
#include "image/store/deferred.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/layout.h"
#include "image/store/tree_tar.h"

#define FOLDER "deferred"

int blob_defer(struct store *s, const struct layer *l, struct error **err)
{
    CLEANUP(free) char *path = layout_deferred(l->digest);
    CLEANUP(free) char *target = layout_deferred_target(l->chain_id);
    CLEANUP(free) char *tmp = store_tmp_path(s, FOLDER);
    if (mkdirat(s->fd, FOLDER, 0700) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making '%s/" FOLDER "'", s->path);
    }
    return symlinkat(target, s->fd, tmp) < 0 || renameat(s->fd, tmp, s->fd, path) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "making '%s/%s'", s->path, path)
               : 0;
}

static int put_to_digest(void *context, const void *bytes, size_t len, struct error **err)
{
    (void)err;
    digest_add(context, bytes, len);
    return 0;
}

static int put_to_blob(void *context, const void *bytes, size_t len, struct error **err)
{
    return blob_write(context, bytes, len, err);
}

static int archive_layer(struct store *s, const char *chain_id, const struct tree_tar *tar,
                         struct error **err)
{
    CLEANUP(free) char *layer = layout_layer(digest_hex(chain_id));
    CLEANUP(free) char *diff = str_format("%s/diff", layer);
    CLEANUP(fd) int folder = open_file(s->fd, diff, O_RDONLY | O_DIRECTORY, 0, err);
    return folder < 0 ? folder : tree_tar_folder(tar, folder, err);
}

int layer_digest(struct store *s, const char *chain_id, char ret[DIGEST_TEXT_BYTES],
                 struct error **err)
{
    CLEANUP(digest) struct digest *digest = digest_new();
    struct tree_tar tar = {.is_upper = true, .fd = -1, .put = put_to_digest, .context = digest};
    int r = archive_layer(s, chain_id, &tar, err);
    if (r >= 0) {
        digest_end(digest, ret);
    }
    return r;
}

/* It gets its name when it is on the disk: until then the link stands for it. */
static int make_blob(struct store *s, const char *digest, const char *chain_id, struct error **err)
{
    CLEANUP(blob_writer) struct blob_writer w = {.fd = -1};
    char found[DIGEST_TEXT_BYTES];
    int r = blob_begin(s, &w, err);
    if (r < 0) {
        return r;
    }
    struct tree_tar tar = {.is_upper = true, .fd = -1, .put = put_to_blob, .context = &w};
    CLEANUP(free) char *path = NULL;
    r = archive_layer(s, chain_id, &tar, err);
    r = r < 0 ? r : blob_end(&w, NULL, found, &path, err);
    if (r >= 0 && !str_equal(found, digest)) {
        (void)unlinkat(s->fd, path, 0); /* goes with the temporary folder else */
        return error_set(err, ERROR_CORRUPT, 0,
                         "the files of the layer '%s' have changed since it was built: build the "
                         "image again",
                         chain_id);
    }
    if (r >= 0 && fdatasync(w.fd) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "writing the blob of a layer");
    }
    return r < 0 ? r : blob_add_file(s, path, digest, err);
}

int blob_open(struct store *s, const char *digest, struct error **err)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(error) struct error *why = NULL;
    struct layer l;
    int fd = open_file(s->fd, path, O_RDONLY, 0, &why);
    if (fd == -ENOENT && layer_of_deferred(s, digest, &l)) {
        int r = make_blob(s, digest, l.chain_id, err);
        return r < 0 ? r : open_file(s->fd, path, O_RDONLY, 0, err);
    }
    return fd < 0 ? error_move(err, &why, fd) : fd;
}

bool blob_is_deferred(const struct store *s, const char *digest)
{
    CLEANUP(free) char *path = layout_blob(digest);
    struct layer l;
    return faccessat(s->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
           layer_of_deferred(s, digest, &l);
}
