// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/host_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

#define FILES "/run/files"

enum { TEXT_BYTES_MAX = 1 << 20 };

int host_files_write(const json_t *request, json_t **ret_given, struct error **err)
{
    json_t *files = NULL, *text;
    size_t i;
    int r = json_get_array(request, "files", "create", &files, err);
    r = r < 0 ? r : mkdir_all(FILES, 0755, err);
    json_array_foreach(files, i, text)
    {
        CLEANUP(free) char *path = str_format(FILES "/%zu", i);
        r = r < 0 ? r
                  : file_write_atomic(AT_FDCWD, path, str_or(json_string_value(text), ""),
                                      json_string_length(text), 0644, FILE_NO_SYNC, err);
    }
    *ret_given = json_incref(files);
    return r;
}

static int overwrite(const char *path, const json_t *text, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0, err);
    int r = fd < 0 ? 0 : write_all(fd, json_string_value(text), json_string_length(text));
    return fd < 0 ? fd : r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing '%s'", path) : 0;
}

int host_files_refresh(const json_t *request, json_t *given, struct error **err)
{
    json_t *text = json_object_get(request, "text");
    int64_t number = -1;
    int r = json_get_i64(request, "number", "file", 0, INT32_MAX, &number, err);
    const json_t *was = json_array_get(given, number < 0 ? SIZE_MAX : (size_t)number);
    if (r < 0 || !json_is_string(was) || !json_is_string(text)) {
        return r < 0 ? r : error_set(err, ERROR_INVALID_INPUT, 0, "file: its number and a text");
    }
    CLEANUP(free) char *path = str_format(FILES "/%lld", (long long)number);
    CLEANUP(free) char *is = NULL;
    r = file_read(AT_FDCWD, path, TEXT_BYTES_MAX, &is, NULL, err);
    if (r < 0 || !str_equal(is, json_string_value(was))) { /* the workload's own by now */
        return r;
    }
    (void)json_array_set(given, (size_t)number, text); /* out of memory ends us anyway */
    return overwrite(path, text, err);
}
