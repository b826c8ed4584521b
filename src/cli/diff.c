// SPDX-License-Identifier: Apache-2.0
/* `cloison diff`: what a container has changed in its image's files: A added, C changed, D deleted.
 * The upper folder of the overlay holds the changes; the image's part, mounted alone, says which of
 * them are new. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/recover.h"
#include "engine/rootfs.h"

static void print_change(char kind, const char *path)
{
    CLEANUP(free) char *shown = xstrdup(path);
    str_replace_control(shown);
    printf("%c %s\n", kind, shown);
}

static int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_opaque(int folder)
{
    char value = 0;
    return fgetxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* A folder that took another's place: what that one had and this one has not is deleted. */
static int print_hidden(int upper, int image, const char *path, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = list_folder_whole(image, ".", &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        struct stat st;
        if (fstatat(upper, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
            CLEANUP(free) char *below = str_format("%s/%s", path, names.items[i]);
            print_change('D', below);
        }
    }
    return r;
}

static int print_folder(int upper, int image, const char *path, struct error **err);

/* What every container is given, made where an image lacks it to be mounted on: no change of the
 * workload's, as Docker sees it too. Nor is /etc one for that alone. `there`: in the image. */
static bool is_mount_point(int upper, const char *name, const char *path, bool there)
{
    static const char *const folders[] = {"/dev", "/proc", "/sys", NULL};
    static const char *const files[] = {"hostname", "hosts", "resolv.conf", NULL};
    bool etc = str_equal(path, "/etc");
    struct stat st;
    if (!there && str_starts(path, "/etc/") && str_in(path + strlen("/etc/"), files)) {
        return fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0;
    }
    CLEANUP(strv) struct strv names = {0};
    if (!etc && (there || !str_in(path, folders))) {
        return false;
    }
    bool only = list_folder_whole(upper, name, &names, NULL) >= 0;
    for (size_t i = 0; i < names.count && only; i++) {
        CLEANUP(free) char *below = str_format("%s/%s", name, names.items[i]);
        only = etc && str_in(names.items[i], files) &&
               fstatat(upper, below, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0;
    }
    return only && (names.count || !etc);
}

/* `image` is the same folder in the image, -1 when it has none. */
static int print_entry(int upper, int image, const char *name, const char *path, struct error **err)
{
    struct stat is, was;
    if (fstatat(upper, name, &is, AT_SYMLINK_NOFOLLOW) < 0) {
        return 0; /* gone meanwhile */
    }
    bool existed = image >= 0 && fstatat(image, name, &was, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISCHR(is.st_mode) && is.st_rdev == makedev(0, 0)) {
        print_change('D', path);
        return 0;
    }
    if (is_mount_point(upper, name, path, existed)) {
        return 0;
    }
    print_change(existed ? 'C' : 'A', path);
    if (!S_ISDIR(is.st_mode)) {
        return 0;
    }
    CLEANUP(fd) int below = open_folder(upper, name);
    CLEANUP(fd) int old = existed && S_ISDIR(was.st_mode) ? open_folder(image, name) : -1;
    int r = below < 0 ? 0 : print_folder(below, old, path, err);
    return r >= 0 && below >= 0 && old >= 0 && is_opaque(below)
               ? print_hidden(below, old, path, err)
               : r;
}

static int print_folder(int upper, int image, const char *path, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = list_folder_whole(upper, ".", &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(free) char *below = str_format("%s/%s", path, names.items[i]);
        r = print_entry(upper, image, names.items[i], below, err);
    }
    return r;
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    struct engine engine = engine_of(context);
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(fd) int upper = -1;
    CLEANUP(fd) int image = -1;
    int r;
    if ((r = container_find_recovered(&engine, argv[0], &c, err)) < 0 ||
        (r = upper = rootfs_open_upper(&engine, c, err)) < 0 ||
        (r = image = rootfs_open_image(c, err)) < 0) {
        return r;
    }
    return print_folder(upper, image, "", err);
}

static const struct option options[] = {{0}};

const struct command command_diff = {
    .name = "diff",
    .group = "Containers",
    .summary = "Show what a container changed in its image's files",
    .arguments = "CONTAINER",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = run,
};
