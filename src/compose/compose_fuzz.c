// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a Compose file: never a crash, never without bounds; and what was understood
 * survives being written as YAML and read again. The same bytes are also a .env file and a text
 * with variables. */
#include <assert.h>
#include <string.h>

#include "base/yaml/yaml.h"
#include "compose/dotenv.h"
#include "compose/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *lookup(void *context, const char *name)
{
    return name[0] == 'A' ? "value" : NULL;
}

static void check_round_trip(struct arena *a, const struct node *n)
{
    CLEANUP(json) json_t *json = node_to_json(n);
    CLEANUP(json) json_t *again = NULL;
    CLEANUP(strbuf) struct strbuf text = {0};
    CLEANUP(error) struct error *err = NULL;
    struct node *reread = NULL;
    yaml_write(json, &text);
    if (yaml_parse(a, str_or(text.data, ""), text.len, "again", NULL, &reread, &err) < 0) {
        fprintf(stderr, "%s\n%s\n", err->message, text.data);
        abort();
    }
    again = node_to_json(reread);
    assert(json_equal(json, again) || node_is_empty(n));
}

static void run_file(struct arena *a, const char *text, size_t size)
{
    struct variables v = {lookup, NULL, NULL};
    CLEANUP(strv) struct strv ignored = {0};
    struct shaper s = {.arena = a, .base_dir = "/base", .home = "/root", .ignored = &ignored};
    struct node *raw = NULL, *shaped = NULL;
    CLEANUP(error) struct error *err = NULL;
    if (yaml_parse(a, text, size, "fuzz", &v, &raw, NULL) < 0) {
        return;
    }
    if (shape_file(&s, raw, &shaped, &err) == 0) {
        const struct node *twice = merge(a, &merge_root, shaped, shaped);
        if (twice) {
            check_round_trip(a, merge_finish(a, twice));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(json) json_t *values = json_object();
    CLEANUP(strbuf) struct strbuf out = {.max = 1 << 20};
    struct variables v = {lookup, NULL, NULL};
    memcpy(text, bytes, size);
    run_file(a, text, size);
    IGNORE(dotenv_parse(text, "fuzz", &v, false, values, NULL)); /* only no crash */
    IGNORE(interpolate(&v, text, &out, NULL));                   /* likewise */
    return 0;
}
