// SPDX-License-Identifier: Apache-2.0
#include "image/current/head.h"

#include <string.h>

#include "base/str.h"
#include "base/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static bool parse(const char *text, char ret[DIGEST_TEXT_BYTES])
{
    return head_parse(text, strlen(text), ret);
}

static void test_head_tells_a_digest(void)
{
    char found[DIGEST_TEXT_BYTES] = "";
    CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 17\r\ndocker-Content-digest:  " DIGEST
                " \r\n\r\n",
                found));
    CHECK_STR(found, DIGEST);
}

static void test_head_takes_nothing_else_for_an_answer(void)
{
    static const char *const table[] = {
        "",
        "HTTP/1.1 200 OK\r\nDocker-Content-Digest: " DIGEST "\r\n", /* not whole */
        "HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:" HEX "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Docker-Content-Digest: " DIGEST "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: " DIGEST "\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nDocker-Content-Digest: " DIGEST "\r\n\r\n",
        "HTTP/1.1 307 Elsewhere\r\nLocation: /\r\nDocker-Content-Digest: " DIGEST "\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nDocker-Content-Digest: " DIGEST "\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x46",
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char found[DIGEST_TEXT_BYTES] = "";
        CHECK(!parse(table[i], found));
        CHECK_STR(found, "");
    }
}

static const struct test tests[] = {
    TEST(test_head_tells_a_digest),
    TEST(test_head_takes_nothing_else_for_an_answer),
};
TEST_MAIN(tests)
