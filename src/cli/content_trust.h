// SPDX-License-Identifier: Apache-2.0
/* --disable-content-trust: Docker's check against Notary, which it leaves out by default. Here
 * there is none to turn on, and whoever asks for it must not believe that it is done. */
#pragma once

#include "base/options.h"

/* A row of a verb's options; the default of `member` is true. */
#define CONTENT_TRUST_OPTION(type, member)                                                         \
    {                                                                                              \
        0, "disable-content-trust", OPTION_FLAG, offsetof(type, member), NULL,                     \
            "Accepted for Docker's users: nothing asks Notary (default true)"                      \
    }

int content_trust_check(bool disabled, struct error **err) NODISCARD;
