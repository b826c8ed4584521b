// SPDX-License-Identifier: Apache-2.0
#include "guest/protocol.h"

#include <errno.h>

#include "base/test.h"

static void test_protocol_byte_by_byte(void)
{
    CLEANUP(strbuf) struct strbuf sent = {0};
    struct message_reader r = {0};
    struct message f;
    unsigned messages = 0;
    message_add(&sent, MESSAGE_HELLO, 0, 0, "{}", 2);
    message_add(&sent, MESSAGE_DATA, 7, STREAM_ERR, "bytes", 5);
    message_add(&sent, MESSAGE_END, 7, STREAM_ERR, NULL, 0);
    for (size_t i = 0; i < sent.len; i++) {
        int n;
        message_feed(&r, sent.data + i, 1);
        while ((n = message_next(&r, &f)) > 0) {
            messages++;
            if (f.header.type == MESSAGE_DATA) {
                CHECK_INT(f.header.session, 7);
                CHECK_INT(f.header.stream, STREAM_ERR);
                CHECK_INT(f.header.bytes, 5);
                CHECK_INT(memcmp(f.payload, "bytes", 5), 0);
            }
        }
        CHECK_INT(n, 0);
    }
    CHECK_INT(messages, 3);
    message_reader_done(&r);
}

static void test_protocol_refuses(void)
{
    static const struct message_header bad[] = {
        {0, 0, 0, 0},
        {0, MESSAGE_TYPE_COUNT, 0, 0},
        {MESSAGE_BYTES_MAX + 1, MESSAGE_REQUEST, 0, 0},
        {2, MESSAGE_REQUEST, STREAM_OUT, 0},
        {MESSAGE_DATA_MAX + 1, MESSAGE_DATA, STREAM_IN, 1},
        {0, MESSAGE_DATA, STREAM_IN, 1},
        {1, MESSAGE_DATA, STREAM_COUNT, 1},
        {1, MESSAGE_END, STREAM_IN, 1},
        {5, MESSAGE_CREDIT, STREAM_IN, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct message_reader r = {0};
        struct message f;
        message_feed(&r, &bad[i], sizeof(bad[i]));
        CHECK_INT(message_next(&r, &f), -EPROTO); /* before the payload has come */
        message_reader_done(&r);
    }
}

static const struct test tests[] = {
    TEST(test_protocol_byte_by_byte),
    TEST(test_protocol_refuses),
};
TEST_MAIN(tests)
