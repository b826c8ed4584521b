// SPDX-License-Identifier: Apache-2.0
#include "image/registry/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"

#define PEM_BYTES_MAX ((size_t)1 << 20)

static const char *const places[] = {"/etc/cloison/certs.d", "/etc/containers/certs.d",
                                     "/etc/docker/certs.d"};

static int add_authority(const char *path, struct strbuf *all, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    int r = file_read(AT_FDCWD, path, PEM_BYTES_MAX, &text, NULL, err);
    if (r >= 0) {
        strbuf_addf(all, "%s\n", text);
    }
    return r;
}

static int take_client(const char *path, struct http_tls *t, struct error **err)
{
    CLEANUP(free) char *stem = xstrndup(path, strlen(path) - strlen(".cert"));
    CLEANUP(free) char *key = str_format("%s.key", stem);
    if (faccessat(AT_FDCWD, key, R_OK, AT_EACCESS) < 0) {
        int r = error_set_errno(err, ERROR_INVALID_INPUT, errno, "reading '%s'", key);
        return error_hint(err, r, "it must stand beside '%s'", path);
    }
    if (!t->certificate) {
        t->certificate = xstrdup(path);
        t->key = take_ptr(key);
    }
    return 0;
}

static int read_folder(const char *folder, DIR *dir, struct http_tls *t, struct error **err)
{
    CLEANUP(strbuf) struct strbuf all = {0};
    struct dirent *e;
    int r = 0;
    while (r >= 0 && (e = readdir(dir))) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, e->d_name);
        if (str_ends(path, ".crt")) {
            r = add_authority(path, &all, err);
        } else if (str_ends(path, ".cert")) {
            r = take_client(path, t, err);
        }
    }
    if (r >= 0 && all.len) {
        t->authorities = strbuf_take(&all);
    }
    return r;
}

int certs_load(const char *folder, const char *host, struct http_tls *ret, struct error **err)
{
    *ret = (struct http_tls){0};
    for (size_t i = 0; i < (folder ? 1 : ARRAY_SIZE(places)); i++) {
        CLEANUP(free)
        char *path = folder ? xstrdup(folder) : str_format("%s/%s", places[i], host);
        CLEANUP(dir) DIR *dir = opendir(path);
        if (dir) {
            int r = read_folder(path, dir, ret, err);
            if (r < 0) {
                http_tls_done(ret);
            }
            return r < 0 ? error_wrap(err, r, "certificates of '%s'", host) : 0;
        }
        if (folder || errno == EACCES) {
            return error_set_errno(err, ERROR_INVALID_INPUT, errno, "certificates: reading '%s'",
                                   path);
        }
    }
    return 0;
}

void http_tls_done(struct http_tls *t)
{
    free(t->authorities);
    free(t->certificate);
    free(t->key);
    *t = (struct http_tls){0};
}
