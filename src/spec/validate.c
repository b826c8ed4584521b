// SPDX-License-Identifier: Apache-2.0
#include "spec/spec.h"

int spec_validate(const struct spec *s, struct error **err)
{
    return 0;
}
