// SPDX-License-Identifier: Apache-2.0
/* Changing the image store (image/image.h tells its layout and invariants). Every writer holds the
 * store's lock shared from store_open() to store_close() and works in a folder of its own below
 * tmp/; whoever gets the lock exclusively is alone, so that all of tmp/ is rubbish and what nothing
 * refers to may go. Side effects: files. Threads: one, but for blob_* and what says so. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "image/reference.h"
#include "image/store/digest.h"
#include "image/store/unpacker.h"

struct store {
    char *path;     /* <data_dir>/images */
    char *data_dir; /* for the containers that use images */
    int fd;
    int lock;
    char *tmp;       /* "tmp/<random>", made with the store */
    bool unwritable; /* opened to read where nothing can be written: `tmp` is none of its own */
    bool full;       /* opened to make room where there is none: neither */
    bool names_changed;
    struct unpacker unpacker; /* of store_start_unpacker() */
};

/* Makes what is missing, clears the rubbish of killed writers, takes the lock. */
int store_open(const char *data_dir, struct store *ret, struct error **err) NODISCARD;
/* The same for whoever writes nothing that lasts: a full or a read-only disk is no hindrance, only
 * that nothing can be made in the temporary folder then. */
int store_open_to_read(const char *data_dir, struct store *ret, struct error **err) NODISCARD;
/* The same for whoever removes alone: a full disk is no hindrance. */
int store_open_to_remove(const char *data_dir, struct store *ret, struct error **err) NODISCARD;
/* Starts what unpacks layers in it; the process has one thread still. `durable`: they are to stay.
 */
int store_start_unpacker(struct store *s, bool durable, struct error **err) NODISCARD;
/* Removes the temporary folder, rewrites index.json when names changed, sweeps when a sweep is
 * wanted and nobody else is at work. What fails here is left to the next writer. */
void store_close(struct store *s);
static inline void store_cleanup(struct store *s)
{
    store_close(s);
}

/* A fresh path below the temporary folder. Any thread. The caller frees. */
char *store_tmp_path(struct store *s, const char *what);

/* Taken while names and ids/ change, and for no longer: what is read under it stays true. A lock of
 * its own, for readers do not wait for it. Returns an fd whose closing releases it. */
int store_lock_names(struct store *s, struct error **err) NODISCARD;

/* All written files are on the disk when it returns. */
int store_sync(struct store *s, struct error **err) NODISCARD;

/* A blob being written: its content is hashed on the way. Any thread, each its own. */
struct blob_writer {
    struct store *store;
    int fd;
    char *path; /* temporary; NULL when none is open */
    struct digest *digest;
    int64_t size;
};
int blob_begin(struct store *s, struct blob_writer *ret, struct error **err) NODISCARD;
int blob_write(struct blob_writer *w, const void *bytes, size_t len, struct error **err) NODISCARD;
/* It is complete: *ret_path is the file in the temporary folder, the caller's to blob_add_file()
 * and free. With `expected`, another digest is ERROR_CORRUPT. */
int blob_end(struct blob_writer *w, const char *expected, char ret_digest[DIGEST_TEXT_BYTES],
             char **ret_path, struct error **err) NODISCARD;
/* The same, and gives it its name at once. */
int blob_commit(struct blob_writer *w, const char *expected, char ret_digest[DIGEST_TEXT_BYTES],
                struct error **err) NODISCARD;
void blob_writer_done(struct blob_writer *w);
static inline void blob_writer_cleanup(struct blob_writer *w)
{
    blob_writer_done(w);
}

/* The whole of a small blob, kept under its digest. */
int blob_add(struct store *s, const void *bytes, size_t len, char ret_digest[DIGEST_TEXT_BYTES],
             struct error **err) NODISCARD;
/* Moves a file of the store's temporary folder, whose digest is known, among the blobs. */
int blob_add_file(struct store *s, const char *path, const char *digest,
                  struct error **err) NODISCARD;
/* Also of one that is made when it is asked for (store/deferred.h opens it); its size in bytes. */
bool blob_exists(const struct store *s, const char *digest, int64_t *ret_size);
/* The whole of a small blob, if it is here and of that digest; else NULL. The caller frees. */
char *blob_read(const struct store *s, const char *digest, size_t max, size_t *ret_len);

/* Marks that something may have become unreferenced. */
void store_want_sweep(struct store *s);
/* Moves what nothing refers to into `to`, a folder below tmp/ that the caller removes: that takes
 * long, and needs no lock. Where an image's manifest is missing no blob goes, and *ret_kept, which
 * the caller frees, says so. The caller holds the store's lock exclusively. */
int store_sweep(struct store *s, const char *to, struct error **ret_kept,
                struct error **err) NODISCARD;
/* The bytes that a sweep would free now. */
int store_unused_bytes(struct store *s, int64_t *ret, struct error **err) NODISCARD;
