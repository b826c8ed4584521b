// SPDX-License-Identifier: Apache-2.0
/* Any text as a reference: what is accepted reads the same when it is written and read again, and
 * makes a path that stays below names/. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(reference) struct reference r = {0};
    CLEANUP(reference) struct reference again = {0};
    CLEANUP(error) struct error *err = NULL;
    if (reference_parse(text, &r, &err) < 0) {
        return 0;
    }
    CLEANUP(free) char *full = reference_full(&r);
    CLEANUP(free) char *familiar = reference_familiar(&r);
    CLEANUP(free) char *path = layout_name(&r);
    int e = reference_parse(full, &again, NULL);
    assert(e >= 0);
    CLEANUP(free) char *full_again = reference_full(&again);
    assert(str_equal(full, full_again) && *familiar);
    assert(str_starts(path, "names/") && !strstr(path, "/../") && !strstr(path, "//"));
    return 0;
}
