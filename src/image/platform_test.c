// SPDX-License-Identifier: Apache-2.0
#include "image/platform.h"

#include "base/test.h"

static void test_platform_texts(void)
{
    static const struct {
        const char *text, *normal;
    } table[] = {
        {"linux/amd64", "linux/amd64"},     {"arm64", "linux/arm64"},
        {"linux/arm64/v8", "linux/arm64"},  {"x86_64", "linux/amd64"},
        {"linux/arm/v7", "linux/arm/v7"},   {"armhf", "linux/arm/v7"},
        {"windows/amd64", "windows/amd64"}, {"linux/aarch64", "linux/arm64"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct platform p;
        struct error *err = NULL;
        CHECK_OK(platform_parse(table[i].text, &p, &err), err);
        CLEANUP(free) char *text = platform_text(&p);
        CHECK_STR(text, table[i].normal);
    }
}

static void test_platform_malformed(void)
{
    static const char *const table[] = {"",
                                        "a/b/c/d",
                                        "/amd64",
                                        "linux/",
                                        "LINUX/amd64",
                                        "a b",
                                        "linux/anarchitecturewithalongname"};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct platform p;
        CLEANUP(error) struct error *err = NULL;
        CHECK(platform_parse(table[i], &p, &err) < 0);
        CHECK_INT(err->kind, ERROR_USAGE);
    }
}

static void test_platform_variants_fit_when_absent(void)
{
    struct platform p;
    CHECK(platform_parse("linux/arm/v7", &p, NULL) >= 0);
    CHECK(platform_equal(&p, "linux", "arm", "v7"));
    CHECK(platform_equal(&p, "linux", "arm", NULL));
    CHECK(!platform_equal(&p, "linux", "arm", "v6"));
    CHECK(!platform_equal(&p, "linux", "arm64", NULL));
    CHECK(!platform_equal(&p, NULL, "arm", NULL));
}

static const struct test tests[] = {
    TEST(test_platform_texts),
    TEST(test_platform_malformed),
    TEST(test_platform_variants_fit_when_absent),
};
TEST_MAIN(tests)
