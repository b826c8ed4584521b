// SPDX-License-Identifier: Apache-2.0
#include "image/registry/credentials.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"

static void test_credentials_are_of_the_registry(void)
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
    CHECK_OK(credentials_load("docker.io", NULL, &hub, &err), err);
    CHECK_OK(credentials_load("quay.io", NULL, &quay, &err), err);
    CHECK_OK(credentials_load("quay.io.evil.example", NULL, &none, &err), err);
    (void)unlink(path);
    (void)rmdir(folder);
    CHECK_STR(hub.basic, "aHVi");
    CHECK_STR(quay.identity_token, "id");
    CHECK(!none.basic && !none.identity_token);
    credentials_done(&hub);
    credentials_done(&quay);
}

static void test_credentials_of_a_repository_come_first(void)
{
    static const char text[] =
        "{\"auths\": {\"q.io\": {\"auth\": \"cQ==\"}, \"q.io/team\": {\"auth\": \"dA==\"}},"
        "\"credsStore\": \"all\", \"credHelpers\": {\"https://index.docker.io/v1/\": \"hub\"}}";
    static const struct {
        const char *registry, *repository, *basic, *helper;
    } table[] = {
        {"q.io", NULL, "cQ==", "all"},           {"q.io", "team/app", "dA==", "all"},
        {"q.io", "teams/app", "cQ==", "all"},    {"q", "io/team", NULL, "all"},
        {"docker.io", "library/x", NULL, "hub"},
    };
    struct error *err = NULL;
    CLEANUP(json) json_t *json = NULL;
    CHECK_OK(json_parse(text, strlen(text), "text", &json, &err), err);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct credentials c = {0};
        CLEANUP(free) char *helper = NULL;
        CHECK_OK(credentials_parse(json, "text", table[i].registry, table[i].repository, &c,
                                   &helper, &err),
                 err);
        CHECK_STR(c.basic, table[i].basic);
        CHECK_STR(helper, table[i].helper);
        credentials_done(&c);
    }
}

static const struct test tests[] = {
    TEST(test_credentials_are_of_the_registry),
    TEST(test_credentials_of_a_repository_come_first),
};
TEST_MAIN(tests)
