// SPDX-License-Identifier: Apache-2.0
#include "build/elsewhere.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/execute.h"
#include "build/flags.h"
#include "build/sealer.h"
#include "image/layout.h"

#define RECORD_BYTES_MAX 65536

/* The folder that an option names. The caller frees. */
static int read_folder(const char *option, const char *text, const char *key, char **ret,
                       struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    bool local = false;
    const char *folder = NULL;
    fields_split(text, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        const char *field = fields.items[i];
        size_t n = strcspn(field, "=");
        const char *value = field[n] ? field + n + 1 : "";
        if (str_starts(field, "type=")) {
            local = str_equal(value, "local");
            if (!local) {
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "%s: the type '%s' cannot be had: type=local", option, value);
            }
        } else if (n == strlen(key) && strncmp(field, key, n) == 0) {
            folder = value;
        } else if (!str_equal(field, "mode=max")) { /* all is put there, always */
            return error_set(err, ERROR_USAGE, 0, "%s: unknown field '%s'", option, field);
        }
    }
    if (!local || !folder || !*folder) {
        return error_set(err, ERROR_USAGE, 0, "%s is type=local,%s=FOLDER, not '%s'", option, key,
                         text);
    }
    *ret = xstrdup(folder);
    return 0;
}

int elsewhere_check(const struct build_options *o, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < o->cache_to.count && r == 0; i++) {
        CLEANUP(free) char *folder = NULL;
        r = read_folder("--cache-to", o->cache_to.items[i], "dest", &folder, err);
    }
    for (size_t i = 0; i < o->cache_from.count && r == 0; i++) {
        CLEANUP(free) char *folder = NULL;
        r = read_folder("--cache-from", o->cache_from.items[i], "src", &folder, err);
    }
    return r;
}

/* The worker reads the blob on top of what the stage has. */
static int import_layer(struct build *b, struct stage *s, const struct layer_record *record,
                        const char *blob, struct error **err)
{
    int r = b->sealer ? 0 : sealer_start(&b->engine, true, &b->sealer, err);
    json_t *parents = json_array();
    for (size_t i = 0; i < s->layer_count; i++) {
        json_array_append_new(parents, json_string(s->layers[i].chain_id));
    }
    json_t *request = json_pack("{s:s, s:o, s:s, s:s, s:s}", "op", "import", "parents", parents,
                                "path", blob, "blob", record->blob, "diffID", record->diff_id);
    if (r < 0) {
        json_decref(request);
        return r;
    }
    CLEANUP(json) json_t *answer = NULL;
    r = sealer_call(b->sealer, request, &answer, err);
    const char *chain = json_string_value(json_object_get(answer, "chain"));
    return r < 0 || str_equal(chain, record->chain_id)
               ? r
               : error_set(err, ERROR_CORRUPT, 0, "the cache's record is of another layer");
}

static int take_from(struct build *b, struct stage *s, struct build_step *step, const char *folder,
                     const char *key, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/cache/%s", folder, digest_hex(key));
    CLEANUP(json) json_t *json = NULL;
    struct layer_record record;
    const char *parent = s->layer_count ? s->layers[s->layer_count - 1].chain_id : "";
    if (json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &json, NULL) < 0 ||
        !layer_record_from_json(json, &record) || !str_equal(record.parent, parent)) {
        return 0;
    }
    CLEANUP(free) char *name = record.empty ? NULL : layout_blob(record.blob);
    CLEANUP(free) char *relative = str_format("%s/%s", folder, str_or(name, ""));
    CLEANUP(free) char *blob = realpath(relative, NULL);
    if (!record.empty && !blob) {
        return 0;
    }
    int r = record.empty ? 0 : import_layer(b, s, &record, blob, err);
    r = r < 0 ? r : cache_put(b->engine.data_dir, key, &record, step->text, err);
    if (r < 0) {
        return error_wrap(err, r, "--cache-from '%s'", folder);
    }
    step->record = record;
    return 1;
}

int elsewhere_take(struct build *b, struct stage *s, struct build_step *step, const char *key,
                   struct error **err)
{
    const struct strv *texts = &b->options->cache_from;
    int r = 0;
    for (size_t i = 0; i < texts->count && r == 0; i++) {
        CLEANUP(free) char *folder = NULL;
        r = read_folder("--cache-from", texts->items[i], "src", &folder, err);
        r = r < 0 ? r : take_from(b, s, step, folder, key, err);
    }
    return r;
}

static int put_blob(const struct build *b, const char *folder, const char *digest,
                    struct error **err)
{
    CLEANUP(free) char *name = layout_blob(digest);
    CLEANUP(free) char *from = str_format("%s/images/%s", b->engine.data_dir, name);
    CLEANUP(free) char *to = str_format("%s/blobs/sha256", folder);
    CLEANUP(free) char *whole = str_format("%s/%s", to, digest_hex(digest));
    CLEANUP(free) char *tmp = str_format(".%s", b->id);
    if (access(whole, F_OK) == 0) {
        return 0;
    }
    CLEANUP(fd) int source = open_file(AT_FDCWD, from, O_RDONLY, 0, err);
    CLEANUP(fd) int at = source < 0 ? -1 : open_file(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0, err);
    if (at < 0) {
        return source < 0 ? source : at;
    }
    int r = copy_open_file(source, at, tmp, NULL);
    if (r >= 0 && renameat(at, tmp, at, digest_hex(digest)) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(at, tmp, 0); /* what failed leaves nothing */
        return error_set_errno(err, ERROR_KERNEL, -r, "writing '%s'", whole);
    }
    return 0;
}

static int put_step(struct build *b, struct stage *s, struct build_step *step, const char *folder,
                    struct error **err)
{
    char key[DIGEST_TEXT_BYTES];
    const struct layer_record *r = &step->record;
    if (step->unsure || !step_key(b, s, step, r->parent, key)) {
        return 0;
    }
    CLEANUP(free) char *path = str_format("%s/cache/%s", folder, digest_hex(key));
    CLEANUP(json) json_t *json = layer_record_to_json(r);
    json_object_set_new(json, "text", json_string(step->text));
    int e = r->empty ? 0 : put_blob(b, folder, r->blob, err);
    return e < 0 ? e : json_save_path(AT_FDCWD, path, json, 0644, false, err);
}

static int put_all(struct build *b, const char *folder, struct error **err)
{
    CLEANUP(free) char *records = str_format("%s/cache", folder);
    CLEANUP(free) char *blobs = str_format("%s/blobs/sha256", folder);
    int r = mkdir_all(records, 0755, err);
    r = r < 0 ? r : mkdir_all(blobs, 0755, err);
    for (size_t i = 0; i < b->stage_count; i++) {
        struct stage *s = &b->stages[i];
        for (size_t n = 0; s->needed && n < s->step_count && r >= 0; n++) {
            r = put_step(b, s, &s->steps[n], folder, err);
        }
    }
    return r;
}

int elsewhere_put(struct build *b, struct error **err)
{
    const struct strv *texts = &b->options->cache_to;
    int r = 0;
    for (size_t i = 0; i < texts->count && r >= 0; i++) {
        CLEANUP(free) char *folder = NULL;
        r = read_folder("--cache-to", texts->items[i], "dest", &folder, err);
        r = r < 0 ? r : put_all(b, folder, err);
        if (r < 0) {
            return error_wrap(err, r, "--cache-to");
        }
    }
    return r;
}
