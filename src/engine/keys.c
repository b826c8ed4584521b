// SPDX-License-Identifier: Apache-2.0
/* The detach keys. */
#include <errno.h>
#include <string.h>

#include "engine/session.h"

static int key_parse(const char *key, unsigned char *ret)
{
    if (strlen(key) == 1) {
        *ret = (unsigned char)*key;
        return 0;
    }
    if (!str_starts(key, "ctrl-") || strlen(key) != 6) {
        return -EINVAL;
    }
    char c = key[5];
    if (c >= 'a' && c <= 'z') {
        *ret = (unsigned char)(c - 'a' + 1);
    } else if (c >= '@' && c <= '_') {
        *ret = (unsigned char)(c - '@');
    } else {
        return -EINVAL;
    }
    return 0;
}

int keys_scan_init(struct keys_scan *k, const char *text, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    *k = (struct keys_scan){0};
    text = str_or(text, "ctrl-p,ctrl-q");
    strv_split(&parts, text, ',');
    bool good = *text && parts.count <= KEYS_MAX;
    for (size_t i = 0; i < parts.count && good; i++) {
        good = key_parse(parts.items[i], &k->keys[i]) == 0;
    }
    if (!good) {
        return error_set(err, ERROR_USAGE, 0,
                         "invalid detach keys '%s': write them as ctrl-p,ctrl-q or a,b", text);
    }
    k->count = (int)parts.count;
    return 0;
}

bool keys_scan(struct keys_scan *k, const unsigned char *bytes, size_t len, unsigned char *out,
               size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == k->keys[k->seen]) {
            if (++k->seen == k->count) {
                k->seen = 0;
                *ret_len = n;
                return true;
            }
            continue;
        }
        memcpy(out + n, k->keys, (size_t)k->seen);
        n += (size_t)k->seen;
        k->seen = bytes[i] == k->keys[0];
        if (!k->seen) {
            out[n++] = bytes[i];
        }
    }
    *ret_len = n;
    return false;
}
