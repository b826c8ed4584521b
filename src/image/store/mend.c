// SPDX-License-Identifier: Apache-2.0
/* Mending what check_run() found: layers are unpacked again from blobs that are whole; what the
 * store no longer has is pulled again. A damaged thing is set aside first, for a pull takes what
 * has the right name for right, and put back when nothing better came. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/helper.h"
#include "image/layout.h"
#include "image/store/check.h"
#include "image/store/deferred.h"
#include "image/store/interrupt.h"
#include "image/store/layer.h"
#include "image/store/manifest.h"

#define ASIDE ".damaged"

struct mending { /* of one image */
    struct check *check;
    const char *hex;
    struct strv aside; /* paths in the store that were given the suffix */
    char *obstacle;
};

static void set_obstacle(struct mending *m, const char *text)
{
    free(m->obstacle);
    m->obstacle = xstrdup(text);
}

static bool concerns(const struct problem *p, const char *hex)
{
    return strv_contains(&p->images, hex);
}

static void set_aside(struct mending *m, const char *path)
{
    CLEANUP(free) char *to = str_format("%s" ASIDE, path);
    if (renameat(m->check->store->fd, path, m->check->store->fd, to) == 0) {
        strv_add(&m->aside, path);
    }
}

/* Where something better came it has taken the name. */
static void put_back(struct mending *m)
{
    int fd = m->check->store->fd;
    for (size_t i = 0; i < m->aside.count; i++) {
        CLEANUP(free) char *from = str_format("%s" ASIDE, m->aside.items[i]);
        if (renameat2(fd, from, fd, m->aside.items[i], RENAME_NOREPLACE) < 0) {
            (void)unlinkat(fd, from, 0); /* the folder of a layer.json may be another by now */
        }
    }
}

/* A running container's overlay holds the layer's files. */
static bool is_in_use(const struct check *c, const char *chain)
{
    size_t i;
    json_t *used;
    json_array_foreach(c->in_use, i, used)
    {
        if (str_equal(json_string_value(used), chain)) {
            return true;
        }
    }
    return false;
}

static void set_all_aside(struct mending *m)
{
    struct check *c = m->check;
    for (size_t i = 0; i < c->problem_count; i++) {
        const struct problem *p = &c->problems[i];
        if (!concerns(p, m->hex) || p->mended) {
            continue;
        }
        if (p->kind == PROBLEM_BLOB) {
            CLEANUP(free) char *path = layout_blob(p->object);
            set_aside(m, path);
        } else if (p->kind == PROBLEM_LAYER && is_in_use(c, digest_hex(p->object))) {
            set_obstacle(m, "a running container uses the layer: stop it first");
        } else if (p->kind == PROBLEM_LAYER) {
            CLEANUP(free) char *folder = layout_layer(digest_hex(p->object));
            CLEANUP(free) char *path = str_format("%s/layer.json", folder);
            set_aside(m, path);
        } else if (p->kind == PROBLEM_IMAGE) {
            CLEANUP(free) char *path = layout_id(m->hex);
            set_aside(m, path);
        }
    }
}

static int read_layer(struct check *c, const struct content_descriptor *d, const char *diff_id,
                      struct layer *ret, struct error **err)
{
    CLEANUP(fd) int fd = blob_open(c->store, d->digest, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, fd, d->digest);
    struct layer_input in = {.source = &source.base,
                             .name = d->digest,
                             .keep_as_is = true,
                             .blob_is_stored = true,
                             .digest = d->digest,
                             .diff_id = diff_id,
                             .limits = c->limits};
    return layer_read(c->store, &in, ret, err);
}

static int read_layers(struct mending *m, const struct manifest *manifest,
                       const struct strv *diff_ids, struct layer *layers, struct error **err)
{
    char chain[DIGEST_TEXT_BYTES], above[DIGEST_TEXT_BYTES];
    int r = 0;
    for (size_t i = 0; i < manifest->layer_count && r >= 0; i++) {
        digest_chain(i ? chain : NULL, diff_ids->items[i], above);
        memcpy(chain, above, sizeof(chain));
        if (!layer_find(m->check->store, chain, &layers[i])) {
            r = read_layer(m->check, &manifest->layers[i], diff_ids->items[i], &layers[i], err);
        }
    }
    return r;
}

/* The image made again from blobs that are all here: 1, or 0 when they are not. */
static int mend_locally(struct mending *m, const char *manifest_digest, struct error **err)
{
    struct store *s = m->check->store;
    CLEANUP(free) char *config_path = str_format("blobs/sha256/%s", m->hex);
    CLEANUP(free) char *manifest_path = layout_blob(manifest_digest);
    CLEANUP(free) char *config = NULL;
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(manifest) struct manifest manifest = {0};
    CLEANUP(strv) struct strv diff_ids = {0};
    size_t len = 0;
    if (file_read(s->fd, config_path, CONFIG_BYTES_MAX, &config, &len, NULL) < 0 ||
        json_load_path(s->fd, manifest_path, MANIFEST_BYTES_MAX, &json, NULL) < 0 ||
        manifest_parse(json, "the manifest", &manifest, NULL) < 0 ||
        config_diff_ids(config, len, manifest.layer_count, &diff_ids, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < manifest.layer_count; i++) {
        if (!blob_exists(s, manifest.layers[i].digest, NULL)) {
            return 0;
        }
    }
    struct layer *layers = xcalloc(IMAGE_LAYERS_MAX, sizeof(*layers));
    int r = read_layers(m, &manifest, &diff_ids, layers, err);
    r = r < 0 ? r : layers_commit(s, layers, manifest.layer_count, err);
    for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++) {
        layer_done(&layers[i]);
    }
    free(layers);
    return r < 0 ? r : 1;
}

struct own_references {
    const char *hex;
    struct strv all;
};

static int note_reference(void *context, const char *reference, const char *hex)
{
    struct own_references *o = context;
    if (str_equal(o->hex, hex)) {
        strv_add(&o->all, reference);
    }
    return 0;
}

/* "registry/name:tag" → "registry/name@digest": the very content, wherever the tag has gone. */
static char *by_digest(const char *reference, const char *manifest_digest)
{
    if (!manifest_digest || strchr(reference, '@')) {
        return xstrdup(reference);
    }
    const char *colon = strrchr(reference, ':');
    return str_format("%.*s@%s", (int)(colon - reference), reference, manifest_digest);
}

static bool pull_by(struct mending *m, const char *reference)
{
    struct check *c = m->check;
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(json)
    json_t *request = image_request("pull", c->store->data_dir, c->config_path);
    json_object_set_new(request, "reference", json_string(reference));
    json_object_set_new(request, "quiet", json_true());
    int r = image_helper_run(request, HELPER_TO_NOWHERE, &why);
    if (r < 0) {
        set_obstacle(m, why->message);
    } else {
        free(take_ptr(m->obstacle));
    }
    return r >= 0;
}

static void mend_from_registry(struct mending *m, const char *manifest_digest)
{
    struct own_references own = {.hex = m->hex};
    IGNORE(layout_each_name(m->check->store->fd, note_reference, &own, NULL)); /* then none */
    set_obstacle(m, "the image has no name of a registry: load or import it again");
    for (size_t i = 0; i < own.all.count; i++) {
        CLEANUP(free) char *reference = by_digest(own.all.items[i], manifest_digest);
        if (interrupt_wanted() || pull_by(m, reference)) {
            break;
        }
    }
    strv_done(&own.all);
}

static char *manifest_of(const struct check *c, const char *hex)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    const char *digest = NULL;
    return json_load_path(c->store->fd, path, (size_t)1 << 20, &json, NULL) >= 0 &&
                   json_get_str(json, "manifest", path, &digest, NULL) > 0 &&
                   digest_is_valid(digest)
               ? xstrdup(digest)
               : NULL;
}

static void mend_image(struct check *c, const char *hex)
{
    struct mending m = {.check = c, .hex = hex};
    CLEANUP(free) char *manifest = manifest_of(c, hex);
    CLEANUP(error) struct error *why = NULL;
    set_all_aside(&m);
    if (!m.obstacle) {
        int r = manifest ? mend_locally(&m, manifest, &why) : 0;
        if (r < 0) {
            set_obstacle(&m, why->message);
        } else if (r == 0) {
            mend_from_registry(&m, manifest);
        }
    }
    put_back(&m);
    for (size_t i = 0; i < c->problem_count; i++) {
        struct problem *p = &c->problems[i];
        if (concerns(p, hex) && !p->mended && !p->obstacle && m.obstacle) {
            p->obstacle = xstrdup(m.obstacle);
        }
    }
    strv_done(&m.aside);
    free(m.obstacle);
}

static void drop_name(struct check *c, struct problem *p)
{
    CLEANUP(reference) struct reference r = {0};
    CLEANUP(error) struct error *why = NULL;
    if (reference_parse(p->object, &r, &why) >= 0 && name_remove(c->store, &r, &why) >= 0) {
        p->mended = true;
    } else if (why) {
        p->obstacle = xstrdup(why->message);
    }
}

/* What nothing refers to: gone is as good as whole. */
static void drop_blob(struct check *c, struct problem *p)
{
    CLEANUP(free)
    char *path = digest_is_valid(p->object) ? layout_blob(p->object)
                                            : str_format("blobs/sha256/%s", p->object);
    CLEANUP(error) struct error *why = NULL;
    if (remove_tree(c->store->fd, path, &why) >= 0) {
        p->mended = true;
    } else {
        p->obstacle = xstrdup(why->message);
    }
}

/* Looks again: what the second look no longer finds is mended. */
static int look_again(struct check *c, struct error **err)
{
    struct check again = {
        .store = c->store, .config_path = c->config_path, .quick = c->quick, .limits = c->limits};
    int r = check_run(&again, err);
    for (size_t i = 0; i < c->problem_count && r >= 0; i++) {
        struct problem *p = &c->problems[i];
        p->mended = true;
        for (size_t k = 0; k < again.problem_count; k++) {
            const struct problem *q = &again.problems[k];
            p->mended = p->mended && !(q->kind == p->kind && str_equal(q->object, p->object));
        }
        if (!p->mended && !p->obstacle) {
            p->obstacle = xstrdup(p->kind == PROBLEM_CONTAINER
                                      ? "remove the container, or pull its image again"
                                      : "what came instead was no better");
        }
    }
    check_done(&again);
    return r;
}

int check_mend(struct check *c, struct error **err)
{
    CLEANUP(strv) struct strv images = {0};
    if (!c->problem_count) {
        return 0;
    }
    for (size_t i = 0; i < c->problem_count; i++) {
        struct problem *p = &c->problems[i];
        for (size_t k = 0; k < p->images.count; k++) {
            if (!strv_contains(&images, p->images.items[k])) {
                strv_add(&images, p->images.items[k]);
            }
        }
        if (p->kind == PROBLEM_NAME) {
            drop_name(c, p);
        } else if (p->kind == PROBLEM_BLOB && !p->images.count) {
            drop_blob(c, p);
        }
    }
    for (size_t i = 0; i < images.count; i++) {
        mend_image(c, images.items[i]);
    }
    c->store->names_changed = true; /* index.json is written anew in any case */
    int r = interrupt_check(err);
    return r < 0 ? r : look_again(c, err);
}
