// SPDX-License-Identifier: Apache-2.0
#include "image/registry/pull_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "image/layout.h"
#include "image/registry/progress.h"
#include "image/store/interrupt.h"

#define THREADS_MAX 3 /* as Docker's: more only share the same line */

struct pull {
    struct store *store;
    struct registry *registry;
    const struct manifest *manifest;
    const struct strv *diff_ids;
    const struct unpack_limits *limits;
    struct layer *layers;
    struct progress progress;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock;
    struct error *error; /* the first one; under the lock */
};

struct one { /* what a thread works at */
    struct pull *pull;
    size_t index;
    struct source stop; /* in front of the blob: ends when another thread has failed */
    struct registry_blob blob;
};

static ssize_t read_unless_failed(struct source *base, const void **ret_bytes, struct error **err)
{
    struct one *o = (struct one *)((char *)base - offsetof(struct one, stop));
    if (atomic_load(&o->pull->failed)) {
        return error_set(err, ERROR_BUSY, ECANCELED, "another layer failed");
    }
    return o->blob.base.read(&o->blob.base, ret_bytes, err);
}

static void show_bytes(void *context, int64_t offset)
{
    struct one *o = context;
    progress_bytes(&o->pull->progress, o->index, offset);
}

static int read_from_registry(struct one *o, const struct layer_input *base, struct error **err)
{
    const struct content_descriptor *d = &o->pull->manifest->layers[o->index];
    struct layer_input in = *base;
    registry_blob_init(&o->blob, o->pull->registry, d->digest, d->size);
    o->blob.on_bytes = show_bytes;
    o->blob.context = o;
    o->stop.read = read_unless_failed;
    in.source = &o->stop;
    int r = layer_read(o->pull->store, &in, &o->pull->layers[o->index], err);
    registry_blob_done(&o->blob);
    return r;
}

/* A blob that another image has brought, whose layer has another chainID. */
static int read_from_store(struct one *o, const struct layer_input *base, struct error **err)
{
    CLEANUP(free) char *path = layout_blob(o->pull->manifest->layers[o->index].digest);
    CLEANUP(fd) int fd = open_file(o->pull->store->fd, path, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    struct layer_input in = *base;
    source_fd_init(&source, fd, path);
    in.source = &source.base;
    in.blob_is_stored = true;
    return layer_read(o->pull->store, &in, &o->pull->layers[o->index], err);
}

static int read_one(struct pull *p, size_t i, struct error **err)
{
    const struct content_descriptor *d = &p->manifest->layers[i];
    CLEANUP(free) char *name = str_format("layer '%s'", d->digest);
    struct one o = {.pull = p, .index = i};
    struct layer_input in = {.name = name,
                             .keep_as_is = true,
                             .digest = d->digest,
                             .diff_id = p->diff_ids->items[i],
                             .limits = *p->limits};
    int64_t size = 0;
    progress_set(&p->progress, i, PROGRESS_FETCHING);
    bool here = blob_exists(p->store, d->digest, &size) && size == d->size;
    int r = here ? read_from_store(&o, &in, err) : read_from_registry(&o, &in, err);
    if (r >= 0) {
        progress_set(&p->progress, i, PROGRESS_DONE);
    }
    return r;
}

static void note_failure(struct pull *p, struct error *e)
{
    pthread_mutex_lock(&p->lock);
    if (!p->error) {
        p->error = e;
    } else {
        error_free(e);
    }
    atomic_store(&p->failed, true);
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *context)
{
    struct pull *p = context;
    for (;;) {
        size_t i = atomic_fetch_add(&p->next, 1);
        if (i >= p->manifest->layer_count || atomic_load(&p->failed)) {
            return NULL;
        }
        struct error *e = NULL;
        if (!p->layers[i].digest[0] && read_one(p, i, &e) < 0) {
            note_failure(p, e);
        }
    }
}

/* What is unpacked under the right chainID and has the very blob needs no reading. */
static void find_present(struct pull *p)
{
    char chain[DIGEST_TEXT_BYTES], above[DIGEST_TEXT_BYTES];
    for (size_t i = 0; i < p->manifest->layer_count; i++) {
        const struct content_descriptor *d = &p->manifest->layers[i];
        struct layer there;
        int64_t size = 0;
        digest_chain(i ? chain : NULL, p->diff_ids->items[i], above);
        memcpy(chain, above, sizeof(chain));
        progress_layer(&p->progress, i, d->digest, d->size);
        if (layer_find(p->store, chain, &there) && blob_exists(p->store, d->digest, &size) &&
            size == d->size) {
            p->layers[i] = there;
            memcpy(p->layers[i].digest, d->digest, DIGEST_TEXT_BYTES);
            p->layers[i].blob_size = d->size;
            progress_set(&p->progress, i, PROGRESS_EXISTS);
        }
    }
}

static void run_threads(struct pull *p)
{
    pthread_t threads[THREADS_MAX];
    size_t started = 0;
    while (started + 1 < THREADS_MAX && started + 1 < p->manifest->layer_count &&
           pthread_create(&threads[started], NULL, work, p) == 0) {
        started++;
    }
    work(p); /* this thread is one of them */
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

int pull_layers(struct store *s, struct registry *r, const struct manifest *m,
                const struct strv *diff_ids, const struct unpack_limits *limits, bool quiet,
                struct layer *ret_layers, struct error **err)
{
    struct pull p = {.store = s,
                     .registry = r,
                     .manifest = m,
                     .diff_ids = diff_ids,
                     .limits = limits,
                     .layers = ret_layers,
                     .lock = PTHREAD_MUTEX_INITIALIZER};
    progress_init(&p.progress, m->layer_count, quiet);
    find_present(&p);
    run_threads(&p);
    progress_done(&p.progress);
    (void)pthread_mutex_destroy(&p.lock);
    return p.error ? error_move(err, &p.error, -p.error->code) : 0;
}
