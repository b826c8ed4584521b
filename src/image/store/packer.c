// SPDX-License-Identifier: Apache-2.0
#include "image/store/packer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/store/parallel.h"

#define PIECE_BYTES ((size_t)512 << 10)
#define PIECES ((size_t)8) /* on their way at once */
#define PACKERS_MAX 6
#define STORED_BYTES_MAX 65535 /* of a stored block (RFC 1951, 3.2.4) */
#define STORED_HEAD_BYTES 5
/* By how much samples of a piece must become smaller for it to be compressed: a 32nd. */
#define SAMPLE_GAIN 32
#define OUT_BYTES (PIECE_BYTES + PIECE_BYTES / 32 + 1024)
#define STAGING_BYTES ((size_t)1 << 20)
#define ALIGNMENT 4096 /* what writes past the page cache ask for at most */

struct piece {
    unsigned char *in, *out;
    size_t in_len, out_len;
    bool packed;
};

/* Pieces are counted from the first; number n is in pieces[n % PIECES]. The archive's writer is
 * ahead, `written` last; `hashed` and the packers go between, each at its own pace. */
struct packer {
    bool deferred; /* hashed and no more: the archive is the blob, and is written another time */
    struct blob_writer blob;
    struct digest *diff;
    uint32_t crc;
    int64_t tar_size;
    unsigned char *staging; /* of the blob: what is not written yet */
    size_t staged;
    struct piece pieces[PIECES];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t filled, hashed, taken, written;
    bool ended, stop; /* no more is coming; nobody wants it any more */
    struct first_failure failure;
    pthread_t threads[PACKERS_MAX + 2];
    size_t thread_count;
};

static struct piece *piece_of(struct packer *p, size_t number)
{
    return &p->pieces[number % PIECES];
}

static size_t stored(const unsigned char *in, size_t len, unsigned char *out)
{
    size_t at = 0;
    while (len) {
        size_t n = len < STORED_BYTES_MAX ? len : STORED_BYTES_MAX;
        const unsigned char head[STORED_HEAD_BYTES] = {0, (unsigned char)n, (unsigned char)(n >> 8),
                                                       (unsigned char)~n, (unsigned char)(~n >> 8)};
        memcpy(out + at, head, sizeof(head));
        memcpy(out + at + sizeof(head), in, n);
        at += sizeof(head) + n;
        in += n;
        len -= n;
    }
    return at;
}

static size_t deflated(const unsigned char *in, size_t len, unsigned char *out, size_t room)
{
    struct isal_zstream z;
    unsigned char *level = xmalloc(ISAL_DEF_LVL1_DEFAULT);
    isal_deflate_stateless_init(&z);
    z.level = 1; /* the next step waits for nothing but this, in a cold build */
    z.level_buf = level;
    z.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    z.flush = FULL_FLUSH;
    z.next_in = (unsigned char *)in; /* it does not write to it */
    z.avail_in = (uint32_t)len;
    z.next_out = out;
    z.avail_out = (uint32_t)room;
    bool fine = isal_deflate_stateless(&z) == COMP_OK;
    free(level);
    return fine ? room - z.avail_out : room;
}

size_t packer_gain(const void *bytes, size_t len)
{
    unsigned char out[2 * PACKER_SAMPLE_BYTES];
    size_t n = deflated(bytes, len, out, sizeof(out));
    return n < len ? len - n : 0;
}

/* Archives, pictures, programs that are packed: most of what is large does not become smaller. */
static bool becomes_smaller(const unsigned char *in, size_t len)
{
    size_t gained = 0, tried = 0;
    if (len < 8 * PACKER_SAMPLE_BYTES) {
        return true;
    }
    for (size_t i = 0; i < 3; i++) {
        gained += packer_gain(in + i * (len / 3), PACKER_SAMPLE_BYTES);
        tried += PACKER_SAMPLE_BYTES;
    }
    return gained * SAMPLE_GAIN > tried;
}

static void pack(struct piece *e)
{
    e->out_len = OUT_BYTES;
    if (becomes_smaller(e->in, e->in_len)) {
        e->out_len = deflated(e->in, e->in_len, e->out, OUT_BYTES);
    }
    if (e->out_len >= e->in_len) {
        e->out_len = stored(e->in, e->in_len, e->out);
    }
}

static void hash(struct packer *p, const struct piece *e)
{
    digest_add(p->diff, e->in, e->in_len);
    p->crc = p->deferred ? 0 : crc32_gzip_refl(p->crc, e->in, e->in_len);
}

static int write_staged(struct packer *p, bool direct, struct error **err)
{
    int flags = fcntl(p->blob.fd, F_GETFL);
    int wanted = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
    if (wanted != flags && fcntl(p->blob.fd, F_SETFL, wanted) < 0) {
        direct = false; /* not every file system can */
    }
    int r = write_all(p->blob.fd, p->staging, p->staged);
    if (r == -EINVAL && direct) {
        return write_staged(p, false, err);
    }
    p->staged = 0;
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing a blob") : 0;
}

/* A large blob goes to the disk past the page cache: the build does not read it again, at its end
 * it is to be on the disk, and to fill pages with it costs as much as to compress it. */
static int write_out(struct packer *p, const void *bytes, size_t len, struct error **err)
{
    const unsigned char *from = bytes;
    int r = 0;
    digest_add(p->blob.digest, bytes, len);
    p->blob.size += (int64_t)len;
    while (len && r >= 0) {
        size_t n = STAGING_BYTES - p->staged < len ? STAGING_BYTES - p->staged : len;
        p->staging = p->staging ? p->staging : aligned_alloc(ALIGNMENT, STAGING_BYTES);
        assert(p->staging);
        memcpy(p->staging + p->staged, from, n);
        p->staged += n;
        from += n;
        len -= n;
        r = p->staged == STAGING_BYTES ? write_staged(p, true, err) : 0;
    }
    return r;
}

static void write_piece(struct packer *p, const struct piece *e)
{
    struct error *why = NULL;
    if (!atomic_load(&p->failure.failed) && write_out(p, e->out, e->out_len, &why) < 0) {
        first_failure_note(&p->failure, why);
    }
}

/* Under the lock: whether the next piece is there; false at the end. `next` may grow meanwhile. */
static bool await_piece(struct packer *p, const size_t *next)
{
    while (!p->stop && p->filled <= *next && !p->ended) {
        (void)pthread_cond_wait(&p->changed, &p->lock); /* valid */
    }
    return !p->stop && p->filled > *next;
}

static void *run_hash(void *context)
{
    struct packer *p = context;
    pthread_mutex_lock(&p->lock);
    while (await_piece(p, &p->hashed)) {
        pthread_mutex_unlock(&p->lock);
        hash(p, piece_of(p, p->hashed));
        pthread_mutex_lock(&p->lock);
        p->hashed++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void *run_pack(void *context)
{
    struct packer *p = context;
    pthread_mutex_lock(&p->lock);
    while (await_piece(p, &p->taken)) {
        struct piece *e = piece_of(p, p->taken++);
        pthread_mutex_unlock(&p->lock);
        pack(e);
        pthread_mutex_lock(&p->lock);
        e->packed = true;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void *run_write(void *context)
{
    struct packer *p = context;
    pthread_mutex_lock(&p->lock);
    while (await_piece(p, &p->written)) {
        struct piece *e = piece_of(p, p->written);
        while (!e->packed && !p->stop) {
            (void)pthread_cond_wait(&p->changed, &p->lock); /* valid */
        }
        if (p->stop) {
            break;
        }
        pthread_mutex_unlock(&p->lock);
        write_piece(p, e);
        pthread_mutex_lock(&p->lock);
        e->packed = false;
        p->written++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void end_threads(struct packer *p, bool stop)
{
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    p->stop = stop;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    while (p->thread_count) {
        (void)pthread_join(p->threads[--p->thread_count], NULL); /* valid */
    }
}

static int start_threads(struct packer *p, struct error **err)
{
    size_t packers = parallel_processors();
    packers = packers > PACKERS_MAX ? PACKERS_MAX : packers;
    for (size_t i = 0; i < (p->deferred ? 1 : packers + 2); i++) {
        void *(*run)(void *) = i == 0 ? run_hash : i == 1 ? run_write : run_pack;
        if (pthread_create(&p->threads[p->thread_count], NULL, run, p) != 0) {
            return i > 2 ? 0 : error_set_errno(err, ERROR_KERNEL, EAGAIN, "making a thread");
        }
        p->thread_count++;
    }
    return 0;
}

int packer_begin(struct store *s, bool deferred, struct packer **ret, struct error **err)
{
    /* A gzip header without name and time (RFC 1952, 2.3), of an unknown system. */
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    struct packer *p = xcalloc(1, sizeof(*p));
    p->deferred = deferred;
    p->blob.fd = -1;
    p->diff = digest_new();
    p->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    p->changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    p->failure = (struct first_failure)FIRST_FAILURE_INIT;
    int r = deferred ? 0 : blob_begin(s, &p->blob, err);
    r = r < 0 || deferred ? r : write_out(p, head, sizeof(head), err);
    if (r < 0) {
        packer_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

static int take_failure(struct packer *p, struct error **err)
{
    return error_move(err, &p->failure.error, -p->failure.error->code);
}

/* The piece is full: the threads have it, and there is room for another. */
static int pass_on(struct packer *p, struct error **err)
{
    int r = p->thread_count ? 0 : start_threads(p, err);
    if (r < 0) {
        return r;
    }
    pthread_mutex_lock(&p->lock);
    p->filled++;
    pthread_cond_broadcast(&p->changed);
    while (p->filled >= p->hashed + PIECES || (!p->deferred && p->filled >= p->written + PIECES)) {
        (void)pthread_cond_wait(&p->changed, &p->lock); /* valid */
    }
    pthread_mutex_unlock(&p->lock);
    return atomic_load(&p->failure.failed) ? -1 : 0;
}

int packer_put(struct packer *p, const void *bytes, size_t len, struct error **err)
{
    const unsigned char *from = bytes;
    while (len) {
        struct piece *e = piece_of(p, p->filled);
        if (!e->in) {
            e->in = xmalloc(PIECE_BYTES);
            e->out = xmalloc(OUT_BYTES);
        }
        size_t n = PIECE_BYTES - e->in_len < len ? PIECE_BYTES - e->in_len : len;
        memcpy(e->in + e->in_len, from, n);
        e->in_len += n;
        from += n;
        len -= n;
        p->tar_size += (int64_t)n;
        if (e->in_len == PIECE_BYTES) {
            int r = pass_on(p, err);
            if (r < 0) {
                return atomic_load(&p->failure.failed) ? take_failure(p, err) : r;
            }
            piece_of(p, p->filled)->in_len = 0;
        }
    }
    return 0;
}

/* What is left, which may be all there is: then nobody else has been called for it. */
static int finish(struct packer *p, struct error **err)
{
    struct piece *e = piece_of(p, p->filled);
    int r = 0;
    if (p->thread_count && e->in_len) {
        r = pass_on(p, err) < 0 && !atomic_load(&p->failure.failed) ? -1 : 0;
    } else if (e->in_len) {
        hash(p, e);
        if (!p->deferred) {
            pack(e);
            write_piece(p, e);
        }
    }
    end_threads(p, r < 0);
    return r < 0 ? r : atomic_load(&p->failure.failed) ? take_failure(p, err) : 0;
}

/* The end of the gzip file: what is staged is written. */
static int write_tail(struct packer *p, struct error **err)
{
    uint32_t size = (uint32_t)p->tar_size;
    const unsigned char tail[] = {1,
                                  0,
                                  0,
                                  0xff,
                                  0xff, /* an empty last block */
                                  (unsigned char)p->crc,
                                  (unsigned char)(p->crc >> 8),
                                  (unsigned char)(p->crc >> 16),
                                  (unsigned char)(p->crc >> 24),
                                  (unsigned char)size,
                                  (unsigned char)(size >> 8),
                                  (unsigned char)(size >> 16),
                                  (unsigned char)(size >> 24)};
    int r = write_out(p, tail, sizeof(tail), err);
    return r < 0 ? r : write_staged(p, false, err);
}

int packer_end(struct packer *p, struct layer *ret, struct error **err)
{
    int r = finish(p, err);
    r = r < 0 || p->deferred ? r : write_tail(p, err);
    if (r < 0) {
        return r;
    }
    ret->tar_size = p->tar_size;
    digest_end(p->diff, ret->diff_id);
    if (p->deferred) {
        memcpy(ret->digest, ret->diff_id, sizeof(ret->digest));
        ret->blob_size = p->tar_size;
        ret->media_type = MEDIA_LAYER_TAR;
        ret->deferred = true;
        return 0;
    }
    ret->blob_size = p->blob.size;
    ret->media_type = MEDIA_LAYER_GZIP;
    return blob_end(&p->blob, NULL, ret->digest, &ret->tmp_blob, err);
}

void packer_free(struct packer *p)
{
    if (!p) {
        return;
    }
    end_threads(p, true);
    blob_writer_done(&p->blob);
    digest_free(p->diff);
    free(p->staging);
    error_free(p->failure.error);
    for (size_t i = 0; i < PIECES; i++) {
        free(p->pieces[i].in);
        free(p->pieces[i].out);
    }
    free(p);
}
