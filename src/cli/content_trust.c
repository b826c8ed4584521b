// SPDX-License-Identifier: Apache-2.0
#include "cli/content_trust.h"

int content_trust_check(bool disabled, struct error **err)
{
    if (disabled) {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0,
                      "--disable-content-trust=false: signatures of Notary are not supported");
    return error_hint(err, r, "'pull --verify' and the settings' \"signatures\" check cosign's");
}
