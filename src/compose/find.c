// SPDX-License-Identifier: Apache-2.0
/* Where a project's files are: -f, COMPOSE_FILE, or compose.yaml here or in a folder above. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "compose/load.h"

static const char *const names[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                    "docker-compose.yaml"};
static const char *const overrides[] = {"compose.override.yml", "compose.override.yaml",
                                        "docker-compose.override.yml",
                                        "docker-compose.override.yaml"};

char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash          ? xstrdup(".")
           : slash == path ? xstrdup("/")
                           : xstrndup(path, (size_t)(slash - path));
}

char *absolute_path(const char *base, const char *path)
{
    CLEANUP(free) char *whole = path[0] == '/' ? xstrdup(path) : str_format("%s/%s", base, path);
    CLEANUP(strv) struct strv parts = {0}, kept = {0};
    strv_split(&parts, whole, '/');
    for (size_t i = 0; i < parts.count; i++) {
        if (str_equal(parts.items[i], "..")) {
            if (kept.count > 0) {
                free(kept.items[--kept.count]);
                kept.items[kept.count] = NULL;
            }
        } else if (*parts.items[i] && !str_equal(parts.items[i], ".")) {
            strv_add(&kept, parts.items[i]);
        }
    }
    CLEANUP(free) char *joined = strv_join(&kept, "/");
    return str_format("/%s", joined);
}

static void add_first(struct strv *files, const char *folder, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(free) char *path = absolute_path(folder, list[i]);
        if (access(path, F_OK) == 0) {
            strv_add(files, path);
            return;
        }
    }
}

/* Here or above. */
static int look_for_files(const char *here, struct strv *files, struct error **err)
{
    CLEANUP(free) char *folder = xstrdup(here);
    for (;;) {
        add_first(files, folder, names, ARRAY_SIZE(names));
        if (files->count > 0) {
            add_first(files, folder, overrides, ARRAY_SIZE(overrides));
            return 0;
        }
        if (str_equal(folder, "/")) {
            int r = error_set(err, ERROR_NOT_FOUND, 0,
                              "there is no compose.yaml in '%s' or a folder above it", here);
            return error_hint(err, r, "name the file with -f");
        }
        char *above = folder_of(folder);
        free(folder);
        folder = above;
    }
}

static int check_files(const struct strv *files, struct error **err)
{
    for (size_t i = 0; i < files->count; i++) {
        if (!str_equal(files->items[i], "-") && access(files->items[i], R_OK) < 0) {
            return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_DENIED, errno,
                                   "opening '%s'", files->items[i]);
        }
    }
    return 0;
}

static void add_named(const char *here, const struct strv *from, struct strv *files)
{
    for (size_t i = 0; i < from->count; i++) {
        if (str_equal(from->items[i], "-")) {
            strv_add(files, "-");
        } else {
            strv_add_take(files, absolute_path(here, from->items[i]));
        }
    }
}

/* .env of the folder, unless --env-file or COMPOSE_ENV_FILES name others. */
int find_environment(const struct load_options *o, const char *directory, struct environment *e,
                     struct error **err)
{
    CLEANUP(strv) struct strv files = {0};
    strv_add_all(&files, o->env_files.items);
    const char *named = environment_lookup(e, "COMPOSE_ENV_FILES");
    if (files.count == 0 && named && *named) {
        strv_split(&files, named, ',');
    }
    struct variables v = {environment_lookup, e, NULL};
    if (files.count == 0) {
        CLEANUP(free) char *path = str_format("%s/.env", directory);
        return access(path, F_OK) < 0 ? 0 : dotenv_load(path, &v, false, e->values, err);
    }
    for (size_t i = 0; i < files.count; i++) {
        int r = dotenv_load(files.items[i], &v, false, e->values, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static char *folder_before_files(const struct load_options *o, const char *here)
{
    if (o->project_directory) {
        return absolute_path(here, o->project_directory);
    }
    if (o->files.count > 0 && !str_equal(o->files.items[0], "-")) {
        CLEANUP(free) char *first = absolute_path(here, o->files.items[0]);
        return folder_of(first);
    }
    return xstrdup(here);
}

int find_files(const struct load_options *o, struct project *p, struct error **err)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);
    CLEANUP(strv) struct strv named = {0};
    if (!here) {
        return error_set_errno(err, ERROR_KERNEL, errno, "finding the current folder");
    }
    p->directory = folder_before_files(o, here);
    int r = find_environment(o, p->directory, &p->environment, err);
    if (r < 0) {
        return r;
    }
    const char *variable = environment_lookup(&p->environment, "COMPOSE_FILE");
    const char *separator = environment_lookup(&p->environment, "COMPOSE_PATH_SEPARATOR");
    if (o->files.count > 0) {
        add_named(here, &o->files, &p->files);
    } else if (variable && *variable) {
        strv_split(&named, variable, separator && *separator ? *separator : ':');
        add_named(here, &named, &p->files);
    } else {
        r = look_for_files(p->directory, &p->files, err);
    }
    if (r == 0 && !o->project_directory && !str_equal(p->files.items[0], "-")) {
        free(p->directory);
        p->directory = folder_of(p->files.items[0]);
    }
    if (r == 0 && o->files.count == 0 && !json_object_size(p->environment.values)) {
        r = find_environment(o, p->directory, &p->environment, err); /* of the folder above */
    }
    return r < 0 ? r : check_files(&p->files, err);
}
