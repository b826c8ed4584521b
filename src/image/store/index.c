// SPDX-License-Identifier: Apache-2.0
#include "image/store/index.h"

#include <string.h>

#include "base/json.h"
#include "image/layout.h"

struct index {
    struct store *store;
    json_t *manifests;
};

static int add_name(void *context, const char *reference, const char *hex)
{
    struct index *x = context;
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *id = NULL;
    const char *manifest = NULL;
    int64_t size = 0;
    if (strchr(reference, '@') ||
        json_load_path(x->store->fd, path, (size_t)1 << 20, &id, NULL) < 0 ||
        json_get_str(id, "manifest", "image", &manifest, NULL) <= 0 || !digest_is_valid(manifest) ||
        !blob_exists(x->store, manifest, &size)) {
        return 0; /* nothing that another tool could use */
    }
    const char *type = "application/vnd.oci.image.manifest.v1+json";
    IGNORE(json_get_str(id, "mediaType", "image", &type, NULL)); /* else the usual one */
    json_array_append_new(x->manifests,
                          json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType", type, "digest",
                                    manifest, "size", (json_int_t)size, "annotations",
                                    "org.opencontainers.image.ref.name", reference));
    return 0;
}

void index_write(struct store *s)
{
    CLEANUP(fd) int lock = lock_file(s->fd, "index.lock", LOCK_EXCLUSIVE, true, NULL);
    struct index x = {s, json_array()};
    CLEANUP(json)
    json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType",
                              "application/vnd.oci.image.index.v1+json", "manifests", x.manifests);
    if (lock >= 0 && layout_each_name(s->fd, add_name, &x, NULL) >= 0) {
        IGNORE(json_save_path(s->fd, "index.json", index, 0600, false, NULL)); /* see the header */
    }
}
