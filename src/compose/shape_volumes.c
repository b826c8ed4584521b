// SPDX-License-Identifier: Apache-2.0
/* "[SOURCE:]TARGET[:OPTIONS]": compose-spec 05-services.md "volumes". */
#include <string.h>

#include "compose/shape.h"

static bool is_path(const char *source)
{
    return source[0] == '/' || source[0] == '.' || source[0] == '~';
}

static struct node *below(struct shaper *s, struct node *volume, const char *key)
{
    struct node *map = node_get(volume, key);
    if (!map) {
        map = node_new(s->arena, NODE_MAP, volume);
        node_set(s->arena, volume, key, map);
    }
    return map;
}

static int apply_option(struct shaper *s, const struct node *in, const char *path,
                        struct node *volume, const char *option, bool bind)
{
    static const char *const propagation[] = {"private", "rprivate", "shared", "rshared",
                                              "slave",   "rslave",   NULL};
    static const char *const without_effect[] = {"rw", "cached", "delegated", "consistent", NULL};
    if (str_equal(option, "ro")) {
        node_set(s->arena, volume, "read_only", node_bool(s->arena, true, in));
    } else if (str_equal(option, "nocopy") && !bind) {
        node_set(s->arena, below(s, volume, "volume"), "nocopy", node_bool(s->arena, true, in));
    } else if (bind && (str_equal(option, "z") || str_equal(option, "Z"))) {
        node_set(s->arena, below(s, volume, "bind"), "selinux", node_string(s->arena, option, in));
    } else if (bind && str_in(option, propagation)) {
        node_set(s->arena, below(s, volume, "bind"), "propagation",
                 node_string(s->arena, option, in));
    } else if (!str_in(option, without_effect)) {
        return node_error(in, s->err, "%s: unknown option '%s' in '%s'", path, option, in->text);
    }
    return 0;
}

static int volume_from_text(struct shaper *s, const struct node *in, const char *path,
                            struct node **ret)
{
    CLEANUP(strv) struct strv parts = {0}, options = {0};
    strv_split(&parts, in->text, ':');
    const char *target = parts.items[parts.count > 1 ? 1 : 0];
    if (parts.count > 3 || target[0] != '/' || (parts.count > 1 && !*parts.items[0])) {
        return node_error(in, s->err,
                          "%s: '%s' is not [SOURCE:]TARGET[:OPTIONS] with an absolute "
                          "target",
                          path, in->text);
    }
    const char *source = parts.count > 1 ? parts.items[0] : NULL;
    bool bind = source && is_path(source);
    struct node *volume = node_new(s->arena, NODE_MAP, in);
    node_set(s->arena, volume, "type", node_string(s->arena, bind ? "bind" : "volume", in));
    if (source) {
        node_set(s->arena, volume, "source",
                 node_string(s->arena, bind ? shape_path(s, source) : source, in));
    }
    node_set(s->arena, volume, "target", node_string(s->arena, target, in));
    if (bind) {
        node_set(s->arena, below(s, volume, "bind"), "create_host_path",
                 node_bool(s->arena, true, in));
    }
    if (parts.count > 2) {
        strv_split(&options, parts.items[2], ',');
    }
    for (size_t i = 0; i < options.count; i++) {
        int r = apply_option(s, in, path, volume, options.items[i], bind);
        if (r < 0) {
            return r;
        }
    }
    *ret = volume;
    return 0;
}

static int volume_from_map(struct shaper *s, const struct node *in, const char *path,
                           struct node **ret)
{
    struct node *volume = node_copy(s->arena, in);
    const char *type = node_text(volume, "type");
    const char *source = node_text(volume, "source");
    const char *target = node_text(volume, "target");
    if (!type || !target) {
        return node_error(in, s->err, "%s: a volume needs a '%s'", path, type ? "target" : "type");
    }
    bool needs_source = str_equal(type, "bind") || str_equal(type, "image");
    if (needs_source && !source) {
        return node_error(in, s->err, "%s: a volume of type '%s' needs a 'source'", path, type);
    }
    if (str_equal(type, "tmpfs") && source) {
        return node_error(in, s->err, "%s: a tmpfs has no 'source'", path);
    }
    if (str_equal(type, "bind")) {
        node_set(s->arena, volume, "source", node_string(s->arena, shape_path(s, source), in));
    }
    *ret = volume;
    return 0;
}

int expand_volumes(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a list");
    }
    *ret = node_new(s->arena, NODE_LIST, in);
    for (size_t i = 0; i < in->count; i++) {
        const struct node *item = in->items[i];
        struct node *volume = NULL;
        int r = item->kind == NODE_MAP ? volume_from_map(s, item, path, &volume)
                : node_is_scalar(item) && item->kind != NODE_NULL
                    ? volume_from_text(s, item, path, &volume)
                    : shape_wrong_kind(s, item, path, "a volume");
        if (r < 0) {
            return r;
        }
        node_append(s->arena, *ret, volume);
    }
    return 0;
}
