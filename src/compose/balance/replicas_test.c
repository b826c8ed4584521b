// SPDX-License-Identifier: Apache-2.0
#include "compose/balance/replicas.h"

#include "base/test.h"

static size_t lines_with(const struct replicas *r, const char *text)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    size_t n = 0;
    replicas_hosts(r, &b);
    for (const char *at = b.data; (at = strstr(at, text)); at++) {
        n++;
    }
    return n;
}

static void test_replicas_lines_are_read_and_others_left_out(void)
{
    CLEANUP(replicas) struct replicas r = {0};
    replicas_parse("10.0.0.2 80 web -\n10.0.0.3 0 web -\nnonsense\n10.0.0.4 8080 api /up\n", NULL,
                   &r);
    CHECK_INT(r.count, 2);
    CHECK_STR(r.items[0].address, "10.0.0.2");
    CHECK(!r.items[0].path);
    CHECK_INT(r.items[1].port, 8080);
    CHECK_STR(r.items[1].path, "/up");
    CHECK_INT(lines_with(&r, "10.0.0.2 web.balanced "), 1);
    CHECK_INT(lines_with(&r, "10.0.0.4 api.balanced "), 1);
}

static void test_replicas_one_that_misses_twice_is_left_out_until_it_answers(void)
{
    CLEANUP(replicas) struct replicas r = {0};
    replicas_parse("10.0.0.2 80 web -\n10.0.0.3 80 web -\n", NULL, &r);
    replica_judge(&r.items[0], false);
    CHECK_INT(lines_with(&r, "10.0.0.2 "), 1);
    replica_judge(&r.items[0], false);
    replica_judge(&r.items[0], false);
    CHECK_INT(lines_with(&r, "10.0.0.2 "), 0);
    CHECK_INT(lines_with(&r, "10.0.0.3 "), 1);
    replica_judge(&r.items[0], true);
    CHECK_INT(lines_with(&r, "10.0.0.2 "), 1);
}

static void test_replicas_a_service_without_any_keeps_all(void)
{
    CLEANUP(replicas) struct replicas r = {0};
    replicas_parse("10.0.0.2 80 web -\n10.0.0.3 80 web -\n10.0.0.4 80 api -\n", NULL, &r);
    for (int i = 0; i < MISSES_MAX; i++) {
        replica_judge(&r.items[0], false);
        replica_judge(&r.items[1], false);
    }
    CHECK_INT(lines_with(&r, "web.balanced"), 2);
    CHECK_INT(lines_with(&r, "api.balanced"), 1);
}

static void test_replicas_what_was_known_is_kept(void)
{
    CLEANUP(replicas) struct replicas before = {0}, r = {0};
    replicas_parse("10.0.0.2 80 web -\n", NULL, &before);
    replica_judge(&before.items[0], false);
    replica_judge(&before.items[0], false);
    replicas_parse("10.0.0.3 80 web -\n10.0.0.2 80 web -\n", &before, &r);
    CHECK_INT(r.items[0].misses, 0);
    CHECK_INT(r.items[1].misses, MISSES_MAX);
    CHECK_INT(lines_with(&r, "10.0.0.2 "), 0);
}

static void test_replicas_hosts_have_one_size(void)
{
    CLEANUP(replicas) struct replicas none = {0}, r = {0};
    CLEANUP(strbuf) struct strbuf a = {0}, b = {0};
    replicas_parse("10.0.0.3 80 web -\n", NULL, &r);
    replicas_hosts(&none, &a);
    replicas_hosts(&r, &b);
    CHECK_INT(a.len, b.len);
}

static const struct test tests[] = {
    TEST(test_replicas_lines_are_read_and_others_left_out),
    TEST(test_replicas_one_that_misses_twice_is_left_out_until_it_answers),
    TEST(test_replicas_a_service_without_any_keeps_all),
    TEST(test_replicas_what_was_known_is_kept),
    TEST(test_replicas_hosts_have_one_size),
};
TEST_MAIN(tests)
