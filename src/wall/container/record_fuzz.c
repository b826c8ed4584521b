// SPDX-License-Identifier: Apache-2.0
/* Any bytes as wall.json: never a crash; what is taken has all that later commands rely on. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(json) json_t *json = NULL;
    struct record r;
    memcpy(text, bytes, size);
    if (json_parse(text, size, "fuzz", &json, NULL) < 0 || record_from_json(&r, json, NULL) < 0) {
        return 0;
    }
    assert(r.id && r.cgroups.count <= CGROUP_HIERARCHIES_MAX);
    for (size_t i = 0; i < r.hook_count; i++) {
        assert(r.hooks[i].path && r.hooks[i].kind_name && r.hooks[i].argv && r.hooks[i].argv[0]);
    }
    for (size_t i = 0; i < r.late_step_count; i++) {
        assert(r.late_steps[i].doing);
    }
    record_done(&r);
    return 0;
}
