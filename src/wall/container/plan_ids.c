// SPDX-License-Identifier: Apache-2.0
/* The user namespace's maps. */
#include <inttypes.h>

#include "wall/container/foreign.h"
#include "wall/container/plan_parts.h"

#define MAPS_MAX 340 /* of the kernel, since 4.15 */

static bool overlap(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static int check_maps(const struct spec_id_map *maps, size_t count, const char *what,
                      struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        const struct spec_id_map *m = &maps[i];
        if (!m->size || (uint64_t)m->container_id + m->size > UINT32_MAX ||
            (uint64_t)m->host_id + m->size > UINT32_MAX) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "%s: %u ids from %u to %u do not fit",
                             what, m->size, m->container_id, m->host_id);
        }
        for (size_t j = 0; j < i; j++) {
            if (overlap(m->container_id, maps[j].container_id, m->size, maps[j].size) ||
                overlap(m->host_id, maps[j].host_id, m->size, maps[j].size)) {
                return error_set(err, ERROR_INVALID_INPUT, 0, "%s: two ranges overlap", what);
            }
        }
    }
    return 0;
}

int plan_id_map_text(struct arena *a, const struct spec_id_map *maps, size_t count,
                     const char *what, const char **ret, struct error **err)
{
    if (count == 0 || count > MAPS_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: %zu ranges, 1 to %d are possible", what,
                         count, MAPS_MAX);
    }
    int r = check_maps(maps, count, what, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(strbuf) struct strbuf text = {0};
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", maps[i].container_id,
                    maps[i].host_id, maps[i].size);
    }
    *ret = arena_strdup(a, text.data);
    return 0;
}

static int plan_map(struct planning *g, const char *file, const char *what,
                    const struct spec_id_map *maps, size_t count, struct error **err)
{
    const char *text;
    int r = plan_id_map_text(g->plan->arena, maps, count, what, &text, err);
    if (r < 0) {
        return r;
    }
    bool root = false;
    for (size_t i = 0; i < count; i++) {
        root |= maps[i].container_id == 0;
    }
    if (!root) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "%s: id 0 is not mapped, and the container is set up as it", what);
    }
    plan_add(g->plan, STEP_ID_MAP)->id_map = (struct step_id_map){file, {text}};
    return 0;
}

int plan_ids(struct planning *g, struct error **err)
{
    const struct spec_linux *l = &g->spec->linux_;
    if (!g->plan->new_user_namespace) {
        return 0;
    }
    int r = plan_map(g, "uid_map", "linux.uidMappings", l->uid_mappings, l->uid_mapping_count, err);
    return r < 0 ? r
                 : plan_map(g, "gid_map", "linux.gidMappings", l->gid_mappings,
                            l->gid_mapping_count, err);
}

/* Whether the parent makes a mount, user namespace or not: one with an id mapping, another
 * container's, an overlay. */
static bool has_parent_mounts(const struct spec *s)
{
    for (size_t i = 0; i < s->mount_count; i++) {
        const struct spec_mount *m = &s->mounts[i];
        bool asked = m->uid_mapping_count || m->gid_mapping_count ||
                     str_equal(m->type, "overlay") || (m->source && foreign_is(m->source));
        for (size_t j = 0; j < m->option_count; j++) {
            asked |= str_equal(m->options[j], "idmap") || str_equal(m->options[j], "ridmap");
        }
        if (asked) {
            return true;
        }
    }
    return false;
}

void plan_ids_child(struct planning *g)
{
    if (g->plan->user_namespace || has_parent_mounts(g->spec)) {
        plan_add(g->plan, STEP_AWAIT_PARENT);
    }
    if (g->plan->user_namespace) {
        plan_add(g->plan, STEP_ROOT_IDS);
    }
}
