// SPDX-License-Identifier: Apache-2.0
#include "image/store/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>

#include "image/layout.h"

#define ZSTD_LEVEL 3
#define TAR_END_BYTES 512 /* an archive ends with two blocks of zeros; one is enough to tell */

/* The pass: source → blob → decompressor → diffID → tar → files. Two libarchive readers in a row,
 * each pulling from what is in front of it. */
struct pass {
    struct store *store;
    const struct layer_input *in;
    struct blob_writer blob;
    bool recompress;
    ZSTD_CCtx *zstd;
    struct archive *plain; /* decompresses */
    struct archive *tar;
    struct digest *diff;
    int64_t tar_size;
    size_t zeros; /* at the end of the tar so far */
    const char *media_type;
    const void *first; /* the first bytes, read to see what they are */
    ssize_t first_len;
    struct error *error; /* why a callback failed */
};

static int compress_to_blob(struct pass *p, const void *bytes, size_t len,
                            ZSTD_EndDirective directive)
{
    char out[65536];
    ZSTD_inBuffer from = {bytes, len, 0};
    size_t left;
    do {
        ZSTD_outBuffer to = {out, sizeof(out), 0};
        left = ZSTD_compressStream2(p->zstd, &to, &from, directive);
        if (ZSTD_isError(left)) {
            return error_set(&p->error, ERROR_INTERNAL, 0, "compressing: %s",
                             ZSTD_getErrorName(left));
        }
        int r = blob_write(&p->blob, out, to.pos, &p->error);
        if (r < 0) {
            return r;
        }
    } while (from.pos < from.size || (directive == ZSTD_e_end && left));
    return 0;
}

static ssize_t fail_read(struct archive *a)
{
    archive_set_error(a, EIO, "reading failed"); /* p->error has the words */
    return -1;
}

static int keep(struct pass *p, const void *bytes, size_t len)
{
    if (p->in->blob_is_stored) {
        digest_add(p->blob.digest, bytes, len);
        p->blob.size += (int64_t)len;
        return 0;
    }
    return blob_write(&p->blob, bytes, len, &p->error);
}

/* What the decompressor reads: the bytes as they came. */
static ssize_t read_source(struct archive *a, void *context, const void **ret)
{
    struct pass *p = context;
    if (p->error) {
        return fail_read(a);
    }
    ssize_t n = p->first_len;
    if (p->first) {
        *ret = p->first;
        p->first = NULL;
    } else {
        n = p->in->source->read(p->in->source, ret, &p->error);
    }
    if (n > 0 && !p->recompress && keep(p, *ret, (size_t)n) < 0) {
        n = -1;
    }
    return n < 0 ? fail_read(a) : n;
}

static void note_plain(struct pass *p, const char *bytes, size_t len)
{
    digest_add(p->diff, bytes, len);
    p->tar_size += (int64_t)len;
    size_t n = 0;
    while (n < len && n < TAR_END_BYTES && bytes[len - 1 - n] == 0) {
        n++;
    }
    p->zeros = n == len ? p->zeros + n : n;
}

/* What the tar reader reads: the decompressed bytes. */
static ssize_t read_plain(struct archive *a, void *context, const void **ret)
{
    struct pass *p = context;
    size_t len = 0;
    int64_t offset;
    int r = archive_read_data_block(p->plain, ret, &len, &offset);
    if (r == ARCHIVE_EOF) {
        return 0;
    }
    if (r != ARCHIVE_OK) {
        archive_set_error(a, EIO, "%s", str_or(archive_error_string(p->plain), "damaged"));
        return -1;
    }
    note_plain(p, *ret, len);
    if (p->recompress && compress_to_blob(p, *ret, len, ZSTD_e_continue) < 0) {
        return fail_read(a);
    }
    return (ssize_t)len;
}

static int archive_failed(struct pass *p, struct archive *a, struct error **err)
{
    if (p->error) {
        return error_move(err, &p->error, -p->error->code);
    }
    return error_set(err, ERROR_CORRUPT, 0, "truncated or damaged: %s",
                     str_or(archive_error_string(a), "unreadable"));
}

static int sniff(struct pass *p, struct error **err)
{
    const void *bytes = NULL;
    p->first_len = p->in->source->read(p->in->source, &bytes, err);
    if (p->first_len < 0) {
        return (int)p->first_len;
    }
    if (p->first_len == 0) {
        return error_set(err, ERROR_CORRUPT, 0, "truncated: it is empty");
    }
    p->first = bytes;
    const unsigned char *b = bytes;
    p->media_type = MEDIA_LAYER_TAR;
    if (p->first_len >= 4 && b[0] == 0x1f && b[1] == 0x8b) {
        p->media_type = MEDIA_LAYER_GZIP;
    } else if (p->first_len >= 4 && memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0) {
        p->media_type = MEDIA_LAYER_ZSTD;
    } else if (!p->in->keep_as_is) {
        p->recompress = true;
        p->media_type = MEDIA_LAYER_ZSTD;
        p->zstd = ZSTD_createCCtx();
        (void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
        (void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
        (void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_nbWorkers, 1); /* where built with threads */
    }
    return 0;
}

static int open_readers(struct pass *p, struct error **err)
{
    p->plain = archive_read_new();
    p->tar = archive_read_new();
    archive_read_support_filter_gzip(p->plain);
    archive_read_support_filter_zstd(p->plain);
    archive_read_support_filter_xz(p->plain);
    archive_read_support_filter_bzip2(p->plain);
    archive_read_support_format_raw(p->plain);
    archive_read_support_format_tar(p->tar);
    struct archive_entry *e;
    if (archive_read_open(p->plain, p, NULL, read_source, NULL) != ARCHIVE_OK ||
        archive_read_next_header(p->plain, &e) != ARCHIVE_OK) {
        return archive_failed(p, p->plain, err);
    }
    return archive_read_open(p->tar, p, NULL, read_plain, NULL) == ARCHIVE_OK
               ? 0
               : archive_failed(p, p->tar, err);
}

static int unpack_all(struct pass *p, struct unpack *u, struct error **err)
{
    struct archive_entry *e;
    for (;;) {
        int r = archive_read_next_header(p->tar, &e);
        if (r == ARCHIVE_EOF) {
            return unpack_finish(u, err);
        }
        if (r == ARCHIVE_RETRY || r < ARCHIVE_WARN) {
            return archive_failed(p, p->tar, err);
        }
        r = unpack_entry(u, p->tar, e, err);
        if (r < 0 && p->error) { /* the cause, not that reading failed */
            if (err) {
                error_free(take_ptr(*err));
            }
            return archive_failed(p, p->tar, err);
        }
        if (r < 0) {
            return r;
        }
    }
}

/* What is behind the archive's end belongs to the digests too. */
static int read_rest(struct pass *p, struct error **err)
{
    const void *bytes;
    ssize_t n;
    while ((n = read_plain(p->tar, p, &bytes)) > 0) {
    }
    if (n == 0) {
        while ((n = read_source(p->plain, p, &bytes)) > 0) {
        }
    }
    if (n == 0 && p->recompress && compress_to_blob(p, "", 0, ZSTD_e_end) < 0) {
        n = -1;
    }
    return n < 0 ? archive_failed(p, p->tar, err) : 0;
}

static int check_digests(struct pass *p, struct layer *l, struct error **err)
{
    l->blob_size = p->blob.size;
    int r = blob_end(&p->blob, p->in->digest, l->digest, &l->tmp_blob, err);
    if (r < 0) {
        return r;
    }
    digest_end(p->diff, l->diff_id);
    if (p->in->diff_id && !str_equal(p->in->diff_id, l->diff_id)) {
        return error_set(err, ERROR_CORRUPT, 0,
                         "digest mismatch: the config names diffID '%s', the content has '%s'",
                         p->in->diff_id, l->diff_id);
    }
    if (p->in->needs_end_marker && p->zeros < TAR_END_BYTES) {
        return error_set(err, ERROR_CORRUPT, 0, "truncated: the archive has no end");
    }
    return 0;
}

static int run_pass(struct pass *p, struct layer *l, struct error **err)
{
    l->tmp = store_tmp_path(p->store, "layer");
    CLEANUP(free) char *diff = str_format("%s/diff", l->tmp);
    if (mkdirat(p->store->fd, l->tmp, 0700) < 0 || mkdirat(p->store->fd, diff, 0755) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a folder in the image store");
    }
    CLEANUP(fd) int root = open_file(p->store->fd, diff, O_RDONLY | O_DIRECTORY, 0, err);
    if (root < 0) {
        return root;
    }
    CLEANUP(unpack) struct unpack u;
    unpack_init(&u, root, &p->in->limits);
    int r = open_readers(p, err);
    if (r >= 0) {
        r = unpack_all(p, &u, err);
    }
    if (r >= 0) {
        r = read_rest(p, err);
    }
    if (r >= 0) {
        r = check_digests(p, l, err);
    }
    l->size = u.bytes;
    l->tar_size = p->tar_size;
    l->implied = u.implied;
    u.implied = (struct strv){0};
    l->media_type = p->media_type;
    return r;
}

int layer_read(struct store *s, const struct layer_input *in, struct layer *ret, struct error **err)
{
    struct pass p = {.store = s, .in = in, .diff = digest_new()};
    struct layer l = {0};
    int r = sniff(&p, err);
    if (r >= 0 && in->blob_is_stored) {
        p.blob = (struct blob_writer){.store = s, .fd = -1, .digest = digest_new()};
    } else if (r >= 0) {
        r = blob_begin(s, &p.blob, err);
    }
    if (r >= 0) {
        r = run_pass(&p, &l, err);
    }
    archive_read_free(p.tar);
    archive_read_free(p.plain);
    ZSTD_freeCCtx(p.zstd);
    digest_free(p.diff);
    blob_writer_done(&p.blob);
    error_free(p.error);
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
