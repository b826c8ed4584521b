// SPDX-License-Identifier: Apache-2.0
#include "base/yaml/yaml.h"

#include <string.h>

#include "base/json.h"
#include "base/test.h"

static const char *lookup(void *context, const char *name)
{
    return str_equal(name, "NAME") ? "3" : NULL;
}

/* The tree as compact JSON, or what is wrong with the text. The caller frees. */
static char *read_as_json(const char *text, const struct variables *variables)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(error) struct error *err = NULL;
    struct node *n = NULL;
    if (yaml_parse(a, text, strlen(text), "f", variables, &n, &err) < 0) {
        return xstrdup(err->message);
    }
    CLEANUP(json) json_t *json = node_to_json(n);
    return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void expect(const char *text, const char *expected)
{
    CLEANUP(free) char *actual = read_as_json(text, NULL);
    CHECK_STR(actual, expected);
}

static void test_yaml_types_are_the_core_schemas(void)
{
    expect("", "{}");
    expect("{a: 1, b: 0x10, c: 0o17, d: 017, e: 1.5, f: .5}",
           "{\"a\":1,\"b\":16,\"c\":15,\"d\":17,\"e\":1.5,\"f\":0.5}");
    expect("{a: yes, b: true, c: null, d: ~, e: , f: 'true'}",
           "{\"a\":\"yes\",\"b\":true,\"c\":null,\"d\":null,\"e\":null,\"f\":\"true\"}");
    expect("[2026-01-02, 1:30, \"\\u00e9\"]", "[\"2026-01-02\",\"1:30\",\"é\"]");
    expect("a: |\n  one\n  two\nb: >-\n  one\n  two\n",
           "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}");
}

static void test_yaml_aliases_and_merge_keys(void)
{
    expect("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n",
           "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"b\":3,\"a\":1},\"z\":{\"a\":1,\"b\":2}}");
}

static void test_yaml_tells_where_it_is_wrong(void)
{
    static const char *const wrong[] = {"a: 1\na: 2\n", "a: [1\n", "a: *nobody\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        CLEANUP(free) char *said = read_as_json(wrong[i], NULL);
        CHECK(str_starts(said, "f:"));
    }
}

static void test_yaml_variables_are_those_of_values(void)
{
    struct variables v = {lookup, NULL, NULL};
    CLEANUP(free)
    char *actual = read_as_json("{a: '$NAME', $NAME: 1, b: $NAME, c: '${NONE:-x}', d: $$}", &v);
    CHECK_STR(actual, "{\"a\":\"3\",\"$NAME\":1,\"b\":\"3\",\"c\":\"x\",\"d\":\"$\"}");
}

static void test_yaml_few_lines_cannot_ask_for_gigabytes(void)
{
    CLEANUP(strbuf) struct strbuf text = {0};
    strbuf_adds(&text, "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 10; i++) {
        strbuf_addf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) {
            strbuf_addf(&text, "%s*a%d", k ? "," : "", i - 1);
        }
        strbuf_adds(&text, "]\n");
    }
    CLEANUP(free) char *said = read_as_json(text.data, NULL);
    CHECK(str_starts(said, "f:"));
}

static void test_yaml_what_is_written_reads_back(void)
{
    static const char *const trees[] = {
        "{\"a\":[],\"b\":{},\"c\":[{\"d\":1},[2,[3]]],\"e\":null}",
        "{\"yes\":\"no\",\"n\":\"1\",\"t\":\"true\",\"s\":\" x "
        "\",\"m\":\"a\\nb\\n\",\"q\":\"'\\\"#: \"}",
    };
    for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
        CLEANUP(json) json_t *tree = json_loads(trees[i], 0, NULL);
        CLEANUP(strbuf) struct strbuf text = {0};
        yaml_write(tree, &text);
        expect(text.data, trees[i]);
    }
}

static const struct test tests[] = {
    TEST(test_yaml_types_are_the_core_schemas),
    TEST(test_yaml_aliases_and_merge_keys),
    TEST(test_yaml_tells_where_it_is_wrong),
    TEST(test_yaml_variables_are_those_of_values),
    TEST(test_yaml_few_lines_cannot_ask_for_gigabytes),
    TEST(test_yaml_what_is_written_reads_back),
};
TEST_MAIN(tests)
