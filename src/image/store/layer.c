// SPDX-License-Identifier: Apache-2.0
#include "image/store/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

/* Its two folders and, unless it is kept already, the blob's file. */
static int make_room(struct store *s, const struct layer_input *in, struct layer *l, int *ret_blob,
                     struct error **err)
{
    l->tmp = store_tmp_path(s, "layer");
    CLEANUP(free) char *diff = str_format("%s/diff", l->tmp);
    if (mkdirat(s->fd, l->tmp, 0700) < 0 || mkdirat(s->fd, diff, 0755) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a folder in the image store");
    }
    if (in->blob_is_stored) {
        return 0;
    }
    l->tmp_blob = store_tmp_path(s, "blob");
    *ret_blob = open_file(s->fd, l->tmp_blob, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    return *ret_blob < 0 ? *ret_blob : 0;
}

/* The confined process has no right to set overlayfs's marks. A later entry may have taken the
 * folder's place. */
static int mark_opaque(struct store *s, const struct layer *l, const struct strv *paths,
                       struct error **err)
{
    CLEANUP(free) char *diff = str_format("%s/diff", l->tmp);
    CLEANUP(fd) int root = open_file(s->fd, diff, O_PATH | O_DIRECTORY, 0, err);
    if (root < 0) {
        return root;
    }
    for (size_t i = 0; i < paths->count; i++) {
        CLEANUP(fd)
        int fd = open_in_root(root, paths->items[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd >= 0 && fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "marking the folder '%s' opaque",
                                   paths->items[i]);
        }
    }
    return 0;
}

static void set_digest(char to[DIGEST_TEXT_BYTES], const char *from)
{
    memcpy(to, str_or(from, ""), from ? DIGEST_TEXT_BYTES : 1);
}

static void take_result(struct layer *l, struct pass_result *r)
{
    static const char *const types[] = {[LAYER_TAR] = MEDIA_LAYER_TAR,
                                        [LAYER_GZIP] = MEDIA_LAYER_GZIP,
                                        [LAYER_ZSTD] = MEDIA_LAYER_ZSTD};
    memcpy(l->digest, r->digest, sizeof(l->digest));
    memcpy(l->diff_id, r->diff_id, sizeof(l->diff_id));
    l->blob_size = r->blob_size;
    l->tar_size = r->tar_size;
    l->size = r->size;
    l->media_type = types[r->format];
    l->implied = r->implied;
    r->implied = (struct strv){0};
}

static int unpack(struct store *s, const struct layer_input *in, struct layer *l, int blob,
                  struct error **err)
{
    struct pass_request request = {.keep_as_is = in->keep_as_is,
                                   .needs_end_marker = in->needs_end_marker,
                                   .limits = in->limits};
    struct pass_result result;
    CLEANUP(free) char *diff = str_format("%s/diff", strrchr(l->tmp, '/') + 1);
    set_digest(request.digest, in->digest);
    set_digest(request.diff_id, in->diff_id);
    int r = unpacker_run(&s->unpacker, &request, in->source, diff, blob, &result, err);
    if (r >= 0) {
        take_result(l, &result);
        r = mark_opaque(s, l, &result.opaque, err);
    }
    pass_result_done(&result);
    return r;
}

int layer_read(struct store *s, const struct layer_input *in, struct layer *ret, struct error **err)
{
    struct layer l = {0};
    CLEANUP(fd) int blob = -1;
    int r = make_room(s, in, &l, &blob, err);
    if (r >= 0) {
        r = unpack(s, in, &l, blob, err);
    }
    if (r < 0) {
        if (l.tmp) { /* a full disk needs the room now */
            IGNORE(remove_tree(s->fd, l.tmp, NULL));
        }
        if (l.tmp_blob) {
            (void)unlinkat(s->fd, l.tmp_blob, 0);
        }
        layer_done(&l);
        return error_wrap(err, r, "%s", in->name);
    }
    *ret = l;
    return 0;
}

void layer_done(struct layer *l)
{
    free(take_ptr(l->tmp));
    free(take_ptr(l->tmp_blob));
    strv_done(&l->implied);
}
