// SPDX-License-Identifier: Apache-2.0
#include "image/store/manifest.h"

#include <errno.h>
#include <string.h>

void content_descriptor_done(struct content_descriptor *d)
{
    free(d->media_type);
    free(d->digest);
    *d = (struct content_descriptor){0};
}

int content_descriptor_parse(const json_t *json, const char *where, struct content_descriptor *ret,
                             struct error **err)
{
    const char *type = "", *digest = "";
    int64_t size = -1;
    if (!json_is_object(json)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s is missing or no object", where);
    }
    int r;
    if ((r = json_get_str(json, "mediaType", where, &type, err)) < 0 ||
        (r = json_get_str(json, "digest", where, &digest, err)) < 0 ||
        (r = json_get_i64(json, "size", where, 0, INT64_MAX, &size, err)) < 0) {
        return r;
    }
    if (!digest_is_valid(digest)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: '%s' is no sha256 digest", where,
                         digest);
    }
    if (size < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: 'size' is missing", where);
    }
    *ret = (struct content_descriptor){xstrdup(type), xstrdup(digest), size};
    return 0;
}

static int check_config_type(const char *type, const char *where, struct error **err)
{
    static const char *const known[] = {MEDIA_CONFIG,
                                        "application/vnd.docker.container.image.v1+json",
                                        "application/octet-stream", "", NULL};
    return str_in(type, known)
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, 0, "%s is not of an image: its config is '%s'",
                           where, type);
}

static int check_layer_type(const char *type, const char *where, struct error **err)
{
    static const char *const known[] = {
        MEDIA_LAYER_TAR,
        MEDIA_LAYER_GZIP,
        MEDIA_LAYER_ZSTD,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "",
        NULL,
    };
    return str_in(type, known)
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, 0,
                           "%s is not of an image that can be run: a layer is '%s'", where, type);
}

static int parse_layers(const json_t *list, const char *where, struct manifest *m,
                        struct error **err)
{
    size_t i;
    json_t *layer;
    if (json_array_size(list) > IMAGE_LAYERS_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, E2BIG, "%s has %zu layers, more than %d", where,
                         json_array_size(list), IMAGE_LAYERS_MAX);
    }
    json_array_foreach(list, i, layer)
    {
        CLEANUP(free) char *what = str_format("%s: layer %zu", where, i);
        int r = content_descriptor_parse(layer, what, &m->layers[i], err);
        if (r < 0) {
            return r;
        }
        m->layer_count++;
        r = check_layer_type(m->layers[i].media_type, where, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_version(const json_t *json, const char *where, struct error **err)
{
    int64_t version = 0;
    int r = json_is_object(json)
                ? json_get_i64(json, "schemaVersion", where, 0, 99, &version, err)
                : error_set(err, ERROR_INVALID_INPUT, 0, "%s is not an object", where);
    if (r >= 0 && version != 2) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         version == 1 ? "%s has Docker's schema 1, which is no longer in use"
                                      : "%s has an unknown schema version",
                         where);
    }
    return r;
}

int manifest_parse(const json_t *json, const char *where, struct manifest *ret, struct error **err)
{
    struct manifest *m = xcalloc(1, sizeof(*m));
    const char *artifact = NULL;
    json_t *layers = NULL;
    CLEANUP(free) char *what = str_format("%s: config", where);
    int r;
    if ((r = check_version(json, where, err)) < 0 ||
        (r = json_get_str(json, "artifactType", where, &artifact, err)) < 0 ||
        (r = json_get_array(json, "layers", where, &layers, err)) < 0 ||
        (r = content_descriptor_parse(json_object_get(json, "config"), what, &m->config, err)) <
            0 ||
        (r = check_config_type(m->config.media_type, where, err)) < 0 ||
        (r = parse_layers(layers, where, m, err)) < 0) {
        manifest_done(m);
        free(m);
        return r;
    }
    *ret = *m;
    free(m);
    return 0;
}

void manifest_done(struct manifest *m)
{
    content_descriptor_done(&m->config);
    for (size_t i = 0; i < ARRAY_SIZE(m->layers); i++) {
        content_descriptor_done(&m->layers[i]);
    }
    m->layer_count = 0;
}

bool manifest_is_index(const json_t *json, const char *media_type)
{
    if (media_type &&
        (str_equal(media_type, MEDIA_INDEX) || str_equal(media_type, MEDIA_DOCKER_LIST))) {
        return true;
    }
    return json_is_array(json_object_get(json, "manifests")) && !json_object_get(json, "config");
}

/* Attestations stand in indexes as manifests of the platform "unknown". */
static bool entry_platform(const json_t *entry, const char **os, const char **architecture,
                           const char **variant)
{
    const json_t *p = json_object_get(entry, "platform");
    *os = json_string_value(json_object_get(p, "os"));
    *architecture = json_string_value(json_object_get(p, "architecture"));
    *variant = json_string_value(json_object_get(p, "variant"));
    return *os && *architecture && !str_equal(*architecture, "unknown");
}

static int no_platform(const json_t *list, const struct platform *wanted, const char *where,
                       struct error **err)
{
    CLEANUP(strv) struct strv have = {0};
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *os, *architecture, *variant;
        if (entry_platform(entry, &os, &architecture, &variant)) {
            strv_addf(&have, "%s/%s%s%s", os, architecture, variant ? "/" : "",
                      str_or(variant, ""));
        }
    }
    CLEANUP(free) char *text = platform_text(wanted);
    CLEANUP(free) char *names = strv_join(&have, ", ");
    int r = error_set(err, ERROR_NOT_FOUND, 0, "%s: no image for platform '%s'", where, text);
    return have.count ? error_hint(err, r, "there is %s", names) : r;
}

/* "v7" is 7; what has another form is 0. */
static int64_t variant_level(const char *variant)
{
    int64_t level = 0;
    return variant[0] == 'v' && str_to_i64(variant + 1, 10, &level) >= 0 && level > 0 && level < 40
               ? level
               : 0;
}

/* How well an entry's platform does: 0 not at all. A processor runs what is made for lower variants
 * of its kind (arm v6 on v7), so the nearest is best; whoever asks for none gets the lowest. */
static int64_t platform_rank(const struct platform *wanted, const char *os,
                             const char *architecture, const char *variant)
{
    if (!str_equal(wanted->os, os) || !str_equal(wanted->architecture, architecture)) {
        return 0;
    }
    variant = str_or(variant, "");
    int64_t level = variant_level(variant), most = variant_level(wanted->variant);
    if (str_equal(variant, wanted->variant)) {
        return 100;
    }
    if (!variant[0]) {
        return 90;
    }
    return !wanted->variant[0] ? 80 - level : level && level < most ? 1 + level : 0;
}

int index_choose(const json_t *index, const struct platform *wanted, const char *where,
                 struct content_descriptor *ret, struct error **err)
{
    const json_t *list = json_object_get(index, "manifests"), *best = NULL;
    const char *os, *architecture, *variant;
    int64_t best_rank = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        int64_t rank = entry_platform(entry, &os, &architecture, &variant)
                           ? platform_rank(wanted, os, architecture, variant)
                           : 0;
        if (rank > best_rank) {
            best = entry;
            best_rank = rank;
        }
    }
    if (!best && json_array_size(list) == 1) {
        json_t *only = json_array_get(list, 0); /* one without a platform is for any */
        best = entry_platform(only, &os, &architecture, &variant) ? NULL : only;
    }
    return best ? content_descriptor_parse(best, where, ret, err)
                : no_platform(list, wanted, where, err);
}

int config_diff_ids(const char *text, size_t len, size_t layer_count, struct strv *ret,
                    struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    json_t *rootfs = NULL;
    int r;
    if ((r = json_parse(text, len, "the image's config", &json, err)) < 0 ||
        (r = json_get_object(json, "rootfs", "the image's config", &rootfs, err)) < 0 ||
        (r = rootfs ? json_get_strv(rootfs, "diff_ids", "the image's config: rootfs", ret, err)
                    : 0) < 0) {
        return r;
    }
    if (ret->count != layer_count) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "the image's config has %zu diffIDs, its manifest %zu layers", ret->count,
                         layer_count);
    }
    for (size_t i = 0; i < ret->count; i++) {
        if (!digest_is_valid(ret->items[i])) {
            return error_set(err, ERROR_INVALID_INPUT, 0,
                             "the image's config: '%s' is no sha256 digest", ret->items[i]);
        }
    }
    struct image_config config = {0};
    r = image_config_parse(json, &config, err);
    image_config_done(&config);
    return r;
}
