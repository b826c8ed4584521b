// SPDX-License-Identifier: Apache-2.0
/* Images in the local store: from a name to the layers to mount. Read-only and light: it is on the
 * start path, so it links no HTTP, TLS or archive library; what changes the store is in the
 * program cloison-image (libexec), executed when needed (image/helper.h).
 *
 * The store, below <data_dir>/images: the blobs of an OCI image layout (image-layout.md), plus what
 * is derived from them so that a start reads two small files:
 *     oci-layout, index.json        for other tools; index.json is rewritten from names/
 *     blobs/sha256/<hex>            manifests, configs, and the layers as they came
 *     deferred/<hex>                symlink to ../layers/<chain id hex>: that blob is made of the
 *                                   layer's files when it is first asked for (store/deferred.h)
 *     layers/<chain id hex>/diff/   an unpacked layer (overlay lower folder, overlay's whiteouts)
 *     layers/<chain id hex>/layer.json  {"diffID","chainID","parent","size","tarSize","blob",
 *                                       "blobSize","mediaType"}
 *     ids/<config digest hex>.json  {"config","manifest","layers":[chain ids, base first],"size",
 *                                   "created","addedAt","local"}
 *     names/<registry>/<repository…>/:<tag>             symlink to ids/<hex>.json
 *     names/<registry>/<repository…>/@sha256:<hex>      the same, for what was pulled by or as it
 *     names/<registry>/<repository…>/.index:<tag>       image/name_index.h
 *     tmp/<random>/                 one a running cloison-image
 *     lock                          flock: shared by whoever reads or adds, exclusive to sweep
 * An image's ID is its config's digest, as Docker's. Layers as they came are kept (compressed), so
 * that save and push give the same digests that pull got.
 *
 * Invariants, at whichever system call a writer is killed: a blob's content is what its name says;
 * layers/<chain id> is complete; ids/<hex>.json names only what exists; a name leads to an image.
 * Who holds the lock exclusively is alone: all of tmp/ is then rubbish of killed writers. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "image/reference.h"
#include "spec/request.h"

/* overlayfs takes 500 lower folders since 5.x; Docker's limit is kept for images to be portable. */
#define IMAGE_LAYERS_MAX 127

struct image {
    char *id;              /* "sha256:<hex>" */
    char *manifest_digest; /* "sha256:<hex>" */
    char *name;            /* familiar, as resolved; NULL when resolved by ID */
    struct strv layers;    /* absolute folders, topmost first: the overlay's order */
    json_t *config_json;   /* the whole config blob */
    struct image_config config;
    int64_t size_bytes;
    int lock_fd; /* the shared lock on the store */
};

/* By reference, ID or unique ID prefix (≥ 4 hex digits count as one when no such name exists).
 * ERROR_NOT_FOUND when absent. Takes a shared lock on the store that image_free() releases, so that
 * nothing is collected in between. */
int image_resolve(const char *data_dir, const char *name, struct image **ret,
                  struct error **err) NODISCARD;
/* The same, of the index that the name stands for the image for "os/arch[/variant]";
 * ERROR_NOT_FOUND when none is. `platform` NULL: the one that the name leads to. */
int image_resolve_for(const char *data_dir, const char *name, const char *platform,
                      struct image **ret, struct error **err) NODISCARD;
/* It must fit each of several, as `--platform` given more than once, or with commas. */
int image_check_platforms(const struct image *i, const char *name, const struct strv *platforms,
                          struct error **err) NODISCARD;
void image_free(struct image *i);
DEFINE_CLEANUP(image, struct image *, image_free)

/* Reads a file of the image through its layers (whiteouts honoured, symlinks followed inside):
 * /etc/passwd for --user. -ENOENT (NULL *ret) when there is none. */
int image_read_file(const struct image *i, const char *path, size_t max, char **ret,
                    struct error **err) NODISCARD;

/* The folders whose overlay is `path` of the image ("" or "/": all of it), topmost layer first,
 * appended to *ret; of a file its one path. Symlinks are followed inside the image.
 * ERROR_NOT_FOUND when the image has no such path. */
int image_layers_of(const struct image *i, const char *path, struct strv *ret,
                    struct error **err) NODISCARD;

/* As image_resolve(), making an absent image present by executing `cloison-image` first: a pull, or
 * for "busybox" the embedded one, which needs no network. `policy`: "missing" (also NULL),
 * "always", "never". `platform`: "os/arch[/variant]" or NULL; an image of another one counts as
 * absent. The helper's progress goes to standard error; with `quiet` there is none. */
int image_ensure(const char *data_dir, const char *config_path, const char *name,
                 const char *policy, const char *platform, bool quiet, struct image **ret,
                 struct error **err) NODISCARD;

/* Every image, newest first, without reading the configs: what `images` shows. What only an index
 * names (image/name_index.h) is not among them. */
struct image_entry {
    char *id;              /* "sha256:<hex>" */
    char *manifest_digest; /* of the local manifest */
    char *created;         /* RFC 3339, of the config; NULL when it says none */
    int64_t size_bytes;    /* of all layers, unpacked */
    struct strv tags;      /* full references with a tag, sorted */
    struct strv digests;   /* full references with a digest, sorted */
};
int image_list(const char *data_dir, struct image_entry **ret, size_t *ret_count,
               struct error **err) NODISCARD;
void image_list_free(struct image_entry *list, size_t count);

/* Docker's `image inspect` object. A new reference. */
int image_inspect_json(const char *data_dir, const struct image *i, json_t **ret,
                       struct error **err) NODISCARD;
