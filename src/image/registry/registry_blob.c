// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "image/registry/registry.h"

static int open_blob(struct registry_blob *b, struct error **err)
{
    struct registry_request q = {.path = b->path, .offset = b->offset, .stream = true};
    int r = registry_request(b->registry, b->http, &q, &b->answer, err);
    if (r >= 0 && b->answer.status != 200 && b->answer.status != 206) {
        r = registry_status_error(b->registry, &b->answer, err);
    }
    if (r >= 0) {
        b->open = true;
        b->skip = b->answer.status == 206 ? 0 : b->offset;
    }
    return r;
}

/* The bytes that are new, of those that came. */
static ssize_t take_bytes(struct registry_blob *b, const void **bytes, ssize_t n,
                          struct error **err)
{
    int64_t skipped = n < b->skip ? n : b->skip;
    b->skip -= skipped;
    *bytes = (const char *)*bytes + skipped;
    n -= (ssize_t)skipped;
    b->offset += n;
    if (b->offset > b->size) {
        return error_set(err, ERROR_CORRUPT, 0, "more bytes come than the manifest says");
    }
    if (b->on_bytes) {
        b->on_bytes(b->context, b->offset);
    }
    return n;
}

static ssize_t read_blob(struct source *base, const void **ret_bytes, struct error **err)
{
    struct registry_blob *b = (struct registry_blob *)base;
    for (;;) {
        int r = b->open ? 0 : open_blob(b, err);
        if (r < 0) {
            return r;
        }
        CLEANUP(error) struct error *why = NULL;
        ssize_t n = http_stream_read(b->http, ret_bytes, &why);
        if (n > 0) {
            n = take_bytes(b, ret_bytes, n, err);
            if (n == 0) {
                continue; /* all of it had come before */
            }
            b->attempts = 0;
            return n;
        }
        if (n == 0 && b->offset == b->size) {
            return 0;
        }
        if (n == 0) {
            n = error_set(&why, ERROR_NETWORK, EIO, "the connection ends early");
        }
        b->open = false;
        if (n != -EIO || ++b->attempts == REGISTRY_ATTEMPTS_MAX) {
            return error_move(err, &why, (int)n);
        }
        r = registry_back_off(b->attempts, 0, err);
        if (r < 0) {
            return r;
        }
    }
}

void registry_blob_init(struct registry_blob *b, struct registry *r, const char *digest,
                        int64_t size)
{
    *b = (struct registry_blob){.base.read = read_blob, .registry = r, .size = size};
    b->http = http_new(r->client);
    b->path = str_format("blobs/%s", digest);
}

void registry_blob_done(struct registry_blob *b)
{
    http_free(b->http);
    free(b->path);
    http_response_done(&b->answer);
    *b = (struct registry_blob){0};
}
