// SPDX-License-Identifier: Apache-2.0
/* The one way to a published port that the kernel cannot redirect: a connection from this host to
 * ::1. The port's socket on ::1 listens, and each connection is handed to a process of its own
 * (cloison-proxy) that copies bytes to the container and back. Side effect: that process, a child
 * of the caller's, who reaps it; the container's address is the record's of this moment. */
#pragma once

#include "net/net.h"

/* fd_take: the accepted connection; closed here in any case. */
int net_proxy_start(const char *run_dir, const char *id, int container_port, int fd_take,
                    struct error **err) NODISCARD;
