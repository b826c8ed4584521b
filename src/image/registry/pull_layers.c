// SPDX-License-Identifier: Apache-2.0
#include "image/registry/pull_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/layout.h"
#include "image/registry/complete.h"
#include "image/registry/progress.h"
#include "image/store/deferred.h"
#include "image/store/interrupt.h"
#include "image/store/layer_lock.h"
#include "image/store/parallel.h"

#define THREADS_MIN 3 /* as Docker's: they wait for the registry, mostly */
#define THREADS_MAX 8 /* more only share the same line */

struct pull {
    struct store *store;
    struct registry *registry;
    const struct manifest *manifest;
    const struct strv *diff_ids;
    const struct unpack_limits *limits;
    struct layer *layers;
    char (*chains)[DIGEST_TEXT_BYTES]; /* of each layer */
    int *locks;                        /* of each layer that is being made here; -1 */
    struct progress progress;
    struct first_failure failure;
    atomic_bool any_read;
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
    if (atomic_load(&o->pull->failure.failed)) {
        return error_set(err, ERROR_BUSY, ECANCELED, "another layer failed");
    }
    return o->blob.base.read(&o->blob.base, ret_bytes, err);
}

static void show_bytes(void *context, int64_t offset)
{
    struct one *o = context;
    progress_bytes(&o->pull->progress, o->index, offset);
    if (offset == o->blob.size) {
        progress_set(&o->pull->progress, o->index, PROGRESS_UNPACKING);
    }
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
    const char *digest = o->pull->manifest->layers[o->index].digest;
    CLEANUP(fd) int fd = blob_open(o->pull->store, digest, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    struct layer_input in = *base;
    source_fd_init(&source, fd, digest);
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
    bool here = blob_exists(p->store, d->digest, &size) && size == d->size;
    progress_set(&p->progress, i, here ? PROGRESS_VERIFYING : PROGRESS_MOVING);
    atomic_store(&p->any_read, true);
    int r = here ? read_from_store(&o, &in, err) : read_from_registry(&o, &in, err);
    if (r >= 0) {
        progress_set(&p->progress, i, PROGRESS_DONE);
    }
    return r;
}

/* Another command may have made it while its lock was waited for. */
static bool find_again(struct pull *p, size_t i)
{
    const struct content_descriptor *d = &p->manifest->layers[i];
    struct layer there;
    int64_t size = 0;
    if (!layer_find(p->store, p->chains[i], &there) || !blob_exists(p->store, d->digest, &size) ||
        size != d->size) {
        return false;
    }
    memcpy(there.digest, d->digest, DIGEST_TEXT_BYTES);
    there.blob_size = d->size;
    p->layers[i] = there;
    progress_set(&p->progress, i, PROGRESS_EXISTS);
    return true;
}

/* Makes the layer, unless another command is at it: then it is left for later. */
static int make_one(struct pull *p, size_t i, bool wait, struct error **err)
{
    p->locks[i] = layer_lock(p->store, p->chains[i], wait, err);
    if (p->locks[i] < 0) {
        int r = p->locks[i];
        p->locks[i] = -1;
        return r == -EWOULDBLOCK ? 0 : r;
    }
    return find_again(p, i) ? 0 : read_one(p, i, err);
}

static void work(void *context, size_t i)
{
    struct pull *p = context;
    struct error *e = NULL;
    if (!p->layers[i].digest[0] && !atomic_load(&p->failure.failed) &&
        make_one(p, i, false, &e) < 0) {
        first_failure_note(&p->failure, e);
    }
}

static void unlock(struct pull *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        layer_unlock(p->store, p->chains[i], p->locks[i]);
        p->locks[i] = -1;
    }
}

/* What others were at: waited for one by one, the lowest first, and before each wait all that is
 * below gets its name (layer_lock.h says why). */
static int make_rest(struct pull *p, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < p->manifest->layer_count && r >= 0; i++) {
        if (p->layers[i].digest[0]) {
            continue;
        }
        r = layers_commit(p->store, p->layers, i, err);
        if (r >= 0) {
            unlock(p, i);
            r = make_one(p, i, true, err);
        }
    }
    return r;
}

/* Whoever stops a pull wants to go on later: what is complete stays, for the next pull to find,
 * until something is swept. */
static void keep_finished(struct pull *p)
{
    size_t first = 0;
    while (first < p->manifest->layer_count && p->layers[first].digest[0]) {
        first++;
    }
    IGNORE(layers_commit(p->store, p->layers, first, NULL)); /* else they come again */
    for (size_t i = first; i < p->manifest->layer_count; i++) {
        if (p->layers[i].tmp_blob) {
            IGNORE(blob_add_file(p->store, p->layers[i].tmp_blob, p->layers[i].digest, NULL));
        }
    }
}

static void find_present(struct pull *p)
{
    char chain[DIGEST_TEXT_BYTES] = "";
    for (size_t i = 0; i < p->manifest->layer_count; i++) {
        const struct content_descriptor *d = &p->manifest->layers[i];
        struct layer there;
        progress_layer(&p->progress, i, d->digest, d->size);
        p->locks[i] = -1;
        if (layer_is_present(p->store, d, p->diff_ids->items[i], chain, &there)) {
            p->layers[i] = there;
            progress_set(&p->progress, i, PROGRESS_EXISTS);
        }
        memcpy(p->chains[i], chain, sizeof(p->chains[i]));
    }
}

/* A processor unpacks one layer. */
static size_t thread_count(void)
{
    size_t n = parallel_processors();
    return n < THREADS_MIN ? THREADS_MIN : n > THREADS_MAX ? THREADS_MAX : n;
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
                     .failure = FIRST_FAILURE_INIT};
    p.chains = xcalloc(IMAGE_LAYERS_MAX, sizeof(*p.chains));
    p.locks = xcalloc(IMAGE_LAYERS_MAX, sizeof(*p.locks));
    progress_init(&p.progress, &pull_words, m->layer_count, quiet);
    find_present(&p);
    parallel_run(m->layer_count, thread_count(), work, &p);
    struct error *late = NULL;
    if (!p.failure.error && make_rest(&p, &late) < 0) {
        first_failure_note(&p.failure, late);
    }
    progress_done(&p.progress);
    (void)pthread_mutex_destroy(&p.failure.lock);
    if (p.failure.error && interrupt_wanted()) {
        keep_finished(&p);
    }
    if (!p.failure.error && atomic_load(&p.any_read)) { /* named before the locks are given up */
        IGNORE(layers_commit(s, ret_layers, m->layer_count, &p.failure.error)); /* it tells */
    }
    unlock(&p, m->layer_count);
    free(p.chains);
    free(p.locks);
    return p.failure.error ? error_move(err, &p.failure.error, -p.failure.error->code)
                           : atomic_load(&p.any_read);
}
