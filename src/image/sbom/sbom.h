// SPDX-License-Identifier: Apache-2.0
/* What is installed in an image, by the databases of its package managers: dpkg (deb-status,
 * Debian Policy 5), apk (lib/apk/db/installed), rpm (SQLite, headers as rpm's manual "Header
 * format" has them); and that as SPDX 2.3 in JSON. The databases are anybody's: they are read by a
 * process that is confined (image/store/confine.h). Side effects: none; files are read. */
#pragma once

#include "base/json.h"

struct package {
    const char *kind; /* "deb", "apk", "rpm", as in package URLs */
    char *name, *version, *architecture;
    char *source, *license, *maintainer; /* or NULL */
    int64_t epoch;                       /* of rpm; 0: none */
};
struct packages_found {
    struct package *items;
    size_t count;
    char *os_id, *os_version; /* of os-release, or NULL */
};
/* Adds the package, whose texts move over; one without a name or a version is dropped. */
void packages_add(struct packages_found *p, struct package *package);
void packages_found_done(struct packages_found *p);
static inline void packages_found_cleanup(struct packages_found *p)
{
    packages_found_done(p);
}

/* A file of the image, links followed inside: 1, or 0 when there is none. The caller frees. */
int sbom_file(int root, const char *path, size_t max, char **ret, size_t *ret_len,
              struct error **err) NODISCARD;
/* Calls for each "X: value" line of a text, with the end of each paragraph as `name` NULL. */
void sbom_each_field(char *text, void (*field)(void *context, const char *name, char *value),
                     void *context);

int packages_read_dpkg(int root, struct packages_found *p, struct error **err) NODISCARD;
int packages_read_apk(int root, struct packages_found *p, struct error **err) NODISCARD;
int packages_read_rpm(int root, struct packages_found *p, struct error **err) NODISCARD;
/* One header of rpm: false when it is malformed. */
bool rpm_header_read(const unsigned char *bytes, size_t len, struct package *ret);

struct spdx_document {
    const char *name, *name_space, *created; /* RFC 3339 */
};
/* A new reference. */
json_t *spdx_json(const struct packages_found *f, const struct spdx_document *d);
