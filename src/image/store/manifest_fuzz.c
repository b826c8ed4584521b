// SPDX-License-Identifier: Apache-2.0
/* Any JSON as a manifest, an index, a config: what is accepted holds valid digests. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void try_manifest(const json_t *json)
{
    CLEANUP(manifest) struct manifest m = {0};
    CLEANUP(error) struct error *err = NULL;
    if (manifest_parse(json, "manifest", &m, &err) >= 0) {
        assert(digest_is_valid(m.config.digest) && m.layer_count <= IMAGE_LAYERS_MAX);
        for (size_t i = 0; i < m.layer_count; i++) {
            assert(digest_is_valid(m.layers[i].digest) && m.layers[i].size >= 0);
        }
    }
}

static void try_index(const json_t *json)
{
    struct content_descriptor d = {0};
    struct platform p;
    CLEANUP(error) struct error *err = NULL;
    platform_host(&p);
    (void)manifest_is_index(json, NULL);
    if (index_choose(json, &p, "index", &d, &err) >= 0) {
        assert(digest_is_valid(d.digest));
    }
    content_descriptor_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(free) char *text = xstrndup((const char *)bytes, size);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(strv) struct strv ids = {0};
    if (json_parse(text, strlen(text), "text", &json, NULL) >= 0) {
        try_manifest(json);
        try_index(json);
        IGNORE(config_diff_ids(text, strlen(text), 1, &ids, NULL)); /* crashing is what counts */
    }
    return 0;
}
