// SPDX-License-Identifier: Apache-2.0
/* -v and --tmpfs, and what all three share; --mount is in volume_mount.c. */
#include "spec/volume.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "spec/from_image.h"
#include "spec/volume_internal.h"

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
                                           "slave",   "rslave",   NULL};

bool volume_is_propagation(const char *word)
{
    return str_in(word, propagations);
}

int volume_name_check(const char *name, struct error **err)
{
    bool good = isalnum((unsigned char)*name) && name[1];
    for (const char *c = name; *c && good; c++) {
        good = isalnum((unsigned char)*c) || strchr("_.-", *c);
    }
    if (good) {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0, "'%s' is not a volume name", name);
    return error_hint(err, r,
                      "two or more of [a-zA-Z0-9_.-]; for a host directory give its absolute path");
}

int volume_set_destination(struct arena *a, const char *text, struct volume *ret,
                           struct error **err)
{
    if (*text != '/') {
        return error_set(err, ERROR_USAGE, 0, "mount path '%s' must be absolute", text);
    }
    ret->destination = path_clean(a, text);
    if (str_equal(ret->destination, "/")) {
        return error_set(err, ERROR_USAGE, 0, "a mount's destination cannot be '/'");
    }
    return 0;
}

const char *volume_absolute(struct arena *a, const char *path, const char *cwd)
{
    if (*path == '.' && cwd) {
        return path_clean(a, arena_format(a, "%s/%s", cwd, path));
    }
    return *path == '/' ? path_clean(a, path) : arena_strdup(a, path);
}

/* -v's third part; each group of words may stand once. */
struct modes {
    int access, label, propagation, copy, consistency;
};

static bool take_mode(struct arena *a, const char *word, struct volume *v, struct modes *m)
{
    static const char *const consistencies[] = {"consistent", "cached", "delegated", "default",
                                                NULL};
    if (str_equal(word, "ro") || str_equal(word, "rw")) {
        v->read_only = str_equal(word, "ro");
        return m->access++ == 0;
    }
    if (str_equal(word, "z") || str_equal(word, "Z")) {
        v->relabel = arena_strdup(a, word);
        return m->label++ == 0;
    }
    if (volume_is_propagation(word)) {
        v->propagation = arena_strdup(a, word);
        return m->propagation++ == 0;
    }
    if (str_equal(word, "nocopy") || str_equal(word, "copy")) {
        v->nocopy = str_equal(word, "nocopy");
        return m->copy++ == 0;
    }
    return str_in(word, consistencies) && m->consistency++ == 0;
}

static bool take_modes(struct arena *a, const char *text, struct volume *v)
{
    CLEANUP(strv) struct strv words = {0};
    struct modes m = {0};
    strv_split(&words, text, ',');
    for (size_t i = 0; i < words.count; i++) {
        if (!take_mode(a, words.items[i], v, &m)) {
            return false;
        }
    }
    return true;
}

static int bad_volume(const char *text, struct error **err)
{
    int r = error_set(err, ERROR_USAGE, 0, "invalid volume specification: '%s'", text);
    return error_hint(err, r, "[HOST-DIR|NAME:]CONTAINER-DIR[:OPTIONS]");
}

static int take_source(struct arena *a, const char *source, const char *cwd, struct volume *v,
                       struct error **err)
{
    v->source = volume_absolute(a, source, cwd);
    v->type = *v->source == '/' ? VOLUME_BIND : VOLUME_NAMED;
    if (v->type == VOLUME_NAMED) {
        int r = volume_name_check(v->source, err);
        return r < 0 || !v->propagation
                   ? r
                   : error_set(err, ERROR_USAGE, 0, "volume '%s': '%s' is for host directories",
                               source, v->propagation);
    }
    return v->nocopy ? error_set(err, ERROR_USAGE, 0, "'%s': 'nocopy' is for named volumes", source)
                     : 0;
}

int volume_parse(struct arena *a, const char *text, const char *cwd, struct volume *ret,
                 struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    struct volume ignored = {0};
    strv_split(&parts, text, ':');
    *ret = (struct volume){.type = VOLUME_NAMED};
    if (parts.count > 3 || !*parts.items[0]) {
        return bad_volume(text, err);
    }
    if (parts.count == 1) {
        return volume_set_destination(a, parts.items[0], ret, err);
    }
    if (!*parts.items[1] || (parts.count == 2 && take_modes(a, parts.items[1], &ignored))) {
        return bad_volume(text, err);
    }
    if (parts.count == 3 && *parts.items[2] && !take_modes(a, parts.items[2], ret)) {
        int r =
            error_set(err, ERROR_USAGE, 0, "volume '%s': invalid mode '%s'", text, parts.items[2]);
        return error_hint(err, r, "ro, rw, z, Z, nocopy, [r]private, [r]shared, [r]slave");
    }
    int r = take_source(a, parts.items[0], cwd, ret, err);
    if (r >= 0) {
        r = volume_set_destination(a, parts.items[1], ret, err);
    }
    return error_wrap(err, r, "invalid volume specification: '%s'", text);
}

/* Words tmpfs and the mount flags know; those with '=' take a value (man 5 tmpfs). */
static bool is_tmpfs_option(const char *word)
{
    static const char *const flags[] = {
        "ro",         "rw",          "suid",     "nosuid",     "dev",         "nodev",
        "exec",       "noexec",      "sync",     "async",      "atime",       "noatime",
        "diratime",   "nodiratime",  "relatime", "norelatime", "strictatime", "nostrictatime",
        "private",    "rprivate",    "shared",   "rshared",    "slave",       "rslave",
        "unbindable", "runbindable", "defaults", "tmpcopyup",  NULL};
    static const char *const values[] = {"size",      "mode", "uid",  "gid", "nr_inodes",
                                         "nr_blocks", "mpol", "huge", NULL};
    size_t n = strcspn(word, "=");
    if (!word[n]) {
        return str_in(word, flags);
    }
    for (size_t i = 0; values[i]; i++) {
        if (strlen(values[i]) == n && memcmp(values[i], word, n) == 0) {
            return word[n + 1] != '\0';
        }
    }
    return false;
}

int volume_parse_tmpfs(struct arena *a, const char *text, struct volume *ret, struct error **err)
{
    const char *colon = strchr(text, ':');
    const char *path = colon ? arena_strndup(a, text, (size_t)(colon - text)) : text;
    *ret = (struct volume){.type = VOLUME_TMPFS};
    int r = volume_set_destination(a, path, ret, err);
    if (r < 0 || !colon || !colon[1]) {
        return error_wrap(err, r, "invalid --tmpfs '%s'", text);
    }
    CLEANUP(strv) struct strv words = {0};
    strv_split(&words, colon + 1, ',');
    for (size_t i = 0; i < words.count; i++) {
        if (!is_tmpfs_option(words.items[i])) {
            return error_set(err, ERROR_USAGE, 0, "--tmpfs '%s': invalid option '%s'", text,
                             words.items[i]);
        }
        spec_add_string(a, &ret->tmpfs_options, &ret->tmpfs_option_count, words.items[i]);
    }
    return 0;
}
