// SPDX-License-Identifier: Apache-2.0
#include "compare/document.h"

#include <math.h>

#include "base/test.h"

static const struct criterion start = {"start", "Start", "ms", false};

static void test_document_ratios_are_paired(void)
{
    CLEANUP(json) json_t *doc = document_new();
    /* The machine slows down by a half from round to round; the ratio does not change. */
    for (int i = 0; i < 7; i++) {
        double speed = pow(1.5, i);
        document_add(doc, &start, "none", "probe", i, speed);
        if (i != 3) { /* one round failed */
            document_add(doc, &start, "container", "cloison run", i, 3 * speed);
        }
    }
    document_sum_up(doc);
    document_sum_up(doc);
    const json_t *f = document_figure(doc, "start", "container");
    CHECK_INT((int)document_number(f, "n"), 6);
    CHECK_STR(document_text(f, "verdict"), "too noisy");
    const json_t *ratio = json_object_get(f, "ratio");
    CHECK(fabs(document_number(ratio, "median") - 3) < 1e-9);
    CHECK(document_number(ratio, "spread") < 1e-9);
    CHECK_STR(document_text(ratio, "verdict"), "sure");
    CHECK(!json_object_get(document_figure(doc, "start", "none"), "ratio"));
    CHECK(json_is_null(json_array_get(json_object_get(f, "values"), 3)));
}

static void test_document_emulated_is_marked(void)
{
    CLEANUP(json) json_t *doc = document_new();
    json_object_set_new(document_part(doc, "walls", "vm"), "emulated", json_true());
    document_add(doc, &start, "vm", "cloison run --wall vm", 0, 5000);
    document_sum_up(doc);
    CHECK(json_is_true(json_object_get(document_figure(doc, "start", "vm"), "emulated")));
    CHECK(document_wall_is_emulated(doc, "vm") && !document_wall_is_emulated(doc, "none"));
}

static void test_document_failures_are_told_once(void)
{
    CLEANUP(json) json_t *doc = document_new();
    document_fail(doc, "vm", "start", "no\nkernel");
    document_fail(doc, "vm", "start", "no\nkernel");
    document_fail(doc, "vm", "own", "\xff");
    const json_t *failures = json_object_get(doc, "failures");
    CHECK_INT(json_array_size(failures), 2);
    CHECK_STR(document_text(json_array_get(failures, 0), "why"), "no?kernel");
    CHECK_INT((int)document_number(json_array_get(failures, 0), "times"), 2);
}

static void test_document_what_is_none(void)
{
    CLEANUP(json) json_t *doc = json_object();
    struct error *err = NULL;
    CHECK_INT(document_check(doc, "'x'", &err), -EINVAL);
    CHECK_STR(err->message, "'x' is no comparison: 'schema' is not what it must be");
    error_free(err);
    CHECK(isnan(document_number(NULL, "median")));
    CHECK_STR(document_text(NULL, "unit"), "");
    CHECK(!document_figure(doc, "start", "none"));
}

static const struct test tests[] = {
    TEST(test_document_ratios_are_paired),
    TEST(test_document_emulated_is_marked),
    TEST(test_document_failures_are_told_once),
    TEST(test_document_what_is_none),
};
TEST_MAIN(tests)
