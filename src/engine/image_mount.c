// SPDX-License-Identifier: Apache-2.0
/* --mount type=image: the image is resolved once, when the container is made, and written down, so
 * that whatever becomes of its name the container keeps its layers: rmi, prune and the sweep of the
 * store read it in container.json. */
#include "engine/draft.h"

static void note(struct draft *d, const struct spec_image_mount *m, const struct image *image)
{
    struct container *c = d->container;
    json_t *layers = json_array();
    for (size_t i = 0; i < image->layers.count; i++) {
        json_array_append_new(layers, json_string(image->layers.items[i]));
    }
    c->image_mounts = c->image_mounts ? c->image_mounts : json_array();
    json_array_append_new(c->image_mounts,
                          json_pack("{s:s, s:s, s:s, s:o}", "destination", m->destination, "image",
                                    m->image, "id", image->id, "layers", layers));
}

int draft_mount_image(const struct engine *e, struct draft *d, bool dry, struct spec_image_mount *m,
                      struct error **err)
{
    CLEANUP(image) struct image *image = NULL;
    int r = draft_ensure(e, d->request, m->image, dry, &image, err);
    r = r < 0 ? r : image_layers_of(image, str_or(m->subpath, "/"), &m->folders, err);
    if (r < 0) {
        return r;
    }
    if (!m->folders.count) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "it has no layers");
    }
    note(d, m, image);
    d->mounted = xrealloc(d->mounted, (d->mounted_count + 1) * sizeof(struct image *));
    d->mounted[d->mounted_count++] = take_ptr(image);
    return 0;
}
