// SPDX-License-Identifier: Apache-2.0
/* `system check`: whether the store is what it says (the invariants of image/image.h), and mending
 * what is not.
 *
 *     check_run()    reads every reference, hashes every blob, unpacks every layer again beside the
 *                    one that is there and compares; each thing that is wrong is a struct problem.
 *     check_mend()   for each image with a problem: what the store itself has is unpacked again,
 *                    the rest is pulled again by the names that the image has.
 * check_run() writes nothing but in the store's temporary folder; it holds the store's lock shared,
 * as every reader. What changes beside it is no problem: what is gone when looked at again is not
 * told. Several threads. */
#pragma once

#include <pthread.h>

#include "base/json.h"
#include "image/store/store.h"
#include "image/store/unpack.h"

enum problem_kind {
    PROBLEM_BLOB,      /* content that is not what its name says, or missing */
    PROBLEM_LAYER,     /* an unpacked layer that is not what its blob says, or missing */
    PROBLEM_IMAGE,     /* ids/<hex>.json unreadable, or not what its config says */
    PROBLEM_NAME,      /* a name that leads to no image */
    PROBLEM_CONTAINER, /* a container whose layer is missing */
};

struct problem {
    enum problem_kind kind;
    char *object; /* a digest, a chainID, an image's hex digits, a path below names/, a container */
    char *text;   /* what is wrong with it */
    struct strv images; /* hex digits of those that need it */
    bool mended;
    char *obstacle; /* why it could not be mended, or NULL */
};

/* What the images refer to, by the hex digits of their digests. Each a JSON object, a hash table
 * that is at hand: */
struct references {
    json_t *blobs;  /* {"<hex>": {"size": …, "images": [hex…], "layer": bool}} */
    json_t *layers; /* {"<chain>": {"diffID", "blob", "images": [hex…]}} */
};

struct check {
    struct store *store;
    const char *config_path;
    bool quick; /* neither hash nor unpack */
    struct unpack_limits limits;
    json_t *in_use; /* chainIDs' hex digits of running containers' layers; borrowed, may be NULL */
    struct references references;
    struct problem *problems;
    size_t problem_count;
    pthread_mutex_t lock; /* of problems and what is below */
    size_t images, names, blobs, layers;
    int64_t bytes, unused_bytes; /* of all blobs; of those that nothing refers to */
    size_t not_compared;         /* layers that could not be unpacked here (a full disk) … */
    char *not_compared_why;      /* … and why */
    struct error *error;         /* why it could not go on */
};

int check_run(struct check *c, struct error **err) NODISCARD;
/* Sets `mended` or `obstacle` in each problem. What cannot be mended stays as it was. */
int check_mend(struct check *c, struct error **err) NODISCARD;
void check_done(struct check *c);

/* The parts of check_run(), each in a file of its own. */
int check_images(struct check *c, struct error **err) NODISCARD; /* fills c->references */
int check_names(struct check *c, struct error **err) NODISCARD;
int check_containers(struct check *c, struct error **err) NODISCARD;
int check_blobs(struct check *c, struct error **err) NODISCARD;
int check_layers(struct check *c, struct error **err) NODISCARD;

/* Any thread. `images` is an array of hex digits, or NULL. */
void check_note(struct check *c, enum problem_kind kind, const char *object, const json_t *images,
                const char *format, ...) PRINTF_LIKE(5, 6);
/* The digest of a blob's content; ERROR_CORRUPT when it is not what its name says. */
int check_blob_content(struct store *s, const char *hex, struct error **err) NODISCARD;
