// SPDX-License-Identifier: Apache-2.0
/* index.json of the store: the names as an OCI image layout tells them (image-layout.md), for other
 * tools to read (`skopeo inspect oci:/var/lib/cloison/images:docker.io/library/nginx:latest`). It
 * is derived: nothing here reads it. */
#pragma once

#include "image/store/store.h"

/* Rewrites it. A failure leaves the old one, until the next change. */
void index_write(struct store *s);
