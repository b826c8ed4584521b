// SPDX-License-Identifier: Apache-2.0
#include "base/error_json.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/test.h"

static void test_error_json_round(void)
{
    struct error *err = NULL, *back = NULL;
    (void)error_hint(&err, error_set(&err, ERROR_BUSY, EADDRINUSE, "port 80 is taken"), "free it");
    json_t *json = error_to_json(err);
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    CHECK_INT(error_from_json(text, strlen(text), "x", &back), -EADDRINUSE);
    CHECK(back->kind == ERROR_BUSY);
    CHECK_STR(back->message, "port 80 is taken");
    CHECK_STR(back->hint, "free it");
    json_decref(json);
    error_free(err);
    error_free(back);
}

static void test_error_json_without_a_word(void)
{
    static const char *const texts[] = {"", "no", "{}", "{\"message\": 1}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error *err = NULL;
        CHECK(error_from_json(texts[i], strlen(texts[i]), "cloison-x", &err) < 0);
        CHECK_STR(err->message, "cloison-x failed without a word");
        error_free(err);
    }
}

static const struct test tests[] = {TEST(test_error_json_round),
                                    TEST(test_error_json_without_a_word)};
TEST_MAIN(tests)
