// SPDX-License-Identifier: Apache-2.0
#include "image/store/users.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static bool uses(int containers, const char *id, const char *hex, char **ret_name)
{
    CLEANUP(free) char *path = str_format("%s/container.json", id);
    CLEANUP(json) json_t *json = NULL;
    const char *image = NULL, *name = id;
    if (json_load_path(containers, path, (size_t)16 << 20, &json, NULL) < 0) {
        return false; /* being made or removed */
    }
    if (json_get_str(json, "imageID", path, &image, NULL) <= 0 || !str_ends(image, hex)) {
        return false;
    }
    IGNORE(json_get_str(json, "name", path, &name, NULL)); /* else the ID tells it */
    *ret_name = xstrdup(name);
    return true;
}

int image_user(const char *data_dir, const char *hex, char **ret_name, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/containers", data_dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    CLEANUP(dir) DIR *dir = open;
    if (!dir) {
        int code = errno;
        fd_close(fd);
        return code == ENOENT ? 0 : error_set_errno(err, ERROR_KERNEL, code, "reading '%s'", path);
    }
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (e->d_name[0] != '.' && uses(dirfd(dir), e->d_name, hex, ret_name)) {
            return 1;
        }
    }
    return 0;
}
