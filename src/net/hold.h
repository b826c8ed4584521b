// SPDX-License-Identifier: Apache-2.0
/* Taking a port of the host by binding a socket to it: the probe whether it is free, and for as
 * long as the socket lives the guard that no other program takes it. The socket never listens:
 * packets to a published port are redirected before they would reach it, and should the rules be
 * flushed, a client is refused rather than left hanging. */
#pragma once

#include "base/macros.h"

/* Binds to address:port; *port 0: a free one of the kernel's ephemeral range, told in *port. The
 * socket in *ret_fd, -1 for a protocol that the kernel cannot bind but may forward (sctp). 0,
 * -EADDRINUSE, -EADDRNOTAVAIL, or another negative errno. */
int net_hold_port(const char *proto, const char *address, int *port, int *ret_fd) NODISCARD;
