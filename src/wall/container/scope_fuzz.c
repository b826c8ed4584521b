// SPDX-License-Identifier: Apache-2.0
/* "NAME\nVALUE": as an annotation's property, and the name as a cgroupsPath. Whatever is understood
 * has a signature, and a group below the root. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *list = json_array();
    char *name = arena_strndup(a, (const char *)data, size), *value = strchr(name, '\n');
    struct scope_place place = {0};
    if (value) {
        *value++ = '\0';
        if (scope_property_parse(name, value, list, NULL) >= 0) {
            const json_t *one = json_array_get(list, 0);
            assert(json_array_size(list) == 1 && json_array_size(one) == 3);
            assert(*json_string_value(json_array_get(one, 1)));
        } else {
            assert(json_array_size(list) == 0);
        }
    }
    if (scope_place_parse(a, name, "id", &place, NULL) >= 0) {
        assert(place.group[0] == '/' && !strstr(place.group, "/../"));
    }
    return 0;
}
