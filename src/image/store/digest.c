// SPDX-License-Identifier: Apache-2.0
/* SHA-256 itself: what is around it (EVP) takes 0.8 ms to set itself up. */
#define OPENSSL_API_COMPAT 10101
#include "image/store/digest.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct digest {
    SHA256_CTX context;
};

struct digest *digest_new(void)
{
    struct digest *d = xcalloc(1, sizeof(*d));
    int ok = SHA256_Init(&d->context);
    assert(ok); /* it only sets numbers */
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    int ok = SHA256_Update(&d->context, bytes, len);
    assert(ok);
}

void digest_end(struct digest *d, char ret_text[DIGEST_TEXT_BYTES])
{
    unsigned char raw[SHA256_DIGEST_LENGTH];
    int ok = SHA256_Final(raw, &d->context);
    assert(ok);
    (void)stpcpy(ret_text, "sha256:");
    for (size_t i = 0; i < sizeof(raw); i++) {
        snprintf(ret_text + 7 + 2 * i, 3, "%02x", raw[i]);
    }
}

void digest_free(struct digest *d)
{
    free(d);
}

void digest_of(const void *bytes, size_t len, char ret_text[DIGEST_TEXT_BYTES])
{
    CLEANUP(digest) struct digest *d = digest_new();
    digest_add(d, bytes, len);
    digest_end(d, ret_text);
}

void digest_chain(const char *parent, const char *diff_id, char ret_text[DIGEST_TEXT_BYTES])
{
    if (!parent) {
        memcpy(ret_text, diff_id, DIGEST_TEXT_BYTES);
        return;
    }
    CLEANUP(free) char *text = str_format("%s %s", parent, diff_id);
    digest_of(text, strlen(text), ret_text);
}

int digest_mismatch(const char *expected, const char *found, struct error **err)
{
    return error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' was asked for, '%s' came",
                     expected, found);
}
