// SPDX-License-Identifier: Apache-2.0
#include "image/store/manifest.h"

#include "base/test.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG                                                                                     \
    "\"config\":{\"mediaType\":\"" MEDIA_CONFIG "\",\"digest\":\"sha256:" A64 "\",\"size\":2}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" B64 "\",\"size\":3}"

static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    struct error *err = NULL;
    CHECK_OK(json_parse(text, strlen(text), "test", &json, &err), err);
    return json;
}

static void test_manifest_of_an_image(void)
{
    CLEANUP(json)
    json_t *json = parsed("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(
        MEDIA_LAYER_GZIP) "," LAYER("application/vnd.docker.image.rootfs.diff.tar.gzip") "]}");
    CLEANUP(manifest) struct manifest m = {0};
    struct error *err = NULL;
    CHECK_OK(manifest_parse(json, "m", &m, &err), err);
    CHECK_INT(m.layer_count, 2);
    CHECK_STR(m.config.digest, "sha256:" A64);
    CHECK_INT(m.layers[1].size, 3);
}

static void test_manifest_refusals_say_why(void)
{
    static const struct {
        const char *text, *words;
        enum error_kind kind;
    } table[] = {
        {"[]", "not an object", ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":1}", "schema 1", ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":2}", "config", ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", "layers", ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{}]}", "digest", ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:../../x\"}]}", "digest",
         ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:" A64 "\"}]}", "size",
         ERROR_INVALID_INPUT},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER("text/plain") "]}", "text/plain",
         ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
         "helm\",\"digest\":\"sha256:" A64 "\",\"size\":1},\"layers\":[]}",
         "not of an image", ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(json) json_t *json = parsed(table[i].text);
        CLEANUP(manifest) struct manifest m = {0};
        CLEANUP(error) struct error *err = NULL;
        CHECK(manifest_parse(json, "m", &m, &err) < 0);
        if (!strstr(err->message, table[i].words)) {
            CHECK_STR(err->message, table[i].words);
        }
        CHECK_INT(err->kind, table[i].kind);
    }
}

#define ENTRY(digit, platform)                                                                     \
    "{\"digest\":\"sha256:" digit "\",\"size\":1,\"platform\":" platform "}"

static void test_manifest_index_gives_the_platform(void)
{
    CLEANUP(json)
    json_t *index =
        parsed("{\"manifests\":[" ENTRY(
            A64, "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}")              //
               "," ENTRY(B64, "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}") //
               "," ENTRY(A64, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "]}");
    struct platform p;
    struct content_descriptor d = {0};
    struct error *err = NULL;
    CHECK(manifest_is_index(index, NULL));
    CHECK_OK(platform_parse("linux/arm/v7", &p, &err), err);
    CHECK_OK(index_choose(index, &p, "x", &d, &err), err);
    CHECK_STR(d.digest, "sha256:" B64);
    content_descriptor_done(&d);
    CHECK_OK(platform_parse("linux/amd64", &p, &err), err);
    CLEANUP(error) struct error *none = NULL;
    CHECK(index_choose(index, &p, "x", &d, &none) < 0);
    CHECK_STR(none->hint, "there is linux/arm/v6, linux/arm/v7");
}

static void test_manifest_index_gives_the_nearest_variant(void)
{
    static const struct {
        const char *wanted, *have, *chosen; /* variants; "-" is none */
    } table[] = {
        {"linux/arm/v7", "v5 v6", "v6"},    {"linux/arm/v6", "v7 v5", "v5"},
        {"linux/arm/v6", "v7 v8", NULL},    {"linux/arm/v7", "v6 -", "-"},
        {"amd64", "v3 v2", "v2"},           {"amd64", "v2 - v3", "-"},
        {"linux/amd64/v3", "- v2 v4", "-"}, {"arm64", "v8", "v8"},
        {"linux/arm/v7", "x", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(strv) struct strv have = {0};
        CLEANUP(json) json_t *list = json_array();
        struct platform p;
        struct error *err = NULL;
        CHECK_OK(platform_parse(table[i].wanted, &p, &err), err);
        strv_split(&have, table[i].have, ' ');
        for (size_t k = 0; k < have.count; k++) {
            const char *variant = str_equal(have.items[k], "-") ? NULL : have.items[k];
            json_array_append_new(list, json_pack("{s:s, s:i, s:{s:s, s:s, s:s*}}", "digest",
                                                  "sha256:" A64, "size", (int)k + 1, "platform",
                                                  "os", "linux", "architecture", p.architecture,
                                                  "variant", variant));
        }
        CLEANUP(json) json_t *index = json_pack("{s:O}", "manifests", list);
        struct content_descriptor d = {0};
        int r = index_choose(index, &p, "x", &d, NULL);
        CHECK((r >= 0) == (table[i].chosen != NULL));
        if (r >= 0) {
            CHECK_STR(have.items[d.size - 1], table[i].chosen);
        }
        content_descriptor_done(&d);
    }
}

static void test_manifest_diff_ids_are_as_many_as_layers(void)
{
    static const char text[] = "{\"rootfs\":{\"diff_ids\":[\"sha256:" A64 "\"]}}";
    CLEANUP(strv) struct strv ids = {0};
    CLEANUP(strv) struct strv more = {0};
    CLEANUP(error) struct error *err = NULL;
    CHECK_OK(config_diff_ids(text, strlen(text), 1, &ids, &err), err);
    CHECK(config_diff_ids(text, strlen(text), 2, &more, &err) < 0);
}

static const struct test tests[] = {
    TEST(test_manifest_of_an_image),
    TEST(test_manifest_refusals_say_why),
    TEST(test_manifest_index_gives_the_platform),
    TEST(test_manifest_index_gives_the_nearest_variant),
    TEST(test_manifest_diff_ids_are_as_many_as_layers),
};
TEST_MAIN(tests)
