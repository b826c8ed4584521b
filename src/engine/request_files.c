// SPDX-License-Identifier: Apache-2.0
/* What a request refers to in files, in our environment and in other containers, read into its own
 * lists. */
#include <fcntl.h>
#include <string.h>

#include "engine/draft.h"

#define LINES_MAX ((size_t)1 << 20)

static char *no_value(const char *name)
{
    return NULL;
}

/* Puts the files' lines in front of what was there: an explicit -e or --label wins. */
static int read_lines(const struct strv *files, struct strv *list, char *(*lookup)(const char *),
                      struct error **err)
{
    struct strv all = {0};
    int r = 0;
    for (size_t i = 0; i < files->count && r == 0; i++) {
        CLEANUP(free) char *text = NULL;
        r = file_read(AT_FDCWD, files->items[i], LINES_MAX, &text, NULL, err);
        if (r == 0) {
            r = env_file_parse(text, files->items[i], lookup, &all, err);
        }
    }
    if (r < 0) {
        strv_done(&all);
        return r;
    }
    if (all.count) {
        strv_add_all(&all, list->items);
        strv_done(list);
        *list = all;
    }
    return 0;
}

/* -e NAME takes the value from our own environment; without one there the variable is left out. */
static void resolve_names(struct strv *env)
{
    struct strv all = {0};
    for (size_t i = 0; i < env->count; i++) {
        const char *value = strchr(env->items[i], '=') ? NULL : getenv(env->items[i]);
        if (value) {
            strv_addf(&all, "%s=%s", env->items[i], value);
        } else if (strchr(env->items[i], '=')) {
            strv_add(&all, env->items[i]);
        }
    }
    strv_done(env);
    *env = all;
}

/* What the other container was given, as flags of ours. */
static int add_list(const struct container *from, const char *key, const char *mode,
                    struct strv *list, struct error **err)
{
    CLEANUP(strv) struct strv found = {0};
    int r = json_get_strv(from->request, key, from->name, &found, err);
    for (size_t i = 0; i < found.count && r >= 0; i++) {
        bool writable = str_equal(mode, "rw");
        strv_addf(list, "%s%s", found.items[i], writable ? "" : ":ro");
    }
    return r < 0 ? r : 0;
}

/* "name:destination" of the other's own volumes, once each. */
static void add_volumes(const struct container *from, const char *mode, struct strv *list)
{
    for (size_t i = 0; i < from->volumes.count; i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, from->volumes.items[i], ':');
        if (parts.count >= 2) {
            strv_addf(list, "%s:%s:%s", parts.items[0], parts.items[1], mode);
        }
    }
}

static bool is_bind(const char *volume)
{
    return *volume == '/';
}

static int volumes_from(const struct engine *e, const char *text, struct run_request *r,
                        struct error **err)
{
    const char *colon = strrchr(text, ':');
    CLEANUP(free) char *name = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    const char *mode = colon ? colon + 1 : "rw";
    CLEANUP(container) struct container *from = NULL;
    if (!str_equal(mode, "rw") && !str_equal(mode, "ro") && !str_equal(mode, "z")) {
        return error_set(err, ERROR_USAGE, 0, "--volumes-from '%s': the mode is ro or rw", text);
    }
    int result = container_find(e, name, &from, err);
    if (result < 0) {
        return error_wrap(err, result, "--volumes-from");
    }
    add_volumes(from, mode, &r->volumes);
    CLEANUP(strv) struct strv binds = {0};
    result = add_list(from, "volumes", "rw", &binds, err);
    for (size_t i = 0; i < binds.count; i++) {
        if (is_bind(binds.items[i])) {
            CLEANUP(strv) struct strv parts = {0};
            strv_split(&parts, binds.items[i], ':');
            bool readonly =
                str_equal(mode, "ro") || (parts.count > 2 && strstr(parts.items[2], "ro"));
            strv_addf(&r->volumes, "%s:%s:%s", parts.items[0],
                      parts.count > 1 ? parts.items[1] : parts.items[0], readonly ? "ro" : "rw");
        }
    }
    return result < 0 ? result : 0;
}

int environment_complete(const struct strv *files, struct strv *env, struct error **err)
{
    int r = read_lines(files, env, getenv, err);
    if (r == 0) {
        resolve_names(env);
    }
    return r;
}

int request_complete(const struct engine *e, struct run_request *r, struct error **err)
{
    int result = environment_complete(&r->env_files, &r->env, err);
    if (result == 0) {
        result = read_lines(&r->label_files, &r->labels, no_value, err);
    }
    for (size_t i = 0; i < r->volumes_from.count && result == 0; i++) {
        result = volumes_from(e, r->volumes_from.items[i], r, err);
    }
    return result;
}
