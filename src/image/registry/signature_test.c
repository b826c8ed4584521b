// SPDX-License-Identifier: Apache-2.0
#include "image/registry/signature.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/test.h"

#define D "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define E "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_signature_payload_is_of_the_image(void)
{
    static const struct {
        const char *type, *digest, *name;
        bool good;
    } table[] = {
        {"cosign container image signature", D, "index.docker.io/library/nginx", true},
        {"cosign container image signature", D, "docker.io/library/nginx:1", true},
        {"cosign container image signature", D, "nginx", true},
        {"cosign container image signature", E, "docker.io/library/nginx", false},
        {"cosign container image signature", D, "docker.io/library/nginxx", false},
        {"cosign container image signature", D, "quay.io/library/nginx", false},
        {"cosign container image signature", D, "", false},
        {"atomic container signature", D, "docker.io/library/nginx", false},
    };
    CLEANUP(reference) struct reference ref = {0};
    struct error *err = NULL;
    CHECK_OK(reference_parse("nginx:1", &ref, &err), err);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(free)
        char *text = str_format("{\"critical\":{\"identity\":{\"docker-reference\":\"%s\"},"
                                "\"image\":{\"docker-manifest-digest\":\"%s\"},\"type\":\"%s\"},"
                                "\"optional\":null}",
                                table[i].name, table[i].digest, table[i].type);
        int r = signature_check_payload(text, strlen(text), &ref, D, NULL);
        CHECK((r >= 0) == table[i].good);
    }
    CHECK(signature_check_payload("{}", 2, &ref, D, NULL) < 0);
    CHECK(signature_check_payload("no", 2, &ref, D, NULL) < 0);
}

/* Made with: openssl ecparam -name prime256v1 -genkey, openssl dgst -sha256 -sign. */
static void test_signature_is_by_its_key_alone(void)
{
    static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwel3oJgR6msCnEIWrSqI5nAHgdjz\n"
                              "yx687RS1+qFb0hwoIkwwVQ7i/N1mkPllavMhikIoPDP1zWMIhucLCYw2uQ==\n"
                              "-----END PUBLIC KEY-----\n";
    static const char signature[] = "MEUCIDbNl+wi5bJluhxux1heH3mW7jVQ/K41T8z8NrtIXE/"
                                    "vAiEA+2S5xMJhE3r33iu70NHlerLD33BLIRu+/zl82BMmkYU=";
    char path[] = "/tmp/signature-test-XXXXXX";
    CLEANUP(fd) int fd = mkstemp(path);
    CHECK(fd >= 0 && write_all(fd, key, strlen(key)) == 0);
    CHECK(signature_is_by(path, "signed\n", 7, signature, NULL) == 1);
    CHECK(signature_is_by(path, "Signed\n", 7, signature, NULL) == 0);
    CHECK(signature_is_by(path, "signed\n", 7, "AAAA", NULL) == 0);
    CHECK(signature_is_by(path, "signed\n", 7, "", NULL) == 0);
    CHECK(signature_is_by(path, "signed\n", 7, "===", NULL) == 0);
    CHECK(signature_is_by(path, "signed\n", 7, "====", NULL) == 0);
    CHECK(signature_is_by("/nonexistent", "signed\n", 7, signature, NULL) < 0);
    (void)unlink(path);
}

static const struct test tests[] = {
    TEST(test_signature_payload_is_of_the_image),
    TEST(test_signature_is_by_its_key_alone),
};
TEST_MAIN(tests)
