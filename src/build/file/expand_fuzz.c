// SPDX-License-Identifier: Apache-2.0
/* Any text as a word with variables: expanded or refused, in all three ways. */
#include <stdint.h>
#include <string.h>

#include "build/file/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *lookup(void *context, const char *name)
{
    return name[0] == 'A' ? "/a/b c/d.tar.gz" : name[0] == 'E' ? "" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(strv) struct strv words = {0};
    CLEANUP(free) char *word = NULL;
    CLEANUP(free) char *kept = NULL;
    struct expansion e = {.escape = size % 2 ? '\\' : '`', .lookup = lookup};
    IGNORE(expand_word(&e, text, &word, NULL));
    IGNORE(expand_words(&e, text, &words, NULL));
    e.keep_quotes = true;
    IGNORE(expand_word(&e, text, &kept, NULL));
    return 0;
}
