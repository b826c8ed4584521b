// SPDX-License-Identifier: Apache-2.0
#include "base/settings.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"

static char *settings_file(const char *text)
{
    char *path = str_format("/tmp/settings-test-%d.json", (int)getpid());
    struct error *err = NULL;
    CHECK_OK(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, &err), err);
    return path;
}

static void test_settings_missing_file_is_empty(void)
{
    CLEANUP(json) json_t *root = NULL;
    struct error *err = NULL;
    CHECK_OK(settings_load("/nonexistent/config.json", &root, &err), err);
    CHECK_INT(json_object_size(root), 0);
}

static void test_settings_unknown_key_names_the_nearest(void)
{
    CLEANUP(free) char *path = settings_file("{\"netwrok\": {}}");
    CLEANUP(json) json_t *root = NULL;
    CLEANUP(error) struct error *err = NULL;
    CHECK(settings_load(path, &root, &err) < 0);
    (void)unlink(path);
    CHECK(strstr(err->message, "unknown setting 'netwrok'") != NULL);
    CHECK_STR(err->hint, "did you mean 'network'?");
}

static void test_settings_part_is_handed_out_alone(void)
{
    CLEANUP(free) char *path = settings_file("{\"network\": {\"bridge\": \"cl0\"}}");
    CLEANUP(json) json_t *part = NULL;
    CLEANUP(json) json_t *absent = NULL;
    struct error *err = NULL;
    int r = settings_load_part(path, "network", &part, &err);
    int r2 = settings_load_part(path, "registries", &absent, &err);
    (void)unlink(path);
    CHECK_OK(r, err);
    CHECK_OK(r2, err);
    CHECK_STR(json_string_value(json_object_get(part, "bridge")), "cl0");
    CHECK_INT(json_object_size(absent), 0);
}

static const struct test tests[] = {
    TEST(test_settings_missing_file_is_empty),
    TEST(test_settings_unknown_key_names_the_nearest),
    TEST(test_settings_part_is_handed_out_alone),
};
TEST_MAIN(tests)
