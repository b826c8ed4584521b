// SPDX-License-Identifier: Apache-2.0
/* The machine's network: loopback, and the one interface as the host says. Spec: netdevice(7). */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* `network` is the request's: address, netmask, gateway (may be empty), mtu; NULL: loopback alone.
 */
int network_up(const json_t *network, struct error **err) NODISCARD;
