// SPDX-License-Identifier: Apache-2.0
/* Any text as a Dockerfile: it is parsed, or refused with a message that begins with the file's
 * name; every word of it is expanded or refused. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "build/file/dockerfile.h"
#include "build/file/expand.h"
#include "build/file/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *lookup(void *context, const char *name)
{
    return name[0] == 'A' ? "a value" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(dockerfile) struct dockerfile d = {0};
    CLEANUP(error) struct error *err = NULL;
    if (dockerfile_parse("D", (const char *)bytes, size, &d, &err) < 0) {
        assert(str_starts(err->message, "D:"));
        return 0;
    }
    struct expansion e = {.escape = d.escape, .lookup = lookup};
    for (size_t i = 0; i < d.count; i++) {
        CLEANUP(strv) struct strv words = {0};
        CLEANUP(free) char *word = NULL;
        line_words(d.items[i].rest, d.escape, &words);
        assert(d.items[i].line >= 1 && d.items[i].last_line >= d.items[i].line);
        IGNORE(expand_word(&e, d.items[i].rest, &word, NULL));
        IGNORE(expand_words(&e, d.items[i].rest, &words, NULL));
    }
    return 0;
}
