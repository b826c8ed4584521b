// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/layout.h"
#include "image/store/store.h"

int blob_begin(struct store *s, struct blob_writer *ret, struct error **err)
{
    struct blob_writer w = {.store = s, .path = store_tmp_path(s, "blob")};
    w.fd = open_file(s->fd, w.path, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (w.fd < 0) {
        free(w.path);
        return w.fd;
    }
    w.digest = digest_new();
    *ret = w;
    return 0;
}

int blob_write(struct blob_writer *w, const void *bytes, size_t len, struct error **err)
{
    int r = write_all(w->fd, bytes, len);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "writing a blob");
    }
    digest_add(w->digest, bytes, len);
    w->size += (int64_t)len;
    return 0;
}

int blob_end(struct blob_writer *w, const char *expected, char ret_digest[DIGEST_TEXT_BYTES],
             char **ret_path, struct error **err)
{
    digest_end(w->digest, ret_digest);
    if (expected && !str_equal(expected, ret_digest)) {
        return digest_mismatch(expected, ret_digest, err);
    }
    *ret_path = take_ptr(w->path);
    return 0;
}

int blob_commit(struct blob_writer *w, const char *expected, char ret_digest[DIGEST_TEXT_BYTES],
                struct error **err)
{
    CLEANUP(free) char *path = NULL;
    int r = blob_end(w, expected, ret_digest, &path, err);
    return r < 0 ? r : blob_add_file(w->store, path, ret_digest, err);
}

void blob_writer_done(struct blob_writer *w)
{
    if (w->path) {
        (void)unlinkat(w->store->fd, w->path, 0); /* goes with the temporary folder else */
        free(w->path);
    }
    if (w->digest) {
        digest_free(w->digest);
        fd_close(w->fd);
    }
    *w = (struct blob_writer){.fd = -1};
}

static bool has_content(struct store *s, const char *digest, const void *bytes, size_t len)
{
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(free) char *content = NULL;
    size_t found = 0;
    return file_read(s->fd, path, len, &content, &found, NULL) >= 0 && found == len &&
           memcmp(content, bytes, len) == 0;
}

int blob_add(struct store *s, const void *bytes, size_t len, char ret_digest[DIGEST_TEXT_BYTES],
             struct error **err)
{
    digest_of(bytes, len, ret_digest);
    if (has_content(s, ret_digest, bytes, len)) {
        return 0;
    }
    CLEANUP(blob_writer) struct blob_writer w = {.fd = -1};
    int r = blob_begin(s, &w, err);
    if (r >= 0) {
        r = blob_write(&w, bytes, len, err);
    }
    return r < 0 ? r : blob_commit(&w, NULL, ret_digest, err);
}

int blob_add_file(struct store *s, const char *path, const char *digest, struct error **err)
{
    CLEANUP(free) char *blob = layout_blob(digest);
    if (renameat(s->fd, path, s->fd, blob) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "keeping the blob '%s'", digest);
    }
    return 0;
}
