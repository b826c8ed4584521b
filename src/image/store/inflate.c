// SPDX-License-Identifier: Apache-2.0
#include "image/store/inflate.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "base/str.h"

#define MAGIC_BYTES 6 /* enough to tell what it is: xz's is the longest */
#define OUT_BYTES ((size_t)256 << 10)
#define ZSTD_WINDOW_LOG_MAX 27 /* 128 MiB, as zstd's own tool takes without being asked */

static int damaged(struct error **err, const char *why)
{
    return error_set(err, ERROR_CORRUPT, 0, "truncated or damaged: %s", why);
}

/* More input. 1: there is, 0: the end. */
static int fill(struct inflate *i, struct error **err)
{
    if (i->in_len) {
        return 1;
    }
    const void *bytes = NULL;
    ssize_t n = i->from->read(i->from, &bytes, err);
    if (n > 0) {
        i->in = bytes;
        i->in_len = (size_t)n;
    }
    return n < 0 ? (int)n : n > 0;
}

static ssize_t read_plain(struct inflate *i, const void **ret, struct error **err)
{
    int r = fill(i, err);
    if (r <= 0) {
        return r;
    }
    *ret = i->in;
    ssize_t n = (ssize_t)i->in_len;
    i->in_len = 0;
    return n;
}

static void begin_member(struct inflate *i)
{
    isal_inflate_init(i->gzip);
    i->gzip->crc_flag = ISAL_GZIP; /* header and checksum are its affair too */
    i->begun = true;
}

static ssize_t inflate_some(struct inflate *i, struct error **err)
{
    i->gzip->next_in = (unsigned char *)i->in; /* it does not write to it */
    i->gzip->avail_in = (uint32_t)i->in_len;
    i->gzip->next_out = (unsigned char *)i->out;
    i->gzip->avail_out = OUT_BYTES;
    int code = isal_inflate(i->gzip);
    if (i->gzip->avail_in > i->in_len) { /* it counts below zero in some broken headers */
        return damaged(err, "gzip: not a valid stream");
    }
    i->in += i->in_len ? i->in_len - i->gzip->avail_in : 0; /* at the end it may be nothing */
    i->in_len = i->gzip->avail_in;
    if (code < 0) { /* positive ones want more input */
        return damaged(err, code == ISAL_INCORRECT_CHECKSUM ? "gzip: the checksum is wrong"
                                                            : "gzip: not a valid stream");
    }
    if (i->gzip->block_state == ISAL_BLOCK_FINISH) {
        i->begun = false;
    }
    return (ssize_t)(OUT_BYTES - i->gzip->avail_out);
}

/* What follows a member is the next one, or of no meaning (zeros, often). */
static ssize_t read_gzip(struct inflate *i, const void **ret, struct error **err)
{
    *ret = i->out;
    while (!i->ended) {
        /* isal keeps output that did not fit: it may go on without input. */
        int r = fill(i, err);
        if (r < 0) {
            return r;
        }
        if (!i->begun && (r == 0 || i->in[0] != 0x1f)) {
            i->ended = true;
            return 0;
        }
        if (!i->begun) {
            begin_member(i);
        }
        size_t had = i->in_len;
        ssize_t n = inflate_some(i, err);
        if (n != 0) {
            return n;
        }
        if (i->begun && had == 0) {
            return damaged(err, "gzip: the stream has no end");
        }
    }
    return 0;
}

static ssize_t read_zstd(struct inflate *i, const void **ret, struct error **err)
{
    *ret = i->out;
    for (;;) {
        int r = fill(i, err);
        if (r < 0) {
            return r;
        }
        ZSTD_inBuffer from = {i->in, i->in_len, 0};
        ZSTD_outBuffer to = {i->out, OUT_BYTES, 0};
        size_t left = r == 0 && !i->begun ? 0 : ZSTD_decompressStream(i->zstd, &to, &from);
        if (ZSTD_isError(left)) {
            CLEANUP(free) char *why = str_format("zstd: %s", ZSTD_getErrorName(left));
            return damaged(err, why);
        }
        i->in += from.pos;
        i->in_len -= from.pos;
        i->begun = left != 0;
        if (to.pos) {
            return (ssize_t)to.pos;
        }
        if (r == 0) {
            return i->begun ? damaged(err, "zstd: the stream has no end") : 0;
        }
    }
}

static ssize_t feed_other(struct archive *a, void *context, const void **ret)
{
    struct inflate *i = context;
    ssize_t n = i->error ? -1 : read_plain(i, ret, &i->error);
    if (n < 0) {
        archive_set_error(a, EIO, "reading failed"); /* i->error has the words */
    }
    return n < 0 ? -1 : n;
}

static ssize_t other_failed(struct inflate *i, struct error **err)
{
    return i->error ? error_move(err, &i->error, -i->error->code)
                    : damaged(err, str_or(archive_error_string(i->other), "unreadable"));
}

static ssize_t read_other(struct inflate *i, const void **ret, struct error **err)
{
    size_t len = 0;
    int64_t offset;
    if (!i->begun) {
        struct archive_entry *e;
        i->begun = true;
        if (archive_read_open(i->other, i, NULL, feed_other, NULL) != ARCHIVE_OK ||
            archive_read_next_header(i->other, &e) != ARCHIVE_OK) {
            return other_failed(i, err);
        }
    }
    int code = archive_read_data_block(i->other, ret, &len, &offset);
    return code == ARCHIVE_EOF ? 0 : code != ARCHIVE_OK ? other_failed(i, err) : (ssize_t)len;
}

static ssize_t read_inflated(struct source *base, const void **ret, struct error **err)
{
    struct inflate *i = (struct inflate *)base;
    switch (i->kind) {
    case COMPRESSION_GZIP:
        return read_gzip(i, ret, err);
    case COMPRESSION_ZSTD:
        return read_zstd(i, ret, err);
    case COMPRESSION_OTHER:
        return read_other(i, ret, err);
    case COMPRESSION_NONE:
        break;
    }
    return read_plain(i, ret, err);
}

static enum compression kind_of(const unsigned char *b, size_t len)
{
    if (len >= 4 && b[0] == 0x1f && b[1] == 0x8b) {
        return COMPRESSION_GZIP;
    }
    if (len >= 4 && memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0) {
        return COMPRESSION_ZSTD;
    }
    if (len >= 6 && (memcmp(b,
                            "\xfd"
                            "7zXZ",
                            6) == 0 ||
                     memcmp(b, "BZh", 3) == 0)) {
        return COMPRESSION_OTHER;
    }
    return COMPRESSION_NONE;
}

/* The first piece, or as many as it takes to tell what they are the begin of: a pipe may give them
 * byte by byte. */
static int fill_first(struct inflate *i, struct error **err)
{
    int r = fill(i, err);
    while (r > 0 && i->in_len < MAGIC_BYTES) {
        if (!i->first.len) {
            strbuf_add(&i->first, i->in, i->in_len);
        }
        i->in_len = 0;
        r = fill(i, err);
        strbuf_add(&i->first, i->in, i->in_len);
        i->in = (const unsigned char *)i->first.data;
        i->in_len = i->first.len;
    }
    return r < 0 ? r : i->in_len > 0;
}

int inflate_init(struct inflate *i, struct source *from, struct error **err)
{
    *i = (struct inflate){.base.read = read_inflated, .from = from};
    int r = fill_first(i, err);
    if (r <= 0) {
        return r < 0 ? r : error_set(err, ERROR_CORRUPT, 0, "truncated: it is empty");
    }
    i->kind = kind_of(i->in, i->in_len);
    if (i->kind == COMPRESSION_GZIP) {
        i->gzip = xcalloc(1, sizeof(*i->gzip));
    } else if (i->kind == COMPRESSION_ZSTD) {
        i->zstd = ZSTD_createDCtx();
        (void)ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
        i->begun = true;
    } else if (i->kind == COMPRESSION_OTHER) {
        i->other = archive_read_new();
        archive_read_support_filter_xz(i->other);
        archive_read_support_filter_bzip2(i->other);
        archive_read_support_format_raw(i->other);
    }
    i->out = i->gzip || i->zstd ? xmalloc(OUT_BYTES) : NULL;
    return 0;
}

int inflate_rest(struct inflate *i, struct error **err)
{
    int r;
    while ((r = fill(i, err)) > 0) {
        i->in_len = 0;
    }
    return r;
}

void inflate_done(struct inflate *i)
{
    archive_read_free(i->other);
    ZSTD_freeDCtx(i->zstd);
    free(i->gzip);
    free(i->out);
    strbuf_done(&i->first);
    error_free(i->error);
    *i = (struct inflate){0};
}
