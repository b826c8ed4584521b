// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/inspect_object.h"
#include "engine/volumes.h"

/* What every container gets is not the user's. */
static bool is_own_mount(const char *destination)
{
    static const char *const places[] = {"/etc/hosts",
                                         "/etc/hostname",
                                         "/etc/resolv.conf",
                                         "/sbin/docker-init",
                                         "/proc",
                                         "/sys",
                                         "/dev",
                                         NULL};
    return str_in(destination, places) || str_starts(destination, "/proc/") ||
           str_starts(destination, "/sys/") || str_equal(destination, "/dev/pts") ||
           str_equal(destination, "/dev/shm") || str_equal(destination, "/dev/mqueue");
}

static bool has_option(const json_t *options, const char *name)
{
    size_t i;
    json_t *option;
    json_array_foreach(options, i, option)
    {
        if (str_equal(json_string_value(option), name)) {
            return true;
        }
    }
    return false;
}

static const char *propagation_of(const json_t *options)
{
    static const char *const names[] = {"shared", "rshared", "slave",
                                        "rslave", "private", "rprivate"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (has_option(options, names[i])) {
            return names[i];
        }
    }
    return "rprivate";
}

/* The volume's name when the source is one: <data_dir>/volumes/<name>/_data. */
static char *volume_name(const struct engine *e, const char *source)
{
    CLEANUP(free) char *folder = str_format("%s/volumes/", e->data_dir);
    if (!str_starts(source, folder) || !str_ends(source, "/_data")) {
        return NULL;
    }
    const char *name = source + strlen(folder);
    return xstrndup(name, strlen(name) - strlen("/_data"));
}

/* NULL: no image is mounted there. */
static const json_t *image_mount(const struct container *c, const char *destination)
{
    size_t i;
    json_t *m;
    json_array_foreach(c->image_mounts, i, m)
    {
        if (str_equal(json_string_value(json_object_get(m, "destination")), destination)) {
            return m;
        }
    }
    return NULL;
}

static json_t *image_mount_of(const json_t *m, const char *destination)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "Type", "image", "Source",
                     str_or(json_string_value(json_object_get(m, "image")), ""), "Destination",
                     destination, "Mode", "", "RW", 0, "Propagation", "rprivate");
}

/* The part of "-v SOURCE:DESTINATION[:MODE]", or of "--tmpfs DESTINATION[:MODE]", behind the
 * destination: "" where it has none, NULL where no text of the list is of this destination. */
static const char *mode_in(const json_t *texts, const char *destination)
{
    size_t i, n = strlen(destination);
    json_t *text;
    json_array_foreach(texts, i, text)
    {
        const char *at = strstr(str_or(json_string_value(text), ""), destination);
        bool whole = at && (at == json_string_value(text) || at[-1] == ':');
        if (whole && (at[n] == ':' || !at[n])) {
            return at[n] ? at + n + 1 : "";
        }
    }
    return NULL;
}

static json_t *mount_of(const struct engine *e, const struct container *c, const json_t *m,
                        const char *destination)
{
    const json_t *options = json_object_get(m, "options");
    const char *type = str_or(json_string_value(json_object_get(m, "type")), "bind");
    const char *source = str_or(json_string_value(json_object_get(m, "source")), "");
    CLEANUP(free) char *volume = volume_name(e, source);
    const char *mode = mode_in(json_object_get(c->request, "volumes"), destination);
    bool tmpfs = str_equal(type, "tmpfs");
    if (mode && !*mode && volume && !strv_contains(&c->anonymous, volume)) {
        mode = "z"; /* as Docker says of a volume with a name */
    }
    json_t *mount =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "Type",
                  tmpfs    ? "tmpfs"
                  : volume ? "volume"
                           : "bind",
                  "Source", tmpfs ? "" : source, "Destination", destination, "Mode",
                  str_or(mode, ""), "RW", !has_option(options, "ro") && !has_option(options, "rro"),
                  "Propagation", tmpfs || volume ? "" : propagation_of(options));
    if (volume) {
        json_object_set_new(mount, "Name", json_string(volume));
        json_object_set_new(mount, "Driver", json_string("local"));
    }
    return mount;
}

json_t *inspect_mounts(const struct engine *e, const struct container *c, const json_t *spec)
{
    json_t *list = json_array(), *m;
    size_t i;
    json_array_foreach(json_object_get(spec, "mounts"), i, m)
    {
        const char *destination = str_or(json_string_value(json_object_get(m, "destination")), "");
        const json_t *image = image_mount(c, destination);
        if (image) {
            json_array_append_new(list, image_mount_of(image, destination));
        } else if (!is_own_mount(destination) &&
                   !mode_in(json_object_get(c->request, "tmpfs"), destination)) {
            json_array_append_new(list, mount_of(e, c, m, destination));
        }
    }
    return list;
}

json_t *inspect_volume(const struct engine *e, const char *name)
{
    CLEANUP(volume) struct volume v = {0};
    if (volume_load(e, name, &v, NULL) < 0) {
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:{}}", "Name", v.name, "Driver", "local",
                     "Mountpoint", v.path, "CreatedAt", v.created, "Scope", "local", "Labels",
                     v.labels, "Options");
}
