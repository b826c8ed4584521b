// SPDX-License-Identifier: Apache-2.0
/* A container that is being made: what `run` and `create` (and `explain`) have in hand before
 * anything is written. Reads files (the image, --env-file, the host's facts); changes nothing but
 * the store of images, where an absent image is fetched. */
#pragma once

#include "engine/container.h"
#include "image/image.h"
#include "spec/request.h"
#include "wall/wall.h"

struct draft {
    struct run_request *request;
    struct image *image;
    struct image **mounted; /* --mount type=image: held, so that none goes before it is recorded */
    size_t mounted_count;
    struct container *container;
    struct spec *spec;
};
void draft_done(struct draft *d);
static inline void draft_cleanup(struct draft *d)
{
    draft_done(d);
}

/* draft_image() then draft_spec(). `dry`: nothing is fetched or checked on the host (explain). */
int draft_image(const struct engine *e, struct draft *d, bool dry, struct error **err) NODISCARD;
int draft_spec(const struct engine *e, struct draft *d, bool dry, struct error **err) NODISCARD;

/* An image, present and held as --pull says; with the hint that helps when it is not. */
int draft_ensure(const struct engine *e, const struct run_request *r, const char *name, bool dry,
                 struct image **ret, struct error **err) NODISCARD;
/* image_mount.c: spec_environment's image_mount. The image is held by the draft, and written down
 * in its container. */
int draft_mount_image(const struct engine *e, struct draft *d, bool dry, struct spec_image_mount *m,
                      struct error **err) NODISCARD;

/* The wall's plan of it, as the monitor will make it. The caller frees it with
 * (*ret_wall)->plan_free.
 */
int draft_plan(const struct engine *e, const struct draft *d, const struct wall_ops **ret_wall,
               struct plan **ret, struct error **err) NODISCARD;

/* The wall's parameters of a container: shared with the monitor. */
int container_plan(const struct engine *e, const struct container *c, const struct spec *spec,
                   const struct wall_ops *wall, struct plan **ret, struct error **err) NODISCARD;

/* request_files.c: --env-file, --label-file, -e NAME, --volumes-from are read into the request's
 * lists. */
int environment_complete(const struct strv *files, struct strv *env, struct error **err) NODISCARD;
int request_complete(const struct engine *e, struct run_request *r, struct error **err) NODISCARD;
/* container_new.c: what the store keeps, from the request and the image. */
int container_new(const struct engine *e, const struct run_request *r, const struct image *image,
                  struct container **ret, struct error **err) NODISCARD;
/* environment.c: the spec, with the host's facts. */
int draft_build_spec(const struct engine *e, struct draft *d, bool dry,
                     struct error **err) NODISCARD;
