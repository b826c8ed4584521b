// SPDX-License-Identifier: Apache-2.0
#include "image/store/users.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

/* As its root, or by --mount type=image. */
static bool names_image(const json_t *container, const char *path, const char *hex)
{
    const char *image = NULL;
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(container, "imageMounts"), i, m)
    {
        if (json_get_str(m, "id", path, &image, NULL) > 0 && str_ends(image, hex)) {
            return true;
        }
    }
    return json_get_str(container, "imageID", path, &image, NULL) > 0 && str_ends(image, hex);
}

static bool uses(int containers, const char *id, const char *hex, char **ret_name)
{
    CLEANUP(free) char *path = str_format("%s/container.json", id);
    CLEANUP(json) json_t *json = NULL;
    const char *name = id;
    if (json_load_path(containers, path, (size_t)16 << 20, &json, NULL) < 0) {
        return false; /* being made or removed */
    }
    if (!names_image(json, path, hex)) {
        return false;
    }
    IGNORE(json_get_str(json, "name", path, &name, NULL)); /* else the ID tells it */
    *ret_name = xstrdup(name);
    return true;
}

int image_user(const char *data_dir, const char *hex, char **ret_name, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/containers", data_dir);
    CLEANUP(strv) struct strv ids = {0};
    int r = list_folder(AT_FDCWD, path, &ids, err);
    if (r < 0 || !ids.count) {
        return r;
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    if (fd < 0) {
        return fd;
    }
    for (size_t i = 0; i < ids.count; i++) {
        if (uses(fd, ids.items[i], hex, ret_name)) {
            return 1;
        }
    }
    return 0;
}
