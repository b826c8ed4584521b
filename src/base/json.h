// SPDX-License-Identifier: Apache-2.0
/* Reading JSON (jansson) with errors that name the file and the key. Pure but for json_load_path().
 *
 * Every getter takes the object, the key, and `where` (what the object is called in messages:
 * "config.json: process"). A missing or null key leaves *ret untouched and returns 0; a present one
 * of the right type returns 1; the wrong type is ERROR_INVALID_INPUT. Strings are borrowed from the
 * JSON object. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/str.h"

DEFINE_CLEANUP(json, json_t *, json_decref)

/* Parses a whole text (duplicate keys refused, depth bounded by jansson). */
int json_parse(const char *text, size_t len, const char *where, json_t **ret,
               struct error **err) NODISCARD;
/* Reads and parses a file of at most max bytes. */
int json_load_path(int dirfd, const char *path, size_t max, json_t **ret,
                   struct error **err) NODISCARD;
/* Writes compact or indented JSON whole, atomically; see file_write_atomic(). */
int json_save_path(int dirfd, const char *path, const json_t *value, mode_t mode, bool sync,
                   struct error **err) NODISCARD;

int json_get_str(const json_t *object, const char *key, const char *where, const char **ret,
                 struct error **err) NODISCARD;
int json_get_bool(const json_t *object, const char *key, const char *where, bool *ret,
                  struct error **err) NODISCARD;
/* Integers with a range; numbers written as 1e3 or 1.0 are refused, as the specifications do. */
int json_get_i64(const json_t *object, const char *key, const char *where, int64_t min, int64_t max,
                 int64_t *ret, struct error **err) NODISCARD;
/* Objects and arrays, borrowed. */
int json_get_object(const json_t *object, const char *key, const char *where, json_t **ret,
                    struct error **err) NODISCARD;
int json_get_array(const json_t *object, const char *key, const char *where, json_t **ret,
                   struct error **err) NODISCARD;
/* An array of strings, appended to *ret. */
int json_get_strv(const json_t *object, const char *key, const char *where, struct strv *ret,
                  struct error **err) NODISCARD;
/* An array of strings, or {} of strings as "k=v", as JSON: the writer's side. NULL items give [].
 */
json_t *json_from_strv(const struct strv *v);
/* The keys in the order of their bytes, as many as the object's size; the array is the caller's,
 * the keys are the object's. */
const char **json_sorted_keys(json_t *object);
/* A string of text that may be anything (an argument, a path, a program's output): where it is not
 * UTF-8, with '?' for the bytes that are not ASCII, rather than lost. A new reference. */
json_t *json_string_lossy(const char *text);
