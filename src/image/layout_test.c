// SPDX-License-Identifier: Apache-2.0
#include "image/layout.h"

#include "base/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_name(const char *reference, const char *path, const char *target)
{
    CLEANUP(reference) struct reference r = {0};
    struct error *err = NULL;
    CHECK_OK(reference_parse(reference, &r, &err), err);
    CLEANUP(free) char *name = layout_name(&r);
    CLEANUP(free) char *to = layout_name_target(name, HEX64);
    CHECK_STR(name, path);
    CHECK_STR(to, target);
    char hex[DIGEST_HEX_DIGITS + 1];
    CHECK(layout_target_hex(to, hex));
    CHECK_STR(hex, HEX64);
}

static void test_layout_names_are_links_to_ids(void)
{
    check_name("busybox", "names/docker.io/library/busybox/:latest",
               "../../../../ids/" HEX64 ".json");
    check_name("localhost:5000/a:1", "names/localhost:5000/a/:1", "../../../ids/" HEX64 ".json");
    check_name("q.io/a/b/c@sha256:" HEX64, "names/q.io/a/b/c/@sha256:" HEX64,
               "../../../../../ids/" HEX64 ".json");
}

static void test_layout_foreign_links_are_none(void)
{
    char hex[DIGEST_HEX_DIGITS + 1];
    CHECK(!layout_target_hex("/etc/passwd", hex));
    CHECK(!layout_target_hex("ids/short.json", hex));
    CHECK(!layout_target_hex(HEX64 ".json", hex));
    CHECK(!layout_target_hex("../ids/ZZ" HEX64 ".json", hex));
}

static const struct test tests[] = {
    TEST(test_layout_names_are_links_to_ids),
    TEST(test_layout_foreign_links_are_none),
};
TEST_MAIN(tests)
