// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth.h"

#include "base/test.h"

static void test_auth_challenges_are_read(void)
{
    static const struct {
        const char *header;
        bool bearer;
        const char *realm, *service, *scope;
    } table[] = {
        {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"", true,
         "https://a/t", "s", "repository:x:pull,push"},
        {"bearer realm=https://a/t, service=\"s \\\"q\\\"\"", true, "https://a/t", "s \"q\"", NULL},
        {"Basic realm=\"r\"", false, "r", NULL, NULL},
        {"Bearer ,,, =\"x\" realm", true, "", NULL, NULL},
        {"Bearer realm=\"open", true, "open", NULL, NULL},
        {"", false, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct challenge c;
        challenge_parse(table[i].header, &c);
        CHECK(c.bearer == table[i].bearer);
        CHECK_STR(c.realm, table[i].realm);
        CHECK_STR(c.service, table[i].service);
        CHECK_STR(c.scope, table[i].scope);
        challenge_done(&c);
    }
}

static void test_auth_links_to_the_next_page(void)
{
    static const struct {
        const char *header, *next;
    } table[] = {
        {"</v2/x/tags/list?last=b&n=2>; rel=\"next\"", "/v2/x/tags/list?last=b&n=2"},
        {"<a>; rel=prev, <b>; title=\"t\"; rel=next", "b"},
        {"<a>; rel=\"last\"", NULL},
        {"<>; rel=next", NULL},
        {"<a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(free) char *next = link_next(table[i].header);
        CHECK_STR(next, table[i].next);
    }
}

static const struct test tests[] = {
    TEST(test_auth_challenges_are_read),
    TEST(test_auth_links_to_the_next_page),
};
TEST_MAIN(tests)
