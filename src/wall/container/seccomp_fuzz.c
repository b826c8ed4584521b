// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a seccomp profile: never a crash; what compiles is a program that the kernel's
 * limits allow. */
#include <assert.h>
#include <linux/filter.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xcalloc(1, size + 1);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(arena) struct arena *a = arena_new();
    struct spec_seccomp *profile = NULL;
    struct seccomp_program program = {0};
    memcpy(text, bytes, size);
    if (json_parse(text, size, "fuzz", &json, NULL) < 0 ||
        spec_parse_seccomp(a, json, "fuzz", &profile, NULL) < 0) {
        return 0;
    }
    if (seccomp_compile(a, profile, &program, NULL) == 0) {
        assert(program.count > 0 && program.count <= BPF_MAXINSNS && program.instructions);
    }
    return 0;
}
