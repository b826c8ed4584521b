// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth.h"

#include <fcntl.h>

#include "base/file.h"
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

static void test_auth_credentials_are_of_the_registry(void)
{
    char folder[] = "/tmp/auth-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    CLEANUP(free) char *path = str_format("%s/config.json", folder);
    static const char text[] = "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"aHVi\"},"
                               "\"quay.io\": {\"auth\": \"cXVheQ==\", \"identitytoken\": \"id\"}}}";
    struct error *err = NULL;
    CHECK_OK(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, &err), err);
    CHECK(setenv("DOCKER_CONFIG", folder, 1) == 0 && unsetenv("REGISTRY_AUTH_FILE") == 0);
    struct credentials hub, quay, none;
    CHECK_OK(credentials_load("docker.io", &hub, &err), err);
    CHECK_OK(credentials_load("quay.io", &quay, &err), err);
    CHECK_OK(credentials_load("quay.io.evil.example", &none, &err), err);
    (void)unlink(path);
    (void)rmdir(folder);
    CHECK_STR(hub.basic, "aHVi");
    CHECK_STR(quay.identity_token, "id");
    CHECK(!none.basic && !none.identity_token);
    credentials_done(&hub);
    credentials_done(&quay);
}

static const struct test tests[] = {
    TEST(test_auth_challenges_are_read),
    TEST(test_auth_credentials_are_of_the_registry),
};
TEST_MAIN(tests)
