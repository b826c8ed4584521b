// SPDX-License-Identifier: Apache-2.0
#include "image/store/limits.h"

#include "base/settings.h"

int limits_load(const char *config_path, struct unpack_limits *ret, struct error **err)
{
    static const char *const known[] = {"maxLayerBytes", "maxLayerEntries", NULL};
    *ret = (struct unpack_limits){UNPACK_BYTES_MAX, UNPACK_ENTRIES_MAX};
    CLEANUP(json) json_t *part = NULL;
    const char *bytes = NULL;
    int r = settings_load_part(config_path, "images", &part, err);
    if (r >= 0) {
        r = settings_check_keys(part, "settings: images", known, err);
    }
    if (r >= 0) {
        r = json_get_str(part, "maxLayerBytes", "settings: images", &bytes, err);
    }
    if (r >= 0) {
        r = json_get_i64(part, "maxLayerEntries", "settings: images", 1, INT64_MAX,
                         &ret->entries_max, err);
    }
    if (r >= 0 && bytes && str_to_bytes(bytes, &ret->bytes_max) < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "settings: images: 'maxLayerBytes' is not a size: '%s'", bytes);
    }
    return r;
}
