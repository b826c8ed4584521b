// SPDX-License-Identifier: Apache-2.0
#include "engine/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/settings.h"

#define RANGES_MAX ((size_t)4 << 20)
#define OWN_USER "cloison"

int userns_find_range(const char *text, const char *user, struct spec_id_map *ret)
{
    size_t length = strlen(user);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, user, length) != 0 || line[length] != ':') {
            continue;
        }
        CLEANUP(strv) struct strv fields = {0};
        CLEANUP(free) char *rest = xstrndup(line, strcspn(line, "\n"));
        uint64_t first = 0, count = 0;
        strv_split(&fields, rest, ':');
        if (fields.count == 3 && str_to_u64(fields.items[1], 10, &first) >= 0 &&
            str_to_u64(fields.items[2], 10, &count) >= 0 && count && first < UINT32_MAX &&
            count <= UINT32_MAX - first) {
            *ret = (struct spec_id_map){0, (uint32_t)first, (uint32_t)count};
            return 1;
        }
    }
    return 0;
}

static int range_of(const char *path, const char *user, struct spec_id_map *ret, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(error) struct error *mine = NULL;
    int r = file_read(AT_FDCWD, path, RANGES_MAX, &text, NULL, &mine);
    if (r < 0 && r != -ENOENT) {
        return error_move(err, &mine, r);
    }
    if (r >= 0 && userns_find_range(text, user, ret)) {
        return 0;
    }
    r = error_set(err, ERROR_UNSUPPORTED, 0, "user namespace: '%s' has no range for the user '%s'",
                  path, user);
    return error_hint(err, r, "add the line %s:100000:65536 to /etc/subuid and to /etc/subgid",
                      user);
}

int userns_map(const char *config_path, const char *mode, struct arena *a, struct spec_id_map **ret,
               size_t *ret_count, struct error **err)
{
    CLEANUP(json) json_t *settings = NULL;
    const char *user = NULL;
    struct spec_id_map uids = {0}, gids = {0};
    *ret_count = 0;
    int r = config_path ? settings_load(config_path, &settings, err) : 0;
    if (r >= 0 && config_path) {
        r = json_get_str(settings, "userns_remap", config_path, &user, err);
    }
    if (r < 0 || str_equal(mode, "host") || (!user && !str_or(mode, "")[0])) {
        return r < 0 ? r : 0;
    }
    user = !user || str_equal(user, "default") ? OWN_USER : user;
    r = range_of("/etc/subuid", user, &uids, err);
    r = r < 0 ? r : range_of("/etc/subgid", user, &gids, err);
    if (r >= 0 && memcmp(&uids, &gids, sizeof(uids)) != 0) {
        r = error_set(err, ERROR_UNSUPPORTED, 0,
                      "user namespace: '%s' has different ranges in /etc/subuid and /etc/subgid",
                      user);
    }
    if (r < 0) {
        return r;
    }
    *ret = arena_dup(a, &uids, sizeof(uids));
    *ret_count = 1;
    return 0;
}
