// SPDX-License-Identifier: Apache-2.0
/* export: a folder, or one entry of it, as a tar archive. extract: the other way round. The caller
 * hands over the folder's descriptor: a container's root. */
#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "image/store/limits.h"
#include "image/store/output.h"
#include "image/store/source.h"
#include "image/store/tree_tar.h"
#include "image/store/verbs.h"

static int inherited_fd(const struct verb_request *request, int *ret, struct error **err)
{
    int64_t fd = -1;
    int r = json_get_i64(request->json, "folderFd", "request", 3, 1023, &fd, err);
    if (r >= 0 && (fd < 0 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)) {
        r = error_set(err, ERROR_INTERNAL, 0, "the caller handed no folder over");
    }
    *ret = (int)fd;
    return r;
}

int verb_export(const struct verb_request *request, struct error **err)
{
    const char *output = NULL, *name = NULL, *as = NULL;
    struct output out;
    int folder = -1;
    int r;
    if ((r = inherited_fd(request, &folder, err)) < 0 ||
        (r = json_get_str(request->json, "output", "request", &output, err)) < 0 ||
        (r = json_get_str(request->json, "name", "request", &name, err)) < 0 ||
        (r = json_get_str(request->json, "as", "request", &as, err)) < 0 ||
        (r = output_open(output, &out, err)) < 0) {
        return r;
    }
    struct tree_tar tar = {.fd = out.fd};
    r = name ? tree_tar_entry(&tar, folder, name, str_or(as, name), err)
             : tree_tar_folder(&tar, folder, err);
    return output_close(&out, r, err);
}

struct reading {
    struct source_fd source;
    struct error *error;
};

static ssize_t read_block(struct archive *a, void *context, const void **ret)
{
    struct reading *r = context;
    ssize_t n = r->error ? -1 : r->source.base.read(&r->source.base, ret, &r->error);
    if (n < 0) {
        archive_set_error(a, EIO, "reading failed"); /* r->error has the words */
    }
    return n < 0 ? -1 : n;
}

static int damaged(struct reading *r, struct archive *a, struct error **err)
{
    return r->error ? error_move(err, &r->error, -r->error->code)
                    : error_set(err, ERROR_CORRUPT, 0, "truncated or damaged: %s",
                                str_or(archive_error_string(a), "unreadable"));
}

static int extract_entries(struct reading *r, struct archive *a, struct unpack *u,
                           struct error **err)
{
    struct archive_entry *e;
    if (archive_read_open(a, r, NULL, read_block, NULL) != ARCHIVE_OK) {
        return damaged(r, a, err);
    }
    for (;;) {
        int code = archive_read_next_header(a, &e);
        if (code == ARCHIVE_EOF) {
            return unpack_finish(u, err);
        }
        if (code == ARCHIVE_RETRY || code < ARCHIVE_WARN) {
            return damaged(r, a, err);
        }
        int result = unpack_entry(u, a, e, err);
        if (result < 0) {
            return result;
        }
    }
}

int verb_extract(const struct verb_request *request, struct error **err)
{
    struct unpack_limits limits;
    struct reading reading = {0};
    CLEANUP(unpack) struct unpack u = {.root = -1, .parent = -1};
    int folder = -1;
    int r = inherited_fd(request, &folder, err);
    if (r < 0 || (r = limits_load(request->config_path, &limits, err)) < 0) {
        return r;
    }
    source_fd_init(&reading.source, STDIN_FILENO, "standard input");
    unpack_init(&u, folder, &limits);
    u.is_plain = true;
    struct archive *a = archive_read_new();
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    r = extract_entries(&reading, a, &u, err);
    archive_read_free(a);
    source_fd_done(&reading.source);
    error_free(reading.error);
    return r < 0 ? error_wrap(err, r, "standard input") : 0;
}
