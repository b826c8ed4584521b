// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include "base/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A32 A32 A32 A32

static void test_reference_is_normalised_as_docker_does(void)
{
    static const struct {
        const char *text, *full, *familiar;
    } table[] = {
        {"nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        {"nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"},
        {"library/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        {"docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        {"index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        {"docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        {"user/app", "docker.io/user/app:latest", "user/app:latest"},
        {"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"localhost/app", "localhost/app:latest", "localhost/app:latest"},
        {"localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"},
        {"quay.io/a/b/c", "quay.io/a/b/c:latest", "quay.io/a/b/c:latest"},
        {"Registry/app", "Registry/app:latest", "Registry/app:latest"},
        {"[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest",
         "[2001:db8::1]:5000/app:latest"},
        {"127.0.0.1:5000/a:b", "127.0.0.1:5000/a:b", "127.0.0.1:5000/a:b"},
        {"a__b-c.d---e", "docker.io/library/a__b-c.d---e:latest", "a__b-c.d---e:latest"},
        {"app@sha256:" HEX64, "docker.io/library/app@sha256:" HEX64, "app@sha256:" HEX64},
        {"app:1@sha256:" HEX64, "docker.io/library/app:1@sha256:" HEX64, "app:1@sha256:" HEX64},
        {"app:" A128, "docker.io/library/app:" A128, "app:" A128},
        {"app:_X.y-Z", "docker.io/library/app:_X.y-Z", "app:_X.y-Z"},
        {"xn--n3h.com/app", "xn--n3h.com/app:latest", "xn--n3h.com/app:latest"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(reference) struct reference r = {0};
        struct error *err = NULL;
        CHECK_OK(reference_parse(table[i].text, &r, &err), err);
        CLEANUP(free) char *full = reference_full(&r);
        CLEANUP(free) char *familiar = reference_familiar(&r);
        CHECK_STR(full, table[i].full);
        CHECK_STR(familiar, table[i].familiar);
    }
}

static void test_reference_malformed_is_refused_with_dockers_words(void)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"", "invalid reference format"},
        {"Nginx", "repository name (library/Nginx) must be lowercase"},
        {"a/Nginx", "repository name (a/Nginx) must be lowercase"},
        {":tag", "invalid reference format"},
        {"a:", "invalid reference format"},
        {"a:-b", "invalid reference format"},
        {"a:.b", "invalid reference format"},
        {"a:b/c:d:e", "invalid reference format"},
        {"a b", "invalid reference format"},
        {"a//b", "invalid reference format"},
        {"/a", "invalid reference format"},
        {"a/", "invalid reference format"},
        {"../a", "invalid reference format"},
        {"a___b", "invalid reference format"},
        {"a..b", "invalid reference format"},
        {"a._b", "invalid reference format"},
        {"-a", "invalid reference format"},
        {"a-", "invalid reference format"},
        {"a.b-/c", "invalid reference format"},
        {".a.b/c", "invalid reference format"},
        {"a.b:port/c", "invalid reference format"},
        {"a.b:/c", "invalid reference format"},
        {"[::1/c", "invalid reference format"},
        {"[xyz]:1/c", "invalid reference format"},
        {"a:" A128 "x", "invalid reference format"},
        {"a@b", "invalid reference format"},
        {"a@sha256:abc", "invalid checksum digest length"},
        {"a@sha256:" A32 "gggggggggggggggggggggggggggggggg", "invalid checksum digest format"},
        {"a@md5:" A32, "unsupported digest algorithm"},
        {HEX64, "cannot specify 64-byte hexadecimal strings"},
        {A128 A128, "must not be more than 255 characters"},
        {"a\nb", "invalid reference format"},
        {"a~b", "invalid reference format"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(reference) struct reference r = {0};
        CLEANUP(error) struct error *err = NULL;
        if (reference_parse(table[i].text, &r, &err) >= 0) {
            printf("# '%s' was accepted\n", table[i].text);
        }
        CHECK(err != NULL);
        if (!strstr(err->message, table[i].message)) {
            CHECK_STR(err->message, table[i].message);
        }
        CHECK_INT(err->kind, ERROR_INVALID_INPUT);
        CHECK(r.registry == NULL);
    }
}

static void test_reference_digest_is_sha256_in_lower_case(void)
{
    CHECK(digest_is_valid("sha256:" HEX64));
    CHECK(!digest_is_valid("sha256:" HEX64 "0"));
    CHECK(!digest_is_valid("sha512:" HEX64));
    CHECK(!digest_is_valid("sha256:0123456789ABCDEF" A32 "0123456789abcdef"));
    CHECK_STR(digest_hex("sha256:" HEX64), HEX64);
}

static const struct test tests[] = {
    TEST(test_reference_is_normalised_as_docker_does),
    TEST(test_reference_malformed_is_refused_with_dockers_words),
    TEST(test_reference_digest_is_sha256_in_lower_case),
};
TEST_MAIN(tests)
