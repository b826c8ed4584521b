// SPDX-License-Identifier: Apache-2.0
/* Images in the local store: from a name to the layers to mount. Read-only and light: it is on the
 * start path, so it links no HTTP, TLS or archive library; what changes the store is in the
 * program cloison-image (libexec), executed when needed.
 *
 * The store, below <data_dir>/images (an OCI image layout, image-layout.md, plus what is derived):
 *     oci-layout, index.json is not kept: names are links, below
 *     blobs/sha256/<hex>            manifests, configs and, where kept, compressed layers
 *     layers/<chain id hex>/diff/   an unpacked layer (overlay lower folder)
 *     layers/<chain id hex>/layer.json  {"diffID","parent","size"}
 *     names/<escaped normalised reference>  symlink to ../blobs/sha256/<manifest hex>
 *     ids/<config digest hex>.json  {"manifest","config","layers":[chain ids, base first],"size",…}
 * An image's ID is its config's digest, as Docker's. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "spec/request.h"

/* A parsed reference: registry/repository[:tag][@digest], normalised as Docker does
 * ("nginx" → docker.io/library/nginx:latest). */
struct reference {
    char *registry, *repository, *tag, *digest; /* tag or digest may be NULL, not both */
};
int reference_parse(const char *text, struct reference *ret, struct error **err) NODISCARD;
char *reference_full(const struct reference *r);     /* docker.io/library/nginx:latest */
char *reference_familiar(const struct reference *r); /* nginx:latest */
void reference_done(struct reference *r);
static inline void reference_cleanup(struct reference *r)
{
    reference_done(r);
}

struct image {
    char *id;              /* "sha256:<hex>" */
    char *manifest_digest; /* "sha256:<hex>" */
    char *name;            /* familiar, as resolved; NULL when resolved by ID */
    struct strv layers;    /* absolute folders, topmost first: the overlay's order */
    json_t *config_json;   /* the whole config blob */
    struct image_config config;
    int64_t size_bytes;
};

/* By reference, ID or unique ID prefix (≥ 4 hex digits count as one when no such name exists).
 * ERROR_NOT_FOUND when absent. Takes a shared lock on the store that image_free() releases, so that
 * nothing is collected in between. */
int image_resolve(const char *data_dir, const char *name, struct image **ret,
                  struct error **err) NODISCARD;
void image_free(struct image *i);
DEFINE_CLEANUP(image, struct image *, image_free)

/* Reads a file of the image through its layers (whiteouts honoured, symlinks followed inside):
 * /etc/passwd for --user. -ENOENT (NULL *ret) when there is none. */
int image_read_file(const struct image *i, const char *path, size_t max, char **ret,
                    struct error **err) NODISCARD;

/* Makes an absent image present by executing `cloison-image pull` (or, for "busybox", the embedded
 * one). `policy`: "missing", "always", "never". */
int image_ensure(const char *data_dir, const char *config_path, const char *name,
                 const char *policy, const char *platform, bool quiet, struct image **ret,
                 struct error **err) NODISCARD;
