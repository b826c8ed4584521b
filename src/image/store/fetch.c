// SPDX-License-Identifier: Apache-2.0
#include "image/store/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/store/interrupt.h"

#define REDIRECTS_MAX 10
#define STALL_SECONDS 60

struct receiving {
    int fd;
    struct digest *digest;
    int failed; /* errno of a write */
};

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct receiving *r = context;
    int e = write_all(r->fd, bytes, size * count);
    if (e < 0) {
        r->failed = -e;
        return 0;
    }
    digest_add(r->digest, bytes, size * count);
    return size * count;
}

static int look_for_interrupt(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    return interrupt_wanted();
}

static void set_up(CURL *curl, const char *url, struct receiving *r)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cloison/" CLOISON_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_interrupt);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static int perform(struct fetch *f, struct receiving *r, struct error **err)
{
    CURL *curl = curl_easy_init();
    if (!curl) {
        return error_set(err, ERROR_INTERNAL, 0, "cannot set up a download");
    }
    set_up(curl, f->url, r);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_off_t modified = -1;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_FILETIME_T, &modified);
    curl_easy_cleanup(curl);
    f->modified = modified;
    if (code == CURLE_OK) {
        return 0;
    }
    if (r->failed) {
        return error_set_errno(err, ERROR_KERNEL, r->failed, "writing what '%s' sends", f->url);
    }
    return error_set(err, status == 404 ? ERROR_NOT_FOUND : ERROR_NETWORK, 0, "fetching '%s': %s",
                     f->url, status >= 400 ? "the server refuses" : curl_easy_strerror(code));
}

int fetch_file(struct fetch *f, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, f->to, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(digest) struct digest *digest = digest_new();
    struct receiving receiving = {.fd = fd, .digest = digest};
    int r = perform(f, &receiving, err);
    if (r < 0) {
        return r;
    }
    digest_end(digest, f->digest);
    if (f->checksum && !str_equal(f->checksum, f->digest)) {
        r = digest_mismatch(f->checksum, f->digest, err);
        return error_wrap(err, r, "'%s'", f->url);
    }
    return 0;
}
