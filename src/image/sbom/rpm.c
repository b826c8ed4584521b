// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#include "image/sbom/sbom.h"

#define DATABASE_BYTES_MAX ((size_t)1 << 30)

/* rpmtag.h, of the ABI of the database. */
enum {
    TAG_NAME = 1000,
    TAG_VERSION = 1001,
    TAG_RELEASE = 1002,
    TAG_EPOCH = 1003,
    TAG_VENDOR = 1011,
    TAG_LICENSE = 1014,
    TAG_ARCH = 1022,
    TAG_SOURCERPM = 1044,
};
enum { TYPE_INT32 = 4, TYPE_STRING = 6 };
#define ENTRY_BYTES 16
#define HEAD_BYTES 8

static uint32_t number_at(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* "name-1.0-1.src.rpm" → "name" */
static char *source_name(const char *file)
{
    size_t n = strlen(file);
    for (int dashes = 0; n > 0 && dashes < 2;) {
        dashes += file[--n] == '-';
    }
    return n ? xstrndup(file, n) : NULL;
}

struct header {
    struct package *package;
    char *version, *release;
};

static void take_text(struct header *h, uint32_t tag, const char *text)
{
    char **to = tag == TAG_NAME      ? &h->package->name
                : tag == TAG_VERSION ? &h->version
                : tag == TAG_RELEASE ? &h->release
                : tag == TAG_VENDOR  ? &h->package->maintainer
                : tag == TAG_LICENSE ? &h->package->license
                : tag == TAG_ARCH    ? &h->package->architecture
                                     : NULL;
    if (tag == TAG_SOURCERPM) {
        free(h->package->source);
        h->package->source = source_name(text);
    } else if (to) {
        free(*to);
        *to = xstrdup(text);
    }
}

/* An entry whose value is in the store of `len` bytes. */
static void take_entry(struct header *h, const unsigned char *entry, const unsigned char *store,
                       size_t len)
{
    uint32_t tag = number_at(entry), type = number_at(entry + 4), offset = number_at(entry + 8);
    if (offset >= len) {
        return;
    }
    if (type == TYPE_STRING && memchr(store + offset, '\0', len - offset)) {
        take_text(h, tag, (const char *)store + offset);
    } else if (type == TYPE_INT32 && tag == TAG_EPOCH && len - offset >= 4) {
        h->package->epoch = number_at(store + offset);
    }
}

bool rpm_header_read(const unsigned char *bytes, size_t len, struct package *ret)
{
    *ret = (struct package){.kind = "rpm"};
    if (len < HEAD_BYTES) {
        return false;
    }
    size_t count = number_at(bytes), size = number_at(bytes + 4);
    if (count > (len - HEAD_BYTES) / ENTRY_BYTES || size > len - HEAD_BYTES - count * ENTRY_BYTES) {
        return false;
    }
    struct header h = {.package = ret};
    const unsigned char *store = bytes + HEAD_BYTES + count * ENTRY_BYTES;
    for (size_t i = 0; i < count; i++) {
        take_entry(&h, bytes + HEAD_BYTES + i * ENTRY_BYTES, store, size);
    }
    if (h.version && h.release) {
        ret->version = str_format("%s-%s", h.version, h.release);
    }
    free(h.version);
    free(h.release);
    return true;
}

static int failed(sqlite3 *db, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "the image's rpm database: %s",
                     sqlite3_errmsg(db));
}

static int read_rows(sqlite3 *db, struct packages_found *p, struct error **err)
{
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(db, "SELECT blob FROM Packages", -1, &rows, NULL) != SQLITE_OK) {
        return failed(db, err);
    }
    int code, r = 0;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && r == 0) {
        struct package package;
        const void *blob = sqlite3_column_blob(rows, 0);
        int len = sqlite3_column_bytes(rows, 0);
        if (!blob || !rpm_header_read(blob, (size_t)len, &package)) {
            r = error_set(err, ERROR_INVALID_INPUT, 0,
                          "the image's rpm database has a malformed header");
        } else if (str_equal(package.name, "gpg-pubkey")) { /* a key, kept as if it were one */
            free(take_ptr(package.name));
            packages_add(p, &package);
        } else {
            packages_add(p, &package);
        }
    }
    r = r < 0 || code == SQLITE_DONE ? r : failed(db, err);
    (void)sqlite3_finalize(rows); /* the last step's error again */
    return r;
}

/* From memory: SQLite opens no file. */
static int read_database(char *data, size_t len, struct packages_found *p, struct error **err)
{
    sqlite3 *db = NULL;
    if (len > 100 && data[18] == 2) { /* a write-ahead log, which is empty: read as without */
        data[18] = data[19] = 1;
    }
    int r = 0;
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_deserialize(db, "main", (unsigned char *)data, (sqlite3_int64)len,
                            (sqlite3_int64)len, SQLITE_DESERIALIZE_READONLY) != SQLITE_OK) {
        r = failed(db, err);
    }
    r = r < 0 ? r : read_rows(db, p, err);
    (void)sqlite3_close(db); /* nothing is open in it */
    return r;
}

/* Berkeley DB, rpm's own: kinds that rpm itself no longer writes, or never did by default. */
static int check_other_kinds(int root, const char *folder, struct error **err)
{
    static const char *const others[] = {"Packages", "Packages.db"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, others[i]);
        CLEANUP(free) char *data = NULL;
        size_t len;
        int r = sbom_file(root, path, DATABASE_BYTES_MAX, &data, &len, err);
        if (r) {
            return r < 0
                       ? r
                       : error_set(err, ERROR_UNSUPPORTED, 0,
                                   "the image's rpm database '%s' is not of the kind SQLite", path);
        }
    }
    return 0;
}

static int read_folder(int root, const char *folder, struct packages_found *p, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/rpmdb.sqlite", folder);
    CLEANUP(free) char *log = str_format("%s-wal", path);
    CLEANUP(free) char *data = NULL;
    CLEANUP(free) char *rest = NULL;
    size_t len = 0, rest_len = 0;
    int r = sbom_file(root, path, DATABASE_BYTES_MAX, &data, &len, err);
    if (r <= 0) {
        return r < 0 ? r : check_other_kinds(root, folder, err);
    }
    r = sbom_file(root, log, DATABASE_BYTES_MAX, &rest, &rest_len, err);
    if (r >= 0 && rest_len) {
        r = error_set(err, ERROR_INVALID_INPUT, 0,
                      "the image's rpm database '%s' was not closed: its log is not empty", path);
    }
    r = r < 0 ? r : read_database(data, len, p, err);
    return r < 0 ? r : 1;
}

int packages_read_rpm(int root, struct packages_found *p, struct error **err)
{
    static const char *const folders[] = {"usr/lib/sysimage/rpm", "var/lib/rpm"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++) {
        r = read_folder(root, folders[i], p, err);
    }
    return r < 0 ? r : 0;
}
