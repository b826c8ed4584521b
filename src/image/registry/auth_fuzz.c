// SPDX-License-Identifier: Apache-2.0
/* Any text as the headers that a registry sends: WWW-Authenticate and Link. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/registry/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(challenge) struct challenge c;
    challenge_parse(text, &c);
    assert(!(c.bearer && c.basic));
    CLEANUP(free) char *next = link_next(text);
    assert(!next || (*next && strstr(text, next)));
    return 0;
}
