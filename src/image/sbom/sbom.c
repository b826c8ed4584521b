// SPDX-License-Identifier: Apache-2.0
/* sbom: what is installed below a folder, told as SPDX. All of it is read in a process that has
 * the folder for its root, no capability but those for files, and few system calls. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image/sbom/sbom.h"
#include "image/store/confine.h"
#include "image/store/verbs.h"

#define RELEASE_BYTES_MAX ((size_t)1 << 20)

/* A value of os-release(5), its quotes removed; NULL: not there. */
static char *release_value(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == '=') {
            const char *value = line + n + 1;
            value += *value == '"' || *value == '\'';
            return xstrndup(value, strcspn(value, "\"'\n"));
        }
    }
    return NULL;
}

static int read_release(int root, struct packages_found *p, struct error **err)
{
    static const char *const paths[] = {"etc/os-release", "usr/lib/os-release"};
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(paths) && r == 0; i++) {
        r = sbom_file(root, paths[i], RELEASE_BYTES_MAX, &text, &len, err);
    }
    if (r > 0) {
        p->os_id = release_value(text, "ID");
        p->os_version = release_value(text, "VERSION_ID");
    }
    return r < 0 ? r : 0;
}

static int write_document(int root, int to, const struct spdx_document *d, struct error **err)
{
    CLEANUP(packages_found) struct packages_found p = {0};
    int r = read_release(root, &p, err);
    r = r < 0 ? r : packages_read_dpkg(root, &p, err);
    r = r < 0 ? r : packages_read_apk(root, &p, err);
    r = r < 0 ? r : packages_read_rpm(root, &p, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *json = spdx_json(&p, d);
    CLEANUP(free) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the document cannot be written as JSON");
    }
    r = write_all(to, text, strlen(text));
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing what is installed") : 0;
}

int verb_sbom(const struct verb_request *request, struct error **err)
{
    const char *output = "";
    struct spdx_document d = {"", "", ""};
    int64_t fd = -1;
    int r;
    if ((r = json_get_i64(request->json, "folderFd", "request", 3, 1023, &fd, err)) < 0 ||
        (r = json_get_str(request->json, "output", "request", &output, err)) < 0 ||
        (r = json_get_str(request->json, "name", "request", &d.name, err)) < 0 ||
        (r = json_get_str(request->json, "namespace", "request", &d.name_space, err)) < 0 ||
        (r = json_get_str(request->json, "created", "request", &d.created, err)) < 0) {
        return r;
    }
    CLEANUP(fd) int to = open_file(AT_FDCWD, output, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    if (to < 0) {
        return to;
    }
    if (fchdir((int)fd) < 0) {
        return error_set_errno(err, ERROR_INTERNAL, errno, "the caller handed no folder over");
    }
    r = confine_inner(".", err);
    CLEANUP(fd) int root = r < 0 ? -1 : open_file(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, err);
    return r < 0 ? r : root < 0 ? root : write_document(root, to, &d, err);
}
