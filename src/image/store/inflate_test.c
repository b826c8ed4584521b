// SPDX-License-Identifier: Apache-2.0
#include "image/store/inflate.h"

#include <zlib.h>
#include <zstd.h>

#include "base/test.h"

struct pieces { /* gives `size` bytes at a time, each time from a buffer of its own */
    struct source base;
    const unsigned char *bytes;
    size_t len, size;
    unsigned char *piece;
};

static ssize_t read_piece(struct source *base, const void **ret, struct error **err)
{
    struct pieces *p = (struct pieces *)base;
    size_t n = p->len < p->size ? p->len : p->size;
    free(p->piece);
    p->piece = xmalloc(n + 1);
    memcpy(p->piece, p->bytes, n);
    p->bytes += n;
    p->len -= n;
    *ret = p->piece;
    return (ssize_t)n;
}

/* Appends a member that holds `count` letters. */
static void add_member(struct strbuf *to, char letter, size_t count)
{
    unsigned char out[512];
    CLEANUP(free) char *text = xmalloc(count);
    memset(text, letter, count);
    z_stream z = {.next_in = (unsigned char *)text,
                  .avail_in = (unsigned)count,
                  .next_out = out,
                  .avail_out = sizeof(out)};
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    strbuf_add(to, out, z.total_out);
    (void)deflateEnd(&z);
}

/* What comes in pieces of `size` bytes is of this kind, and holds that. */
static void check_pieces(const struct strbuf *packed, size_t size, enum compression kind,
                         const char *plain)
{
    struct pieces p = {{read_piece}, (unsigned char *)packed->data, packed->len, size, NULL};
    CLEANUP(strbuf) struct strbuf got = {0};
    struct inflate i;
    struct error *err = NULL;
    const void *bytes;
    ssize_t n;
    CHECK_OK(inflate_init(&i, &p.base, &err), err);
    CHECK(i.kind == kind);
    while ((n = i.base.read(&i.base, &bytes, &err)) > 0) {
        strbuf_add(&got, bytes, (size_t)n);
    }
    CHECK_OK((int)n, err);
    CHECK_STR(got.data, plain);
    inflate_done(&i);
    free(p.piece);
}

/* Each member's end falls on each place of a piece. */
static void test_inflate_members_in_pieces(void)
{
    CLEANUP(strbuf) struct strbuf packed = {0};
    CLEANUP(strbuf) struct strbuf plain = {0};
    for (int n = 0; n < 20; n++) {
        add_member(&packed, (char)('a' + n), (size_t)(n * 7 + 1));
        for (int k = 0; k < n * 7 + 1; k++) {
            strbuf_addc(&plain, (char)('a' + n));
        }
    }
    for (size_t size = 1; size < 80; size++) {
        check_pieces(&packed, size, COMPRESSION_GZIP, plain.data);
    }
}

/* However little the first piece tells, it is known what the stream is. */
static void test_inflate_kind_by_pieces(void)
{
    static const char bzip2[] =
        "BZh91AY&SY\x19\x93\x9b\x6b\x00\x00\x00\x01\x00\x20\x00\x20\x00\x21\x18"
        "\x46\x82\xee\x48\xa7\x0a\x12\x03\x32\x73\x6d\x60";
    CLEANUP(strbuf) struct strbuf text = {0};
    CLEANUP(strbuf) struct strbuf zstd = {0};
    char out[64];
    strbuf_add(&zstd, out, ZSTD_compress(out, sizeof(out), "ab", 2, 1));
    for (size_t size = 1; size < 8; size++) {
        text.len = 0;
        strbuf_addf(&text, "plain text");
        check_pieces(&text, size, COMPRESSION_NONE, "plain text");
        text.len = 0;
        strbuf_addf(&text, "\x1f");
        check_pieces(&text, size, COMPRESSION_NONE, "\x1f");
        text.len = 0;
        strbuf_add(&text, bzip2, sizeof(bzip2) - 1);
        check_pieces(&text, size, COMPRESSION_OTHER, "a");
        check_pieces(&zstd, size, COMPRESSION_ZSTD, "ab");
    }
}

static const struct test tests[] = {
    TEST(test_inflate_members_in_pieces),
    TEST(test_inflate_kind_by_pieces),
};
TEST_MAIN(tests)
