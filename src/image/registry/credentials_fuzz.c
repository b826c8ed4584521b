// SPDX-License-Identifier: Apache-2.0
/* Any JSON as a file of logins: what is taken of it fits into one header line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/registry/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free) char *helper = NULL;
    struct credentials c = {0};
    if (json_parse(text, strlen(text), "auth.json", &json, NULL) >= 0 &&
        credentials_parse(json, "auth.json", "docker.io", "library/nginx", &c, &helper, NULL) >=
            0) {
        assert(!c.basic || (*c.basic && !strchr(c.basic, '\n')));
        assert(!helper || *helper);
    }
    credentials_done(&c);
    return 0;
}
