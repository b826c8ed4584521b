// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

int json_parse(const char *text, size_t len, const char *where, json_t **ret, struct error **err)
{
    json_error_t e;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!value) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s is not valid JSON: line %d: %s",
                         where, e.line, e.text);
    }
    *ret = value;
    return 0;
}

int json_load_path(int dirfd, const char *path, size_t max, json_t **ret, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    int r = file_read(dirfd, path, max, &text, &len, err);
    return r < 0 ? r : json_parse(text, len, path, ret, err);
}

int json_save_path(int dirfd, const char *path, const json_t *value, mode_t mode, bool sync,
                   struct error **err)
{
    CLEANUP(free) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) {
        return error_set(err, ERROR_INTERNAL, EINVAL, "writing '%s': not valid UTF-8", path);
    }
    return file_write_atomic(dirfd, path, text, strlen(text), mode, sync ? FILE_SYNC : FILE_NO_SYNC,
                             err);
}

static int wrong_type(const char *where, const char *key, const char *wanted, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s: '%s' must be %s", where, key, wanted);
}

static json_t *present(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

int json_get_str(const json_t *object, const char *key, const char *where, const char **ret,
                 struct error **err)
{
    json_t *v = present(object, key);
    if (!v) {
        return 0;
    }
    if (!json_is_string(v)) {
        return wrong_type(where, key, "a string", err);
    }
    if (strlen(json_string_value(v)) != json_string_length(v)) {
        return wrong_type(where, key, "a string without NUL", err);
    }
    *ret = json_string_value(v);
    return 1;
}

int json_get_bool(const json_t *object, const char *key, const char *where, bool *ret,
                  struct error **err)
{
    json_t *v = present(object, key);
    if (!v) {
        return 0;
    }
    if (!json_is_boolean(v)) {
        return wrong_type(where, key, "true or false", err);
    }
    *ret = json_is_true(v);
    return 1;
}

int json_get_i64(const json_t *object, const char *key, const char *where, int64_t min, int64_t max,
                 int64_t *ret, struct error **err)
{
    json_t *v = present(object, key);
    if (!v) {
        return 0;
    }
    if (!json_is_integer(v)) {
        return wrong_type(where, key, "an integer", err);
    }
    int64_t n = json_integer_value(v);
    if (n < min || n > max) {
        return error_set(err, ERROR_INVALID_INPUT, ERANGE, "%s: '%s' is %lld, outside %lld to %lld",
                         where, key, (long long)n, (long long)min, (long long)max);
    }
    *ret = n;
    return 1;
}

int json_get_object(const json_t *object, const char *key, const char *where, json_t **ret,
                    struct error **err)
{
    json_t *v = present(object, key);
    if (!v) {
        return 0;
    }
    if (!json_is_object(v)) {
        return wrong_type(where, key, "an object", err);
    }
    *ret = v;
    return 1;
}

int json_get_array(const json_t *object, const char *key, const char *where, json_t **ret,
                   struct error **err)
{
    json_t *v = present(object, key);
    if (!v) {
        return 0;
    }
    if (!json_is_array(v)) {
        return wrong_type(where, key, "an array", err);
    }
    *ret = v;
    return 1;
}

int json_get_strv(const json_t *object, const char *key, const char *where, struct strv *ret,
                  struct error **err)
{
    json_t *array = NULL, *item;
    int r = json_get_array(object, key, where, &array, err);
    if (r <= 0) {
        return r;
    }
    size_t i;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
            return wrong_type(where, key, "an array of strings", err);
        }
        strv_add(ret, json_string_value(item));
    }
    return 1;
}

json_t *json_from_strv(const struct strv *v)
{
    json_t *array = json_array();
    for (size_t i = 0; i < v->count; i++) {
        json_array_append_new(array, json_string(v->items[i]));
    }
    return array;
}

json_t *json_string_lossy(const char *text)
{
    json_t *s = json_string(text);
    if (s) {
        return s;
    }
    CLEANUP(free) char *copy = xstrdup(text);
    for (char *c = copy; *c; c++) {
        if ((unsigned char)*c >= 0x80) {
            *c = '?';
        }
    }
    return json_string(copy);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **json_sorted_keys(json_t *object)
{
    const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        keys[count++] = key;
    }
    qsort(keys, count, sizeof(*keys), compare_keys);
    return keys;
}
