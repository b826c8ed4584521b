// SPDX-License-Identifier: Apache-2.0
/* Network interfaces by ioctl(2), for programs that link no netlink library.
 *
 * Side effects: what the request says, in the socket's network namespace. Any thread.
 * Spec: man 7 netdevice. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "base/error.h"

/* A request about this interface, all else zero. */
struct ifreq interface_request(const char *name);
#define INTERFACE_MAC_BYTES 18
/* What SIOCGIFHWADDR has answered, as "02:42:0a:00:00:02". */
void interface_mac(const struct ifreq *r, char ret[INTERFACE_MAC_BYTES]);
/* One call; a failure is "the machine's network: <what>: …". */
int interface_call(int sock, unsigned long number, void *argument, const char *what,
                   struct error **err) NODISCARD;
/* Up, or down with no flag left. */
int interface_set_up(int sock, const char *name, bool up, struct error **err) NODISCARD;
