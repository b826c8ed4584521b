// SPDX-License-Identifier: Apache-2.0
#include "build/content_pieces.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/str.h"
#include "image/store/parallel.h"

#define PIECE_BYTES ((int64_t)4 << 20)
#define BLOCK_BYTES ((int64_t)128 << 10)

struct pieces {
    int fd;
    int64_t size;
    unsigned char (*digests)[CONTENT_DIGEST_BYTES];
    atomic_int failure; /* -errno, or 0 */
};

static int hash_piece(EVP_MD_CTX *hash, const struct pieces *p, int64_t at, unsigned char *ret)
{
    int64_t end = at + PIECE_BYTES < p->size ? at + PIECE_BYTES : p->size;
    CLEANUP(free) char *block = xmalloc(BLOCK_BYTES);
    int ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    while (ok && at < end) {
        ssize_t n =
            pread(p->fd, block, (size_t)(end - at < BLOCK_BYTES ? end - at : BLOCK_BYTES), at);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return n < 0 ? -errno : -ESTALE; /* it has become shorter just now */
        }
        at += n > 0 ? n : 0;
        ok = n <= 0 || EVP_DigestUpdate(hash, block, (size_t)n);
    }
    return ok && EVP_DigestFinal_ex(hash, ret, NULL) ? 0 : -EIO;
}

static void work(void *context, size_t i)
{
    struct pieces *p = context;
    if (atomic_load(&p->failure)) {
        return;
    }
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int r = hash_piece(hash, p, (int64_t)i * PIECE_BYTES, p->digests[i]);
    EVP_MD_CTX_free(hash);
    if (r < 0) {
        atomic_store(&p->failure, r);
    }
}

int content_pieces_digest(int fd, int64_t size, unsigned char ret[CONTENT_DIGEST_BYTES])
{
    size_t count = (size_t)((size + PIECE_BYTES - 1) / PIECE_BYTES);
    struct pieces p = {.fd = fd, .size = size, .digests = xcalloc(count, sizeof(*p.digests))};
    parallel_run(count, parallel_processors(), work, &p);
    int r = atomic_load(&p.failure);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int ok = r == 0 && hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) &&
             EVP_DigestUpdate(hash, &size, sizeof(size)) &&
             EVP_DigestUpdate(hash, p.digests, count * sizeof(*p.digests)) &&
             EVP_DigestFinal_ex(hash, ret, NULL);
    EVP_MD_CTX_free(hash);
    free(p.digests);
    return r < 0 ? r : ok ? 0 : -EIO;
}
