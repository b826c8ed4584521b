// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "image/helper.h"
#include "image/image.h"
#include "image/platform.h"

#define EMBEDDED "docker.io/library/busybox:latest"

static bool is_embedded(const char *name)
{
    CLEANUP(reference) struct reference r = {0};
    if (reference_parse(name, &r, NULL) < 0) {
        return false;
    }
    CLEANUP(free) char *full = reference_full(&r);
    return str_equal(full, EMBEDDED);
}

static int fetch(const char *data_dir, const char *config_path, const char *name,
                 const char *policy, const char *platform, bool quiet, struct error **err)
{
    bool embedded = !str_equal(policy, "always") && is_embedded(name) &&
                    (!platform || platform_is_host(platform));
    CLEANUP(json)
    json_t *request = image_request(embedded ? "busybox" : "pull", data_dir, config_path);
    json_object_set_new(request, "reference", json_string(name));
    if (platform) {
        json_object_set_new(request, "platform", json_string(platform));
    }
    json_object_set_new(request, "quiet", json_boolean(quiet));
    return image_helper_run(request, quiet || embedded ? HELPER_TO_NOWHERE : HELPER_TO_STDERR, err);
}

static int check_policy(const char *policy, struct error **err)
{
    static const char *const known[] = {"missing", "always", "never", NULL};
    return str_in(policy, known)
               ? 0
               : error_set(err, ERROR_USAGE, 0,
                           "--pull: '%s' is none of 'always', 'missing' and 'never'", policy);
}

int image_ensure(const char *data_dir, const char *config_path, const char *name,
                 const char *policy, const char *platform, bool quiet, struct image **ret,
                 struct error **err)
{
    policy = str_or(policy, "missing");
    int r = check_policy(policy, err);
    if (r < 0) {
        return r;
    }
    if (!str_equal(policy, "always")) {
        CLEANUP(error) struct error *missing = NULL;
        CLEANUP(image) struct image *i = NULL;
        r = image_resolve_for(data_dir, name, platform, &i, &missing);
        if (r >= 0) {
            *ret = take_ptr(i);
            return 0;
        }
        if (missing->kind != ERROR_NOT_FOUND || str_equal(policy, "never")) {
            return error_move(err, &missing, r);
        }
    }
    r = fetch(data_dir, config_path, name, policy, platform, quiet, err);
    return r < 0 ? r : image_resolve(data_dir, name, ret, err);
}
