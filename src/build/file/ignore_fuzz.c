// SPDX-License-Identifier: Apache-2.0
/* Any text as ignore patterns, its first line as a path too. */
#include <stdint.h>
#include <string.h>

#include "build/file/glob.h"
#include "build/file/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(free) char *path = xstrndup(text, strcspn(text, "\n"));
    CLEANUP(ignore) struct ignore i = {0};
    size_t len = strlen(path);
    if (len < 2000) {
        (void)glob_prefix(text, path, len, size % 2);
    }
    if (ignore_parse("i", text, &i, NULL) < 0) {
        return 0;
    }
    (void)ignore_takes(&i, path, size % 2);
    (void)ignore_may_take_back(&i, path);
    return 0;
}
