// SPDX-License-Identifier: Apache-2.0
#include "image/store/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct digest {
    EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
    struct digest *d = xcalloc(1, sizeof(*d));
    d->context = EVP_MD_CTX_new();
    int ok = d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL);
    assert(ok); /* sha256 is in every provider; only memory can fail */
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    int ok = EVP_DigestUpdate(d->context, bytes, len);
    assert(ok);
}

void digest_end(struct digest *d, char ret_text[DIGEST_TEXT_BYTES])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    int ok = EVP_DigestFinal_ex(d->context, raw, &len);
    assert(ok && len == 32);
    (void)stpcpy(ret_text, "sha256:");
    for (unsigned int i = 0; i < len; i++) {
        snprintf(ret_text + 7 + 2 * i, 3, "%02x", raw[i]);
    }
}

void digest_free(struct digest *d)
{
    if (d) {
        EVP_MD_CTX_free(d->context);
        free(d);
    }
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
