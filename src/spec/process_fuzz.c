// SPDX-License-Identifier: Apache-2.0
/* Any bytes as exec's process.json and as update's resources: never a crash; what was understood
 * survives being written and read again. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "spec/json_number.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_process(struct arena *a, const struct spec_process *p)
{
    CLEANUP(json) json_t *json = spec_process_to_json(p);
    struct spec_process again = {0};
    assert(spec_parse_process(a, json, "again", &again, NULL) == 0);
    CLEANUP(json) json_t *rewritten = spec_process_to_json(&again);
    assert(json_equal(json, rewritten));
    CLEANUP(spec) struct spec *s = spec_new();
    s->root_path = "/";
    s->process = *p;
    s->process_set = true;
    IGNORE(spec_validate(s, NULL)); /* only no crash */
}

static void check_resources(struct arena *a, const struct spec_resources *r)
{
    CLEANUP(json) json_t *json = spec_resources_to_json(r);
    struct spec_resources again = {0};
    assert(spec_parse_resources(a, json, "again", &again, NULL) == 0);
    CLEANUP(json) json_t *rewritten = spec_resources_to_json(&again);
    assert(json_equal(json, rewritten));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(arena) struct arena *a = arena_new();
    struct spec_process process = {0};
    struct spec_resources resources = {0};
    memcpy(text, bytes, size);
    if (json_number_parse(text, size, "fuzz", &json, NULL) < 0) {
        return 0;
    }
    if (spec_parse_process(a, json, "fuzz", &process, NULL) == 0) {
        check_process(a, &process);
    }
    if (spec_parse_resources(a, json, "fuzz", &resources, NULL) == 0) {
        check_resources(a, &resources);
    }
    return 0;
}
