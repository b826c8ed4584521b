// SPDX-License-Identifier: Apache-2.0
#include "engine/draft.h"

#include "engine/cgroup_driver.h"
#include "engine/writable.h"
#include "net/net.h"

void draft_done(struct draft *d)
{
    image_free(d->image);
    for (size_t i = 0; i < d->mounted_count; i++) {
        image_free(d->mounted[i]);
    }
    free(d->mounted);
    container_free(d->container);
    spec_free(d->spec);
}

int draft_ensure(const struct engine *e, const struct run_request *r, const char *name, bool dry,
                 struct image **ret, struct error **err)
{
    struct error *mine = NULL;
    int result = image_ensure(e->data_dir, e->config_path, name, dry ? "never" : r->pull,
                              r->platform, r->quiet, ret, &mine);
    if (result < 0 && dry && mine->kind == ERROR_NOT_FOUND) {
        result =
            error_hint(&mine, result,
                       "nothing is fetched here: first 'cloison pull %s', or run it once", name);
    } else if (result < 0 && mine->kind == ERROR_NOT_FOUND && str_equal(r->pull, "never")) {
        result =
            error_hint(&mine, result, "first 'cloison pull %s', or leave out --pull never", name);
    }
    return result < 0 ? error_move(err, &mine, result) : result;
}

int draft_image(const struct engine *e, struct draft *d, bool dry, struct error **err)
{
    struct run_request *r = d->request;
    int result = request_complete(e, r, err);
    if (result == 0 && r->name) {
        result = container_name_check(r->name, err);
    }
    return result < 0 ? result : draft_ensure(e, r, r->image, dry, &d->image, err);
}

int draft_spec(const struct engine *e, struct draft *d, bool dry, struct error **err)
{
    int r = container_new(e, d->request, d->image, &d->container, err);
    r = r < 0 ? r : draft_build_spec(e, d, dry, err);
    for (size_t i = 0; r >= 0 && i < d->spec->process.arg_count; i++) {
        strv_add(&d->container->args, d->spec->process.args[i]);
    }
    return r;
}

int container_plan(const struct engine *e, const struct container *c, const struct spec *spec,
                   const struct wall_ops *wall, struct plan **ret, struct error **err)
{
    CLEANUP(free) char *bundle = container_data_path(e, c->id, NULL);
    CLEANUP(free) char *state_dir = container_run_path(e, c->id, "wall");
    CLEANUP(free) char *cache_dir = str_format("%s/cache", e->data_dir);
    CLEANUP(free) char *kernels_dir = str_format("%s/kernels", e->data_dir);
    CLEANUP(free) char *upper = writable_path(e, c, "upper");
    CLEANUP(free) char *work = writable_path(e, c, "work");
    struct net_rate rate = {0};
    int r = c->network_rate ? net_rate_parse(c->network_rate, &rate, err) : 0;
    if (r < 0) {
        return r;
    }
    struct wall_params params = {
        .id = c->id,
        .receive_rate = rate.in,
        .transmit_rate = rate.out,
        .spec = spec,
        .bundle = bundle,
        .state_dir = state_dir,
        .cache_dir = cache_dir,
        .kernels_dir = kernels_dir,
        .rootfs = {.layers = (const char *const *)c->layers.items,
                   .layer_count = c->layers.count,
                   .upper = upper,
                   .work = work,
                   .is_limited = writable_bytes(c) > 0},
        .is_thrown_away = c->remove,
        .systemd_cgroup = cgroups_path_is_systemd(spec->linux_.cgroups_path),
    };
    return wall->plan(&params, ret, err);
}

int draft_plan(const struct engine *e, const struct draft *d, const struct wall_ops **ret_wall,
               struct plan **ret, struct error **err)
{
    int r = wall_find(d->container->wall, ret_wall, err);
    return r < 0 ? r : container_plan(e, d->container, d->spec, *ret_wall, ret, err);
}
