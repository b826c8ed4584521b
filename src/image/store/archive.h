// SPDX-License-Identifier: Apache-2.0
/* An image archive (docker-archive or oci-archive) taken apart in one pass, because what names the
 * others (manifest.json, index.json) often comes last and standard input cannot be read twice: what
 * is plainly a layer is unpacked as it comes, unless the store has it; each other file becomes one
 * in the store's temporary folder, with its digest. */
#pragma once

#include "base/json.h"
#include "image/store/layer.h"
#include "image/store/source.h"
#include "image/store/store.h"
#include "image/store/unpack.h"

struct archive_file {
    char *name; /* clean: no "./" in front */
    char *link; /* a symlink's or hard link's target, clean; else NULL */
    char *path; /* in the store; NULL: the blob of that digest is it */
    char digest[DIGEST_TEXT_BYTES];
    struct layer layer;  /* unpacked already, not yet committed; tmp NULL: not (any more) */
    struct error *error; /* why that failed, or NULL */
};

struct image_archive {
    struct store *store;
    struct archive_file *files;
    size_t count;
    json_t *known; /* layers of the store, once they were looked for */
};

/* Reads the whole source. ERROR_CORRUPT when it is damaged or cut short. */
int image_archive_read(struct store *s, struct source *source, const char *name,
                       const struct unpack_limits *limits, struct image_archive *ret,
                       struct error **err) NODISCARD;
void image_archive_done(struct image_archive *a);

/* Links are followed. NULL when there is none. Borrowed. */
struct archive_file *image_archive_find(const struct image_archive *a, const char *name);
/* The file blobs/sha256/<hex>, whose content must have that digest. */
int image_archive_blob(const struct image_archive *a, const char *digest, struct archive_file **ret,
                       struct error **err) NODISCARD;
/* The content of a small one. The caller frees. */
int image_archive_text(const struct image_archive *a, const struct archive_file *f, size_t max,
                       char **ret, struct error **err) NODISCARD;
