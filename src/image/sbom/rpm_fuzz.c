// SPDX-License-Identifier: Apache-2.0
/* Headers of rpm's database. */
#include "image/sbom/sbom.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct packages_found p = {0};
    struct package package;
    if (rpm_header_read(data, size, &package)) {
        packages_add(&p, &package);
    }
    packages_found_done(&p);
    return 0;
}
