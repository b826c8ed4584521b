// SPDX-License-Identifier: Apache-2.0
#include "image/store/layer_import.h"

#include "image/image.h"
#include "image/store/limits.h"

int layer_import_read(const json_t *request, struct layer_import *ret, struct error **err)
{
    int r;
    ret->blob_size = -1;
    if ((r = json_get_str(request, "blob", "request", &ret->blob, err)) < 0 ||
        (r = json_get_i64(request, "blobSize", "request", 0, INT64_MAX, &ret->blob_size, err)) <
            0 ||
        (r = json_get_str(request, "diffID", "request", &ret->diff_id, err)) < 0 ||
        (r = json_get_strv(request, "parents", "request", &ret->parents, err)) < 0) {
        return r;
    }
    return ret->blob && digest_is_valid(ret->blob) && ret->diff_id && digest_is_valid(ret->diff_id)
               ? 0
               : error_set(err, ERROR_INVALID_INPUT, 0, "a layer to import has no valid digest");
}

int layer_import(struct store *s, struct layer_import *i, struct source *from, const char *name,
                 struct error **err)
{
    struct layer layers[IMAGE_LAYERS_MAX];
    size_t count = i->parents.count;
    for (size_t n = 0; n < count; n++) {
        if (n + 1 >= IMAGE_LAYERS_MAX || !digest_is_valid(i->parents.items[n]) ||
            !layer_find(s, i->parents.items[n], &layers[n])) {
            return error_set(err, ERROR_CORRUPT, 0, "the layer '%s' is not in the store",
                             i->parents.items[n]);
        }
    }
    int64_t size = 0;
    digest_chain(count ? i->parents.items[count - 1] : NULL, i->diff_id, i->chain_id);
    if (layer_find(s, i->chain_id, &layers[count]) && blob_exists(s, i->blob, &size)) {
        return 0;
    }
    struct layer_input in = {
        .source = from, .name = name, .keep_as_is = true, .digest = i->blob, .diff_id = i->diff_id};
    int r = limits_load(i->config_path, &in.limits, err);
    r = r < 0 ? r : layer_read(s, &in, &layers[count], err);
    if (r < 0) {
        return r;
    }
    r = layers_commit(s, layers, count + 1, err);
    layer_done(&layers[count]);
    return r;
}
