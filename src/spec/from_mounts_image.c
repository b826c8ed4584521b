// SPDX-License-Identifier: Apache-2.0
/* --mount type=image: an image's files, read-only. They become what any runtime can mount: a
 * read-only overlay of its layers' folders ("lowerdir=TOP:…:BASE"), or, since an overlay wants two,
 * a bind mount of the one. All who mount an image share its files, and so their pages in memory. */
#include "spec/from_image.h"
#include "spec/volume.h"

static const char *lowerdir(struct building *b, const struct strv *folders)
{
    CLEANUP(strbuf) struct strbuf text = {0};
    strbuf_adds(&text, "lowerdir=");
    for (size_t i = 0; i < folders->count; i++) {
        strbuf_adds(&text, i ? ":" : "");
        for (const char *c = folders->items[i]; *c; c++) {
            strbuf_adds(&text, *c == ':' || *c == '\\' ? "\\" : "");
            strbuf_addc(&text, *c);
        }
    }
    return arena_strdup(b->arena, text.data);
}

static void add_mount(struct building *b, const struct volume *v, const struct strv *folders)
{
    struct spec_mount *m = arena_push(b->arena, b->spec->mounts, b->spec->mount_count);
    bool overlay = folders->count > 1;
    m->destination = v->destination;
    m->type = overlay ? "overlay" : "bind";
    m->source = overlay ? "overlay" : arena_strdup(b->arena, folders->items[0]);
    const char *options[] = {"ro", "rprivate", overlay ? lowerdir(b, folders) : "bind"};
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        spec_add_string(b->arena, &m->options, &m->option_count, options[i]);
    }
}

int build_image_mount(struct building *b, const struct volume *v, struct error **err)
{
    if (!b->env->image_mount) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "--mount type=image: there are no images here");
    }
    /* Its layers would have to be id-mapped apart from the root's, which may be the same ones. */
    if (b->spec->linux_.uid_mapping_count) {
        int r =
            error_set(err, ERROR_UNSUPPORTED, 0,
                      "--mount type=image on '%s': not in a user namespace yet", v->destination);
        return error_hint(err, r, "--userns host");
    }
    struct spec_image_mount mount = {
        .image = v->source, .destination = v->destination, .subpath = v->subpath};
    int r = b->env->image_mount(b->env->context, &mount, err);
    if (r >= 0) {
        add_mount(b, v, &mount.folders);
    }
    strv_done(&mount.folders);
    return r < 0 ? error_wrap(err, r, "image '%s' on '%s'", v->source, v->destination) : 0;
}
