// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/sbom/sbom.h"

#define DATABASE_BYTES_MAX ((size_t)256 << 20)

void packages_add(struct packages_found *p, struct package *package)
{
    if (package->name && package->version) {
        p->items = xrealloc(p->items, (p->count + 1) * sizeof(*p->items));
        p->items[p->count++] = *package;
        *package = (struct package){.kind = package->kind};
        return;
    }
    char *texts[] = {package->name,   package->version, package->architecture,
                     package->source, package->license, package->maintainer};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        free(texts[i]);
    }
    *package = (struct package){.kind = package->kind};
}

void packages_found_done(struct packages_found *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].name);
        free(p->items[i].version);
        free(p->items[i].architecture);
        free(p->items[i].source);
        free(p->items[i].license);
        free(p->items[i].maintainer);
    }
    free(p->items);
    free(p->os_id);
    free(p->os_version);
    *p = (struct packages_found){0};
}

int sbom_file(int root, const char *path, size_t max, char **ret, size_t *ret_len,
              struct error **err)
{
    CLEANUP(fd) int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    if (fd == -ENOENT || fd == -ENOTDIR) {
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return error_set_errno(err, ERROR_INVALID_INPUT, fd < 0 ? -fd : EINVAL, "the image's '%s'",
                               path);
    }
    if ((size_t)st.st_size > max) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG, "the image's '%s' is larger than %zu MiB",
                         path, max >> 20);
    }
    char *data = xcalloc((size_t)st.st_size + 1, 1);
    ssize_t n = read_all(fd, data, (size_t)st.st_size);
    if (n < 0) {
        free(data);
        return error_set_errno(err, ERROR_KERNEL, (int)-n, "reading the image's '%s'", path);
    }
    *ret = data;
    *ret_len = (size_t)n;
    return 1;
}

static char *end_of_line(char *line)
{
    char *end = strchr(line, '\n');
    if (end) {
        *end = '\0';
    }
    return end;
}

void sbom_each_field(char *text, void (*field)(void *context, const char *name, char *value),
                     void *context)
{
    char *end;
    for (char *line = text; line; line = end ? end + 1 : NULL) {
        end = end_of_line(line);
        char *colon = strchr(line, ':');
        if (!*line) {
            field(context, NULL, NULL);
        } else if (colon && *line != ' ' && *line != '\t') {
            *colon = '\0';
            field(context, line, colon + 1 + strspn(colon + 1, " \t"));
        }
    }
    field(context, NULL, NULL);
}

static void take(char **to, const char *value)
{
    free(*to);
    *to = xstrdup(value);
}

struct reading {
    struct packages_found *found;
    struct package now;
    bool absent; /* known of, and not installed */
};

static void end_paragraph(struct reading *r)
{
    if (r->absent) {
        free(take_ptr(r->now.name));
    }
    packages_add(r->found, &r->now);
    r->absent = false;
}

static void dpkg_field(void *context, const char *name, char *value)
{
    struct reading *r = context;
    if (!name) {
        end_paragraph(r);
    } else if (str_equal(name, "Package")) {
        take(&r->now.name, value);
    } else if (str_equal(name, "Version")) {
        take(&r->now.version, value);
    } else if (str_equal(name, "Architecture")) {
        take(&r->now.architecture, value);
    } else if (str_equal(name, "Source")) {
        value[strcspn(value, " ")] = '\0'; /* "name (version)" */
        take(&r->now.source, value);
    } else if (str_equal(name, "Maintainer")) {
        take(&r->now.maintainer, value);
    } else if (str_equal(name, "Status")) {
        r->absent = !str_ends(value, " installed");
    }
}

static void apk_field(void *context, const char *name, char *value)
{
    struct reading *r = context;
    char **to = !name                  ? NULL
                : str_equal(name, "P") ? &r->now.name
                : str_equal(name, "V") ? &r->now.version
                : str_equal(name, "A") ? &r->now.architecture
                : str_equal(name, "o") ? &r->now.source
                : str_equal(name, "L") ? &r->now.license
                : str_equal(name, "m") ? &r->now.maintainer
                                       : NULL;
    if (!name) {
        end_paragraph(r);
    } else if (to) {
        take(to, value);
    }
}

static int read_fields(int root, const char *path, const char *kind,
                       void (*field)(void *context, const char *name, char *value),
                       struct packages_found *p, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    struct reading reading = {.found = p, .now.kind = kind};
    int r = sbom_file(root, path, DATABASE_BYTES_MAX, &text, &len, err);
    if (r > 0) {
        sbom_each_field(text, field, &reading);
    }
    return r < 0 ? r : 0;
}

/* One file a package, in images that have no dpkg. */
static int read_status_folder(int root, struct packages_found *p, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(fd) int fd = open_in_root(root, "var/lib/dpkg/status.d", O_RDONLY | O_DIRECTORY, 0);
    int r = fd < 0 ? 0 : list_folder(fd, ".", &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(free) char *path = str_format("var/lib/dpkg/status.d/%s", names.items[i]);
        r = str_ends(path, ".md5sums") ? 0 : read_fields(root, path, "deb", dpkg_field, p, err);
    }
    return r;
}

int packages_read_dpkg(int root, struct packages_found *p, struct error **err)
{
    int r = read_fields(root, "var/lib/dpkg/status", "deb", dpkg_field, p, err);
    return r < 0 ? r : read_status_folder(root, p, err);
}

int packages_read_apk(int root, struct packages_found *p, struct error **err)
{
    size_t before = p->count;
    int r = read_fields(root, "lib/apk/db/installed", "apk", apk_field, p, err);
    return r < 0 || p->count > before
               ? r
               : read_fields(root, "usr/lib/apk/db/installed", "apk", apk_field, p, err);
}
