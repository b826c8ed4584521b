// SPDX-License-Identifier: Apache-2.0
/* Certificates that a host is known by and asks for, where Docker and Podman keep them: the first
 * of /etc/cloison/certs.d/<host[:port]>, /etc/containers/certs.d/…, /etc/docker/certs.d/… that
 * exists. In it *.crt are authorities beside the system's; NAME.cert and NAME.key are ours, for a
 * host that asks who we are. Reads files. */
#pragma once

#include "image/registry/http.h"

/* `folder`: looked at instead of those, or NULL. None is no error: *ret is then empty. */
int certs_load(const char *folder, const char *host, struct http_tls *ret,
               struct error **err) NODISCARD;
void http_tls_done(struct http_tls *t);
