// SPDX-License-Identifier: Apache-2.0
/* With the rules that are installed. */
#include "compare/advice.h"

#include "base/test.h"

static json_t *rules(void)
{
    CLEANUP(free)
    char *path = str_format("%s/data/advice.yaml", str_or(getenv("SOURCE_ROOT"), "."));
    struct error *err = NULL;
    json_t *r = NULL;
    CHECK_OK(advice_load(path, &r, &err), err);
    CHECK_OK(advice_check_rules(r, "rules", &err), err);
    return r;
}

/* Container: starts in 20 to 22 ms, 1000 fit. Machine: 200 to 220 ms, 50 fit. */
static json_t *sample(void)
{
    static const struct criterion start = {"start", "Start", "ms", false},
                                  own = {"own-time", "Own", "ms", false};
    json_t *doc = document_new();
    json_object_set_new(doc, "image", json_pack("{s:s}", "name", "web"));
    json_object_set_new(doc, "command", json_pack("[s, s]", "echo", "it's"));
    json_object_set_new(doc, "host", json_pack("{s:s}", "boot", "b1"));
    json_object_set_new(doc, "settings",
                        json_pack("{s:i, s:[s, s]}", "repeat", 7, "walls", "container", "vm"));
    for (int i = 0; i < 7; i++) {
        document_add(doc, &start, "container", "c", i, 20 + i / 3.0);
        document_add(doc, &start, "vm", "v", i, 200 + i * 3);
        document_add(doc, &own, "container", "c", i, 100 + i);
        document_add(doc, &own, "vm", "v", i, 102 + i);
    }
    json_decref(json_incref(document_part(doc, "walls", "container")));
    (void)document_part(doc, "walls", "vm");
    json_object_set_new(document_part(doc, "facts", "vm"), "boot", json_string("b2"));
    json_object_set_new(document_part(doc, "facts", "container"), "boot", json_string("b1"));
    json_object_update_new(
        document_part(doc, "memory", "container"),
        json_pack("{s:i, s:i, s:i}", "fits", 1000, "fitsLow", 900, "fitsHigh", 1100));
    json_object_update_new(document_part(doc, "memory", "vm"),
                           json_pack("{s:i, s:i, s:i}", "fits", 50, "fitsLow", 45, "fitsHigh", 55));
    document_sum_up(doc);
    return doc;
}

static json_t *ask(const json_t *doc, json_t *written)
{
    CLEANUP(json) json_t *r = rules();
    CLEANUP(json) json_t *answers = NULL;
    struct error *err = NULL;
    CHECK_OK(advice_answers(r, written, "answers", &answers, &err), err);
    json_decref(written);
    return advise(r, answers, doc);
}

static const char *wall(const json_t *advice)
{
    return str_or(json_string_value(json_object_get(advice, "recommendation")), "none");
}

static void test_advice_nothing_asked_is_the_cheaper_one(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(json) json_t *a = ask(doc, json_object());
    CHECK_STR(wall(a), "container");
    CHECK_INT(json_array_size(json_object_get(a, "reasons")), 0);
    CLEANUP(free) char *text = advice_text(a, doc);
    CHECK(strstr(text, "    cloison run web echo 'it'\\''s'\n"));
    CHECK(strstr(text, "untrusted-code: yes instead of no -> vm"));
}

static void test_advice_weights_and_facts(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(json) json_t *a = ask(doc, json_pack("{s:b}", "untrusted-code", 1));
    CHECK_STR(wall(a), "vm");
    CLEANUP(free) char *text = advice_text(a, doc);
    CHECK(strstr(text, "cloison run --wall vm web"));
    CHECK(strstr(text, "kernel: container the host's"));
    /* 3 for the machine against 2 times 2. */
    CLEANUP(json)
    json_t *b = ask(doc, json_pack("{s:b, s:{s:s, s:i}}", "untrusted-code", 1, "live-patching",
                                   "answer", "yes", "weight", 2));
    CHECK_STR(wall(b), "container");
}

static void test_advice_a_bound_is_held_by_the_interval(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(json)
    json_t *a = ask(doc, json_pack("{s:b, s:i}", "untrusted-code", 1, "start-bound", 150));
    CHECK_STR(wall(a), "container"); /* the machine is out, whatever its points */
    CLEANUP(free) char *text = advice_text(a, doc);
    CHECK(strstr(text, "start of vm: 209 ms (200 ms to 218 ms, n = 7)"));
    CLEANUP(json)
    json_t *b = ask(doc, json_pack("{s:b, s:i}", "untrusted-code", 1, "start-bound", 210));
    CHECK_STR(wall(b), "vm"); /* within its interval: cannot be told */
    CHECK_INT(json_array_size(json_object_get(b, "unused")), 1);
    CLEANUP(json) json_t *c = ask(doc, json_pack("{s:i}", "start-bound", 5));
    CHECK_STR(wall(c), "none");
    CLEANUP(json)
    json_t *d = ask(doc, json_pack("{s:b, s:i}", "untrusted-code", 1, "instances", 100));
    CHECK_STR(wall(d), "container");
}

static void test_advice_refuses_emulated_figures(void)
{
    CLEANUP(json) json_t *doc = sample();
    json_object_set_new(document_part(doc, "walls", "vm"), "emulated", json_true());
    CLEANUP(json)
    json_t *a = ask(doc, json_pack("{s:b, s:i, s:i}", "untrusted-code", 1, "start-bound", 150,
                                   "instances", 100));
    CHECK_STR(wall(a), "vm"); /* by the fact alone */
    CLEANUP(free) char *text = advice_text(a, doc);
    CHECK(strstr(text, "start-bound: the figure for vm was measured under emulation, without KVM"));
    CHECK(strstr(text, "this is advice for a host with KVM"));
    CHECK(!strstr(text, "start of vm"));
}

static void test_advice_no_difference_is_none(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(json) json_t *a = ask(doc, json_pack("{s:b}", "speed", 1));
    CHECK_INT(json_array_size(json_object_get(a, "reasons")), 0);
    CLEANUP(free) char *text = advice_text(a, doc);
    CHECK(strstr(text, "speed: no difference is shown: own-time of container"));
}

static void test_advice_one_wall_cannot(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(json)
    json_t *a = ask(doc, json_pack("{s:b, s:i}", "own-kernel", 1, "start-bound", 100));
    CHECK_STR(wall(a), "none");
    json_object_set_new(document_part(doc, "walls", "vm"), "failed", json_true());
    CLEANUP(json) json_t *b = ask(doc, json_pack("{s:b}", "untrusted-code", 1));
    CHECK_STR(wall(b), "container");
}

static void test_advice_bad_answers(void)
{
    static const char *const cases[][2] = {
        {"{\"untrusted\": \"yes\"}", "unknown setting 'untrusted'"},
        {"{\"untrusted-code\": \"perhaps\"}", "must be yes or no"},
        {"{\"start-bound\": \"soon\"}", "must be a whole number"},
        {"{\"start-bound\": -1}", "must be a whole number"},
        {"{\"untrusted-code\": {\"answer\": \"yes\", \"weight\": 11}}", "weight"},
        {"{\"untrusted-code\": {\"answers\": \"yes\"}}", "did you mean 'answer'"},
        {"[]", "must map criteria to answers"},
    };
    CLEANUP(json) json_t *r = rules();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json) json_t *written = json_loads(cases[i][0], 0, NULL);
        CLEANUP(error) struct error *err = NULL;
        json_t *answers = NULL;
        CHECK(advice_answers(r, written, "f", &answers, &err) < 0);
        CLEANUP(free) char *text = error_text(err);
        if (!strstr(text, cases[i][1])) {
            printf("# %s\n", text);
        }
        CHECK(strstr(text, cases[i][1]));
    }
}

static void test_advice_bad_rules(void)
{
    static const char *const cases[] = {
        "{}",
        "{\"schema\": \"cloison-advice-1\", \"walls\": [], \"criteria\": []}",
        "{\"schema\": \"cloison-advice-1\", \"walls\": [\"vm\"], \"criteria\": [{\"name\": "
        "\"a\"}]}",
        "{\"schema\": \"cloison-advice-1\", \"walls\": [\"vm\"], \"criteria\": [{\"name\": \"a\", "
        "\"question\": \"q\", \"number\": \"n\"}]}",
        "{\"schema\": \"cloison-advice-1\", \"walls\": [\"vm\"], \"criteria\": [{\"name\": \"a\", "
        "\"question\": \"q\", \"rules\": [{\"answer\": \"yes\", \"because\": \"b\", \"prefer\": "
        "\"vm\"}]}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json) json_t *r = json_loads(cases[i], 0, NULL);
        CLEANUP(error) struct error *err = NULL;
        CHECK(r && advice_check_rules(r, "f", &err) < 0);
    }
}

static const struct test tests[] = {
    TEST(test_advice_nothing_asked_is_the_cheaper_one),
    TEST(test_advice_weights_and_facts),
    TEST(test_advice_a_bound_is_held_by_the_interval),
    TEST(test_advice_refuses_emulated_figures),
    TEST(test_advice_no_difference_is_none),
    TEST(test_advice_one_wall_cannot),
    TEST(test_advice_bad_answers),
    TEST(test_advice_bad_rules),
};
TEST_MAIN(tests)
