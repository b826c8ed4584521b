// SPDX-License-Identifier: Apache-2.0
#include "image/store/inflate.h"

#include <zlib.h>

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
    for (size_t size = 4; size < 80; size++) {
        struct pieces p = {{read_piece}, (unsigned char *)packed.data, packed.len, size, NULL};
        CLEANUP(strbuf) struct strbuf got = {0};
        struct inflate i;
        struct error *err = NULL;
        const void *bytes;
        ssize_t n;
        CHECK_OK(inflate_init(&i, &p.base, &err), err);
        while ((n = i.base.read(&i.base, &bytes, &err)) > 0) {
            strbuf_add(&got, bytes, (size_t)n);
        }
        CHECK_OK((int)n, err);
        CHECK_STR(got.data, plain.data);
        inflate_done(&i);
        free(p.piece);
    }
}

static const struct test tests[] = {
    TEST(test_inflate_members_in_pieces),
};
TEST_MAIN(tests)
