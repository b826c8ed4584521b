// SPDX-License-Identifier: Apache-2.0
/* What was made is kept: layers sealed by the worker and given their names in the store, then the
 * cache's records that name them. A record is written last, so that it never names what is not
 * there. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "build/execute.h"
#include "build/sealer.h"
#include "build/second_look.h"
#include "image/build_cache.h"
#include "image/helper.h"

void stage_push_layer(struct stage *s, const char *diff, const char *chain_id,
                      struct build_step *step)
{
    s->layers = xrealloc(s->layers, (s->layer_count + 1) * sizeof(*s->layers));
    struct stage_layer *l = &s->layers[s->layer_count++];
    *l = (struct stage_layer){.diff = xstrdup(diff), .step = step};
    memcpy(l->chain_id, chain_id, strlen(chain_id) + 1);
}

static void copy_text(char *to, size_t size, const json_t *answer, const char *key)
{
    snprintf(to, size, "%s", str_or(json_string_value(json_object_get(answer, key)), ""));
}

/* A step whose layer could not be sealed has an empty diffID: keep_all() tells. */
static void note_sealed(void *context, const json_t *answer, const struct error *error)
{
    struct layer_record *r = &((struct build_step *)context)->record;
    if (error) {
        return;
    }
    copy_text(r->diff_id, sizeof(r->diff_id), answer, "diffID");
    copy_text(r->blob, sizeof(r->blob), answer, "blob");
    copy_text(r->media_type, sizeof(r->media_type), answer, "mediaType");
    r->blob_size = json_integer_value(json_object_get(answer, "blobSize"));
    r->tar_size = json_integer_value(json_object_get(answer, "tarSize"));
    r->size = json_integer_value(json_object_get(answer, "size"));
}

int keep_layer(struct build *b, struct stage *s, struct build_step *step, struct error **err)
{
    CLEANUP(free)
    char *diff = str_format("%s/s%d/diff", sealer_folder(b->sealer), step->number);
    CLEANUP(free) char *folder = str_format("s%d", step->number);
    json_t *request = json_pack("{s:s, s:s, s:I}", "op", "seal", "folder", folder, "newest",
                                (json_int_t)b->epoch);
    stage_push_layer(s, diff, "", step);
    return sealer_ask(b->sealer, request, note_sealed, step, err);
}

/* ChainIDs from the bottom up, as far as everything is sealed: how many layers that is. */
static size_t chain_layers(struct stage *s)
{
    for (size_t i = 0; i < s->layer_count; i++) {
        struct stage_layer *l = &s->layers[i];
        if (*l->chain_id) {
            continue;
        }
        struct layer_record *r = &l->step->record;
        const char *parent = i ? s->layers[i - 1].chain_id : NULL;
        if (!*r->diff_id || (parent && !*parent)) {
            return i;
        }
        digest_chain(parent, r->diff_id, l->chain_id);
        memcpy(r->chain_id, l->chain_id, sizeof(r->chain_id));
        memcpy(r->parent, str_or(parent, ""), parent ? DIGEST_TEXT_BYTES : 1);
    }
    return s->layer_count;
}

/* What was made has moved into the store. */
static void set_places(const struct build *b, struct stage *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stage_layer *l = &s->layers[i];
        if (l->step) {
            free(l->diff);
            l->diff =
                str_format("%s/images/layers/%s/diff", b->engine.data_dir, digest_hex(l->chain_id));
        }
    }
}

/* A stage on another's layers has them twice: whoever comes second finds them named. */
static int commit_layers(struct build *b, struct stage *s, size_t count, struct error **err)
{
    json_t *list = json_array();
    bool new = false;
    for (size_t i = 0; i < count; i++) {
        struct stage_layer *l = &s->layers[i];
        bool ours = l->step && l->step->state == STEP_DONE;
        bool kept = !ours || l->step->record.kept;
        CLEANUP(free) char *folder = ours ? str_format("s%d", l->step->number) : NULL;
        json_array_append_new(list, kept ? json_pack("{s:s}", "chain", l->chain_id)
                                         : json_pack("{s:s}", "folder", folder));
        new |= !kept;
    }
    if (!new) {
        json_decref(list);
        set_places(b, s, count);
        return 0;
    }
    CLEANUP(json) json_t *answer = NULL;
    int r = sealer_call(b->sealer, json_pack("{s:s, s:o}", "op", "commit", "layers", list), &answer,
                        err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        if (s->layers[i].step) {
            s->layers[i].step->record.kept = true;
        }
    }
    if (r >= 0) {
        set_places(b, s, count);
    }
    return r;
}

static int write_record(struct build *b, struct stage *s, struct build_step *step,
                        const char *parent, struct error **err)
{
    char key[DIGEST_TEXT_BYTES];
    second_look_end(step);
    return !step->unsure && step_key(b, s, step, parent, key)
               ? cache_put(b->engine.data_dir, key, &step->record, step->text, err)
               : 0;
}

/* The steps' own records, now that what they stand on has its name; up to the first that has none.
 */
static int write_records(struct build *b, struct stage *s, struct error **err)
{
    size_t layer = s->base_layer_count;
    const char *parent = layer ? s->layers[layer - 1].chain_id : "";
    int r = 0;
    for (size_t i = 0; i < s->step_count && layer < s->layer_count && r >= 0; i++, layer++) {
        struct build_step *step = &s->steps[i];
        bool done = step->state == STEP_DONE;
        if ((!done && step->state != STEP_CACHED) || (done && !step->record.kept)) {
            break;
        }
        r = done ? write_record(b, s, step, parent, err) : 0;
        parent = s->layers[layer].chain_id;
    }
    return r;
}

/* Past the bound of the settings, the longest unused goes. */
static int bound_cache(struct build *b, struct error **err)
{
    CLEANUP(build_cache) struct build_cache cache = {0};
    int64_t bound = 0;
    int r = build_cache_bound(b->engine.config_path, &bound, err);
    r = r < 0 ? r : build_cache_read(b->engine.data_dir, &cache, err);
    if (r < 0 || build_cache_total(&cache) <= bound) {
        return r;
    }
    CLEANUP(json)
    json_t *request = image_request("build-cache-prune", b->engine.data_dir, b->engine.config_path);
    json_object_set_new(request, "all", json_true());
    json_object_set_new(request, "quiet", json_true());
    json_object_set_new(request, "keepBytes", json_integer(bound));
    return image_helper_run(request, HELPER_TO_NOWHERE, err);
}

int keep_stage(struct build *b, struct stage *s, struct error **err)
{
    int r = sealer_wait(b->sealer, err);
    size_t sealed = chain_layers(s);
    r = r < 0 ? r : commit_layers(b, s, sealed, err);
    return r < 0 || sealed == s->layer_count
               ? r
               : error_set(err, ERROR_KERNEL, EIO, "a layer could not be made");
}

int keep_all(struct build *b, struct error **err)
{
    if (!b->sealer) {
        return 0;
    }
    int r = sealer_wait(b->sealer, err);
    for (size_t i = 0; i < b->stage_count && r >= 0; i++) {
        struct stage *s = &b->stages[i];
        if (!s->needed) {
            continue;
        }
        size_t sealed = chain_layers(s);
        r = commit_layers(b, s, sealed, err);
        if (r >= 0 && sealed < s->layer_count) {
            r = error_set(err, ERROR_KERNEL, EIO, "a layer could not be made");
        }
    }
    return r;
}

int keep_records(struct build *b, struct error **err)
{
    int r = 0;
    if (!b->sealer || b->records_kept) {
        return 0;
    }
    b->records_kept = true;
    for (size_t i = 0; i < b->stage_count && r >= 0; i++) {
        r = b->stages[i].needed ? write_records(b, &b->stages[i], err) : 0;
    }
    return r < 0 ? r : bound_cache(b, err);
}
