// SPDX-License-Identifier: Apache-2.0
/* Any bytes as config.json: never a crash; and what was understood survives being written and read
 * again. The same bytes are also an image config and a seccomp profile. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "spec/json_number.h"
#include "spec/request.h"
#include "spec/seccomp_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_round_trip(const struct spec *s)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *json = spec_to_json(s);
    CLEANUP(free) char *text = json_number_dump(json, JSON_COMPACT);
    CLEANUP(json) json_t *json_again = NULL;
    CLEANUP(spec) struct spec *again = NULL;
    assert(text && json_number_parse(text, strlen(text), "again", &json_again, &err) == 0);
    assert(spec_parse(json_again, "again", &again, &err) == 0);
    CLEANUP(json) json_t *rewritten = spec_to_json(again);
    assert(json_equal(json, rewritten));
    assert(spec_validate(s, NULL) == spec_validate(again, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(spec) struct spec *s = NULL;
    CLEANUP(arena) struct arena *a = arena_new();
    struct image_config image;
    struct spec_seccomp *seccomp = NULL;
    struct seccomp_host host = seccomp_host_read(1);
    memcpy(text, bytes, size);
    if (json_number_parse(text, size, "fuzz", &json, NULL) < 0) {
        return 0;
    }
    if (spec_parse(json, "fuzz", &s, NULL) == 0) {
        check_round_trip(s);
    }
    if (image_config_parse(json, &image, NULL) == 0) {
        image_config_done(&image);
    }
    IGNORE(seccomp_profile_resolve(a, json, &host, "fuzz", &seccomp, NULL)); /* only no crash */
    return 0;
}
