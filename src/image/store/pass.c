// SPDX-License-Identifier: Apache-2.0
#include "image/store/pass.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <string.h>

#include "base/file.h"
#include "image/store/inflate.h"

#define PACK_LEVEL 2
#define TAR_END_BYTES 512 /* an archive ends with two blocks of zeros; one is enough to tell */

/* source → blob → decompressor → diffID → tar → files, each pulling from what is in front of it. */
struct pass {
    struct source base; /* in front of the decompressor: the bytes as they came, kept */
    const struct pass_request *request;
    struct source *source;
    int blob;
    bool recompress, source_failed;
    struct isal_zstream *packer;
    struct inflate plain;
    struct archive *tar;
    struct digest *packed, *diff;
    int64_t blob_size, tar_size;
    size_t zeros;        /* at the end of the tar so far */
    struct error *error; /* why a callback failed */
};

static int keep(struct pass *p, const void *bytes, size_t len, struct error **err)
{
    int r = p->blob >= 0 ? write_all(p->blob, bytes, len) : 0;
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "writing a blob");
    }
    digest_add(p->packed, bytes, len);
    p->blob_size += (int64_t)len;
    return 0;
}

static void begin_packing(struct pass *p)
{
    p->packer = xcalloc(1, sizeof(*p->packer));
    isal_deflate_init(p->packer);
    p->packer->level = PACK_LEVEL;
    p->packer->level_buf_size = ISAL_DEF_LVL2_DEFAULT;
    p->packer->level_buf = xmalloc(ISAL_DEF_LVL2_DEFAULT);
    p->packer->gzip_flag = IGZIP_GZIP;
}

static void end_packing(struct pass *p)
{
    if (p->packer) {
        free(p->packer->level_buf);
        free(p->packer);
    }
}

static int compress_to_blob(struct pass *p, const void *bytes, size_t len, bool end)
{
    unsigned char out[65536];
    struct isal_zstream *z = p->packer;
    z->next_in = (unsigned char *)bytes; /* it does not write to it */
    z->avail_in = (uint32_t)len;
    z->end_of_stream = end;
    do {
        z->next_out = out;
        z->avail_out = sizeof(out);
        if (isal_deflate(z) != COMP_OK) {
            return error_set(&p->error, ERROR_INTERNAL, 0, "compressing failed");
        }
        int r = keep(p, out, sizeof(out) - z->avail_out, &p->error);
        if (r < 0) {
            return r;
        }
    } while (z->avail_out == 0 || (end && z->internal_state.state != ZSTATE_END));
    return 0;
}

/* What the decompressor reads. What is to be compressed anew is kept behind it. */
static ssize_t read_and_keep(struct source *base, const void **ret, struct error **err)
{
    struct pass *p = (struct pass *)base;
    ssize_t n = p->source->read(p->source, ret, err);
    int r = n > 0 && !p->recompress ? keep(p, *ret, (size_t)n, err) : 0;
    p->source_failed = n < 0;
    return r < 0 ? r : n;
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
    ssize_t n = p->error ? -1 : p->plain.base.read(&p->plain.base, ret, &p->error);
    if (n > 0) {
        note_plain(p, *ret, (size_t)n);
        n = p->recompress && compress_to_blob(p, *ret, (size_t)n, false) < 0 ? -1 : n;
    }
    if (n < 0) {
        archive_set_error(a, EIO, "reading failed"); /* p->error has the words */
    }
    return n < 0 ? -1 : n;
}

static int archive_failed(struct pass *p, struct archive *a, struct error **err)
{
    if (p->error) {
        return error_move(err, &p->error, -p->error->code);
    }
    return error_set(err, ERROR_CORRUPT, 0, "truncated or damaged: %s",
                     str_or(archive_error_string(a), "unreadable"));
}

/* The first bytes tell what it is: only then is it known whether they are kept as they are. */
static int open_readers(struct pass *p, struct error **err)
{
    p->base.read = read_and_keep;
    p->recompress = true; /* that is: nothing is kept of the first bytes yet */
    int r = inflate_init(&p->plain, &p->base, err);
    if (r < 0) {
        return r;
    }
    bool packed = p->plain.kind == COMPRESSION_GZIP || p->plain.kind == COMPRESSION_ZSTD;
    p->recompress = !p->request->keep_as_is && !packed;
    if (p->recompress) {
        begin_packing(p);
    } else if ((r = keep(p, p->plain.in, p->plain.in_len, err)) < 0) {
        return r;
    }
    p->tar = archive_read_new();
    archive_read_support_format_tar(p->tar);
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
    while (read_plain(p->tar, p, &bytes) > 0) {
    }
    if (!p->error && inflate_rest(&p->plain, &p->error) >= 0 && p->recompress) {
        IGNORE(compress_to_blob(p, "", 0, true)); /* p->error tells */
    }
    return p->error ? error_move(err, &p->error, -p->error->code) : 0;
}

static int check_digests(struct pass *p, struct pass_result *ret, struct error **err)
{
    const struct pass_request *q = p->request;
    digest_end(p->packed, ret->digest);
    digest_end(p->diff, ret->diff_id);
    if (q->digest[0] && !str_equal(q->digest, ret->digest)) {
        return digest_mismatch(q->digest, ret->digest, err);
    }
    if (q->diff_id[0] && !str_equal(q->diff_id, ret->diff_id)) {
        return error_set(err, ERROR_CORRUPT, 0,
                         "digest mismatch: the config names diffID '%s', the content has '%s'",
                         q->diff_id, ret->diff_id);
    }
    if (q->needs_end_marker && p->zeros < TAR_END_BYTES) {
        return error_set(err, ERROR_CORRUPT, 0, "truncated: the archive has no end");
    }
    return 0;
}

/* What cannot be unpacked is first of all not what was asked for, if it is not. */
static int blame_digest(struct pass *p, int result, struct error **err)
{
    bool content =
        err && *err && ((*err)->kind == ERROR_CORRUPT || (*err)->kind == ERROR_INVALID_INPUT);
    if (!content || !p->request->digest[0] || p->source_failed) {
        return result;
    }
    const void *bytes;
    ssize_t n;
    while ((n = p->source->read(p->source, &bytes, NULL)) > 0) {
        digest_add(p->packed, bytes, (size_t)n);
    }
    char found[DIGEST_TEXT_BYTES];
    digest_end(p->packed, found);
    if (n < 0 || str_equal(found, p->request->digest)) {
        return result;
    }
    error_free(take_ptr(*err));
    return digest_mismatch(p->request->digest, found, err);
}

static int run(struct pass *p, struct unpack *u, struct pass_result *ret, struct error **err)
{
    int r = open_readers(p, err);
    if (r >= 0) {
        r = unpack_all(p, u, err);
    }
    if (r >= 0) {
        r = read_rest(p, err);
    }
    return r >= 0 ? check_digests(p, ret, err) : blame_digest(p, r, err);
}

int pass_run(const struct pass_request *request, struct source *source, int root, int blob,
             struct pass_result *ret, struct error **err)
{
    struct pass p = {.request = request,
                     .source = source,
                     .blob = blob,
                     .packed = digest_new(),
                     .diff = digest_new()};
    CLEANUP(unpack) struct unpack u;
    *ret = (struct pass_result){0};
    unpack_init(&u, root, &request->limits);
    int r = run(&p, &u, ret, err);
    ret->blob_size = p.blob_size;
    ret->tar_size = p.tar_size;
    ret->size = u.bytes;
    ret->format = p.recompress || p.plain.kind == COMPRESSION_GZIP ? LAYER_GZIP
                  : p.plain.kind == COMPRESSION_ZSTD               ? LAYER_ZSTD
                                                                   : LAYER_TAR;
    ret->implied = u.implied;
    ret->opaque = u.opaque;
    u.implied = u.opaque = (struct strv){0};
    archive_read_free(p.tar);
    inflate_done(&p.plain);
    end_packing(&p);
    digest_free(p.packed);
    digest_free(p.diff);
    error_free(p.error);
    return r;
}

void pass_result_done(struct pass_result *r)
{
    strv_done(&r->implied);
    strv_done(&r->opaque);
}
