// SPDX-License-Identifier: Apache-2.0
#include "compare/views.h"

#include "base/test.h"
#include "compare/plots.h"

static const struct criterion start = {"start", "Start <b>\"&", "ms", false};

static json_t *sample(void)
{
    json_t *doc = document_new();
    json_object_set_new(doc, "image",
                        json_pack("{s:s, s:i}", "name", "a<script>b", "sizeBytes", 5));
    json_object_set_new(
        doc, "host",
        json_pack("{s:s, s:i, s:i}", "boot", "b1", "processors", 2, "memoryBytes", 1 << 30));
    json_object_set_new(doc, "command", json_array());
    json_object_set_new(doc, "settings",
                        json_pack("{s:i, s:[s, s]}", "repeat", 7, "walls", "none", "vm"));
    json_object_set_new(document_part(doc, "walls", "vm"), "emulated", json_true());
    json_object_set_new(document_part(doc, "facts", "vm"), "boot", json_string("b2"));
    json_object_set_new(document_part(doc, "facts", "vm"), "kernel", json_string("6.1"));
    for (int i = 0; i < 7; i++) {
        document_add(doc, &start, "none", "probe", i, 1 + i * 0.01);
        document_add(doc, &start, "vm", "cloison run --wall vm", i, i % 2 ? 5000 : 100);
    }
    document_fail(doc, "vm", "memory", "no <i>room");
    document_sum_up(doc);
    return doc;
}

static void test_views_quantities(void)
{
    const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        {1234, "ns", "1.23 \xc2\xb5s"},
        {0.5, "ms", "500 \xc2\xb5s"},
        {61234, "ms", "61.2 s"},
        {12.34, "us", "12.3 \xc2\xb5s"},
        {999, "ns", "999 ns"},
        {4321, "MB/s", "4.32 GB/s"},
        {0, "ms", "0 ms"},
        {0.25, "J", "0.25 J"},
        {5e6, "ms", "5000 s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(free) char *text = view_quantity(cases[i].value, cases[i].unit);
        CHECK_STR(text, cases[i].text);
    }
}

static void test_views_ratios(void)
{
    const struct {
        double low, median, high;
        const char *verdict, *text;
    } cases[] = {
        {3600, 3612.4, 3700, "sure", "3612"},         {17, 17.46, 18, "too few", "17.5"},
        {0.9, 1.02, 1.1, "sure", "1.02 (as native)"}, {0.01, 0.0304, 0.04, "sure", "0.0304"},
        {2, 10, 90, "too noisy", " too noisy"},       {0.2, 4.34, 8, "too few", "4.34 (not told)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json)
        json_t *r = json_pack("{s:f, s:f, s:f, s:s}", "low", cases[i].low, "median",
                              cases[i].median, "high", cases[i].high, "verdict", cases[i].verdict);
        CLEANUP(free) char *text = view_ratio(r);
        CHECK_STR(text, cases[i].text);
    }
}

static void test_views_table_says_what_it_cannot(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(free) char *table = view_table(doc);
    CHECK(strstr(table, "vm (emulated)"));
    CHECK(strstr(table, VIEW_EMULATED));
    CHECK(strstr(table, "1.03 ms \xc2\xb1"
                        "3 %"));
    CHECK(strstr(table, "too noisy"));
    CHECK(strstr(table, "its own (6.1)"));
    CHECK(strstr(table, "vm (emulated), memory (1x): no <i>room"));
    CHECK(strstr(table, "  cloison run --wall vm\n"));
    CHECK(!strstr(table, "INTERRUPTED"));
    json_object_set_new(doc, "interrupted", json_true());
    CLEANUP(free) char *marked = view_table(doc);
    CHECK(strstr(marked, "INTERRUPTED"));
}

static void test_views_page_is_safe(void)
{
    CLEANUP(json) json_t *doc = sample();
    CLEANUP(free) char *page = view_page(doc);
    CHECK(strstr(page, "a&lt;script&gt;b"));
    CHECK(strstr(page, "Start &lt;b&gt;&quot;&amp;"));
    CHECK(strstr(page, "no &lt;i&gt;room"));
    CHECK(strstr(page, "\xc3\x97 too noisy"));
    CHECK(!strstr(page, "<script") && !strstr(page, "<i>") && !strstr(page, "nan"));
}

static void test_views_of_nothing(void)
{
    /* A document that has no figure at all, of a wall that failed at once. */
    CLEANUP(json) json_t *doc = sample();
    json_array_clear(json_object_get(doc, "criteria"));
    CLEANUP(free) char *page = view_page(doc);
    CLEANUP(free) char *table = view_table(doc);
    CHECK(strstr(page, "</html>") && strstr(table, "native"));
}

static const struct test tests[] = {
    TEST(test_views_quantities),
    TEST(test_views_ratios),
    TEST(test_views_table_says_what_it_cannot),
    TEST(test_views_page_is_safe),
    TEST(test_views_of_nothing),
};
TEST_MAIN(tests)
