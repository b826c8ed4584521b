// SPDX-License-Identifier: Apache-2.0
#include "image/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"

char *layout_store_path(const char *data_dir)
{
    return str_format("%s/images", data_dir);
}

char *layout_blob(const char *digest)
{
    return str_format("blobs/sha256/%s", digest_hex(digest));
}

char *layout_deferred(const char *digest)
{
    return str_format("deferred/%s", digest_hex(digest));
}

char *layout_deferred_target(const char *chain_id)
{
    return str_format("../layers/%s", digest_hex(chain_id));
}

char *layout_id(const char *hex)
{
    return str_format("ids/%s.json", hex);
}

char *layout_layer(const char *chain_hex)
{
    return str_format("layers/%s", chain_hex);
}

char *layout_name(const struct reference *r)
{
    return str_format("names/%s/%s/%c%s", r->registry, r->repository, r->digest ? '@' : ':',
                      r->digest ? r->digest : r->tag);
}

char *layout_name_target(const char *name_path, const char *hex)
{
    struct strbuf b = {0};
    for (const char *s = strchr(name_path, '/'); s; s = strchr(s + 1, '/')) {
        strbuf_adds(&b, "../");
    }
    strbuf_addf(&b, "ids/%s.json", hex);
    return strbuf_take(&b);
}

bool layout_target_hex(const char *target, char ret_hex[DIGEST_HEX_DIGITS + 1])
{
    const char *base = strrchr(target, '/');
    if (!base || strlen(base + 1) != DIGEST_HEX_DIGITS + strlen(".json") ||
        !str_ends(base, ".json")) {
        return false;
    }
    memcpy(ret_hex, base + 1, DIGEST_HEX_DIGITS);
    ret_hex[DIGEST_HEX_DIGITS] = '\0';
    return strspn(ret_hex, "0123456789abcdef") == DIGEST_HEX_DIGITS;
}

struct name_walk {
    int (*visit)(void *context, const char *reference, const char *hex);
    void *context;
    struct error **err;
};

static int visit_link(const struct name_walk *w, int dirfd, const char *leaf, const char *prefix)
{
    char target[1024], hex[DIGEST_HEX_DIGITS + 1];
    ssize_t n = readlinkat(dirfd, leaf, target, sizeof(target) - 1);
    if (n < 0) {
        return errno == ENOENT ? 0
                               : error_set_errno(w->err, ERROR_KERNEL, errno,
                                                 "reading the name '%s%s'", prefix, leaf);
    }
    target[n] = '\0';
    if (!layout_target_hex(target, hex)) {
        return 0; /* not made by us */
    }
    CLEANUP(free) char *reference = str_format("%s%s", prefix, leaf);
    return w->visit(w->context, reference, hex);
}

static int walk_names(const struct name_walk *w, int parent, const char *name, const char *prefix)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    CLEANUP(dir) DIR *dir = open;
    if (!dir) {
        int code = errno;
        fd_close(fd);
        return code == ENOENT
                   ? 0
                   : error_set_errno(w->err, ERROR_KERNEL, code, "reading the names '%s'", prefix);
    }
    int r = 0;
    struct dirent *e;
    while (r == 0 && (e = readdir(dir))) {
        if (e->d_name[0] == ':' || e->d_name[0] == '@') {
            r = visit_link(w, dirfd(dir), e->d_name, prefix);
        } else if (e->d_name[0] != '.') {
            CLEANUP(free)
            char *below = str_format("%s%s%s", prefix, *prefix ? "/" : "", e->d_name);
            r = walk_names(w, dirfd(dir), e->d_name, below);
        }
    }
    return r;
}

int layout_each_name(int store_fd,
                     int (*visit)(void *context, const char *reference, const char *hex),
                     void *context, struct error **err)
{
    struct name_walk w = {visit, context, err};
    return walk_names(&w, store_fd, "names", "");
}
