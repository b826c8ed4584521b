// SPDX-License-Identifier: Apache-2.0
#include "net/names.h"

int net_names_serve(const struct net_place *place, struct error **err)
{
    return 0;
}
