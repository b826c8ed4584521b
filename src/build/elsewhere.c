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
#include "image/helper.h"
#include "image/layout.h"

#define RECORD_BYTES_MAX 65536
#define RECORDS_BYTES_MAX ((size_t)64 << 20)

enum place_kind { PLACE_FOLDER, PLACE_REGISTRY, PLACE_INLINE };

struct place {
    enum place_kind kind;
    char *where;             /* the folder or the reference */
    bool max, ignore_errors; /* of --cache-to */
    json_t *records;         /* by key: what a registry has, or has been put */
};

struct elsewhere {
    struct place *from, *to;
    size_t from_count, to_count;
};

static int set_kind(const char *option, bool to, const char *value, struct place *p,
                    struct error **err)
{
    static const char *const words[] = {"local", "registry", "inline", NULL};
    for (int i = 0; i < (to ? 3 : 2); i++) {
        if (str_equal(words[i], value)) {
            p->kind = (enum place_kind)i;
            return 0;
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, 0,
                     "%s: the type '%s' cannot be had: type=local or registry%s", option, value,
                     to ? ", or inline" : "");
}

/* What is so anyway. */
static bool is_as_always(const char *field)
{
    static const char *const fields[] = {"image-manifest=true", "oci-mediatypes=true",
                                         "compression=gzip", NULL};
    return str_in(field, fields);
}

static int set_field(const char *option, bool to, char *field, struct place *p, struct error **err)
{
    size_t n = strcspn(field, "=");
    const char *value = field[n] ? field + n + 1 : "";
    CLEANUP(free) char *key = xstrndup(field, n);
    if (str_equal(key, "type")) {
        return set_kind(option, to, value, p, err);
    } else if (str_equal(key, "ref") || str_equal(key, to ? "dest" : "src")) {
        free(p->where);
        p->where = xstrdup(value);
        return 0;
    } else if (to && (str_equal(field, "mode=max") || str_equal(field, "mode=min"))) {
        p->max = str_equal(value, "max");
        return 0;
    } else if (to && str_equal(key, "ignore-error")) {
        p->ignore_errors = str_equal(value, "true");
        return 0;
    }
    return to && is_as_always(field)
               ? 0
               : error_set(err, ERROR_USAGE, 0, "%s: unknown field '%s'", option, field);
}

static int check_place(const char *option, bool to, const char *text, struct place *p,
                       struct error **err)
{
    CLEANUP(reference) struct reference ref = {0};
    if (p->kind == PLACE_INLINE) {
        return 0;
    }
    if (!p->where || !*p->where) {
        return p->kind == PLACE_FOLDER
                   ? error_set(err, ERROR_USAGE, 0, "%s is type=local,%s=FOLDER, not '%s'", option,
                               to ? "dest" : "src", text)
                   : error_set(err, ERROR_USAGE, 0, "%s is type=registry,ref=NAME, not '%s'",
                               option, text);
    }
    int r = p->kind == PLACE_REGISTRY ? reference_parse(p->where, &ref, err) : 0;
    if (r >= 0 && to && ref.digest) {
        r = error_set(err, ERROR_USAGE, 0, "%s: '%s' has a digest: a tag is needed", option, text);
    }
    return r;
}

/* "type=registry,ref=NAME", or only NAME; "type=local,src=FOLDER". */
static int parse_place(const char *option, bool to, const char *text, struct place *p,
                       struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    fields_split(text, &fields);
    bool typed = false;
    int r = 0;
    for (size_t i = 0; i < fields.count; i++) {
        typed |= str_starts(fields.items[i], "type=");
    }
    p->kind = PLACE_REGISTRY;
    if (!typed && fields.count == 1 && !strchr(fields.items[0], '=')) {
        p->where = xstrdup(fields.items[0]);
    } else if (!typed) {
        r = error_set(err, ERROR_USAGE, 0, "%s: '%s' names no type", option, text);
    } else {
        for (size_t i = 0; i < fields.count && r >= 0; i++) {
            r = set_field(option, to, fields.items[i], p, err);
        }
    }
    return r < 0 ? r : check_place(option, to, text, p, err);
}

static int parse_list(const char *option, bool to, const struct strv *texts, struct place **ret,
                      size_t *ret_count, struct error **err)
{
    int r = 0;
    *ret = xcalloc(texts->count, sizeof(**ret));
    for (size_t i = 0; i < texts->count && r >= 0; i++) {
        (*ret_count)++;
        r = parse_place(option, to, texts->items[i], &(*ret)[i], err);
    }
    return r;
}

int elsewhere_parse(const struct build_options *o, struct elsewhere **ret, struct error **err)
{
    struct elsewhere *e = xcalloc(1, sizeof(*e));
    *ret = e;
    int r = parse_list("--cache-to", true, &o->cache_to, &e->to, &e->to_count, err);
    r = r < 0 ? r
              : parse_list("--cache-from", false, &o->cache_from, &e->from, &e->from_count, err);
    for (size_t i = 0; i < e->to_count && r >= 0; i++) {
        if (e->to[i].kind == PLACE_INLINE && o->squash) {
            r = error_set(err, ERROR_USAGE, 0,
                          "--cache-to type=inline: with --squash the image has no step's layer");
        }
    }
    return r;
}

void elsewhere_free(struct elsewhere *e)
{
    if (!e) {
        return;
    }
    for (size_t i = 0; i < e->from_count; i++) {
        free(e->from[i].where);
        json_decref(e->from[i].records);
    }
    for (size_t i = 0; i < e->to_count; i++) {
        free(e->to[i].where);
        json_decref(e->to[i].records);
    }
    free(e->from);
    free(e->to);
    free(e);
}

static json_t *registry_request(const struct build *b, const char *verb, const struct place *p)
{
    json_t *request = image_request(verb, b->engine.data_dir, b->engine.config_path);
    json_object_set_new(request, "reference", json_string(p->where));
    return request;
}

static int ask_registry(struct build *b, struct place *p, struct error **err)
{
    CLEANUP(free) char *file = str_format("%s/records", b->run_dir);
    CLEANUP(free) char *platform = platform_text(&b->target);
    CLEANUP(json) json_t *request = registry_request(b, "build-cache-get", p);
    json_object_set_new(request, "file", json_string(file));
    json_object_set_new(request, "platform", json_string(platform));
    int r = image_helper_run(request, HELPER_TO_NOWHERE, err);
    r = r < 0 ? r : json_load_path(AT_FDCWD, file, RECORDS_BYTES_MAX, &p->records, err);
    (void)unlink(file); /* of none that answered */
    return r;
}

int elsewhere_look(struct build *b, struct error **err)
{
    for (size_t i = 0; i < b->elsewhere->from_count; i++) {
        CLEANUP(error) struct error *why = NULL;
        struct place *p = &b->elsewhere->from[i];
        json_decref(take_ptr(p->records)); /* of the platform before */
        int r = p->kind == PLACE_REGISTRY ? ask_registry(b, p, &why) : 0;
        if (r < 0 && (why->kind == ERROR_INTERNAL || why->kind == ERROR_KERNEL)) {
            return error_move(err, &why, r);
        }
        if (r < 0) {
            strv_addf(&b->warnings, "--cache-from: %s", why->message);
        }
    }
    return 0;
}

/* What an import needs to know. A new reference. */
static json_t *import_request(const struct stage *s, const struct layer_record *record)
{
    json_t *parents = json_array();
    for (size_t i = 0; i < s->layer_count; i++) {
        json_array_append_new(parents, json_string(s->layers[i].chain_id));
    }
    return json_pack("{s:o, s:s, s:I, s:s}", "parents", parents, "blob", record->blob, "blobSize",
                     (json_int_t)record->blob_size, "diffID", record->diff_id);
}

/* The worker reads the blob on top of what the stage has. */
static int import_file(struct build *b, json_t *request_take, const char *folder,
                       const struct layer_record *record, struct error **err)
{
    CLEANUP(json) json_t *request = request_take;
    CLEANUP(free) char *name = layout_blob(record->blob);
    CLEANUP(free) char *relative = str_format("%s/%s", folder, name);
    CLEANUP(free) char *blob = realpath(relative, NULL);
    CLEANUP(json) json_t *answer = NULL;
    if (!blob) {
        return 0;
    }
    json_object_set_new(request, "op", json_string("import"));
    json_object_set_new(request, "path", json_string(blob));
    int r = sealer_need(b, err);
    r = r < 0 ? r : sealer_call(b->sealer, json_incref(request), &answer, err);
    return r < 0 ? r : 1;
}

/* A registry that has lost the layer, or does not answer any more, is no reason to fail. */
static int import_from_registry(struct build *b, json_t *more_take, const struct place *p,
                                struct error **err)
{
    CLEANUP(json) json_t *more = more_take;
    CLEANUP(json) json_t *request = registry_request(b, "build-cache-layer", p);
    CLEANUP(error) struct error *why = NULL;
    json_object_update(request, more);
    int r = image_helper_run(request, HELPER_TO_NOWHERE, &why);
    if (r >= 0) {
        return 1;
    }
    if (why->kind != ERROR_NOT_FOUND && why->kind != ERROR_NETWORK && why->kind != ERROR_DENIED) {
        return error_move(err, &why, r);
    }
    strv_addf(&b->warnings, "--cache-from: %s", why->message);
    return 0;
}

/* 1: the place has a record of that key, on top of what the stage has. */
static int find_record(const struct place *p, const struct stage *s, const char *key,
                       struct layer_record *ret)
{
    CLEANUP(free) char *path = str_format("%s/cache/%s", p->where, digest_hex(key));
    CLEANUP(json) json_t *json = NULL;
    const char *parent = s->layer_count ? s->layers[s->layer_count - 1].chain_id : "";
    char chain[DIGEST_TEXT_BYTES];
    if (p->kind == PLACE_REGISTRY) {
        json = json_incref(json_object_get(p->records, digest_hex(key)));
    } else {
        IGNORE(json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &json, NULL)); /* then it is NULL */
    }
    if (!json || !layer_record_from_json(json, ret) || !str_equal(ret->parent, parent)) {
        return 0;
    }
    digest_chain(*parent ? parent : NULL, ret->diff_id, chain);
    return str_equal(chain, ret->chain_id); /* it is anybody's: what it says must be of one layer */
}

static int take_from(struct build *b, struct stage *s, struct build_step *step,
                     const struct place *p, const char *key, struct error **err)
{
    struct layer_record record;
    if (!find_record(p, s, key, &record)) {
        return 0;
    }
    json_t *import = import_request(s, &record);
    int r = p->kind == PLACE_FOLDER ? import_file(b, import, p->where, &record, err)
                                    : import_from_registry(b, import, p, err);
    int kept = r > 0 ? cache_put(b->engine.data_dir, key, &record, step->text, err) : 0;
    r = kept < 0 ? kept : r;
    if (r < 0) {
        return error_wrap(err, r, "--cache-from '%s'", p->where);
    }
    if (r > 0) {
        step->record = record;
    }
    return r;
}

int elsewhere_take(struct build *b, struct stage *s, struct build_step *step, const char *key,
                   struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < b->elsewhere->from_count && r == 0; i++) {
        r = take_from(b, s, step, &b->elsewhere->from[i], key, err);
    }
    return r;
}

/* Opens a blob of the store, which the worker makes first when nobody has asked for it yet
 * (image/store/deferred.h). */
static int open_blob(struct build *b, const char *digest, struct error **err)
{
    CLEANUP(free) char *name = layout_blob(digest);
    CLEANUP(free) char *path = str_format("%s/images/%s", b->engine.data_dir, name);
    CLEANUP(json) json_t *answer = NULL;
    int r = 0;
    if (access(path, F_OK) < 0) {
        r = sealer_need(b, err);
        r = r < 0 ? r
                  : sealer_call(b->sealer, json_pack("{s:s, s:s}", "op", "blob", "digest", digest),
                                &answer, err);
    }
    return r < 0 ? r : open_file(AT_FDCWD, path, O_RDONLY, 0, err);
}

static int put_blob(struct build *b, const char *folder, const char *digest, struct error **err)
{
    CLEANUP(free) char *to = str_format("%s/blobs/sha256", folder);
    CLEANUP(free) char *whole = str_format("%s/%s", to, digest_hex(digest));
    CLEANUP(free) char *tmp = str_format(".%s", b->id);
    if (access(whole, F_OK) == 0) {
        return 0;
    }
    CLEANUP(fd) int source = open_blob(b, digest, err);
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

/* The target, and what it stands on. */
static bool is_in_image(const struct build *b, const struct stage *s)
{
    int at = b->target_stage;
    while (at >= 0 && at != s->index) {
        at = b->stages[at].base_stage;
    }
    return at >= 0;
}

/* The steps' records by the hex digits of their keys: of all stages, or of the image's alone. */
static json_t *records_of(struct build *b, bool all)
{
    json_t *records = json_object();
    char key[DIGEST_TEXT_BYTES];
    for (size_t i = 0; i < b->stage_count; i++) {
        struct stage *s = &b->stages[i];
        for (size_t n = 0; s->needed && (all || is_in_image(b, s)) && n < s->step_count; n++) {
            const struct build_step *step = &s->steps[n];
            if (!step->unsure && step_key(b, s, step, step->record.parent, key)) {
                json_t *record = layer_record_to_json(&step->record);
                json_object_set_new(record, "text", json_string(step->text));
                json_object_set_new(records, digest_hex(key), record);
            }
        }
    }
    return records;
}

static int put_folder(struct build *b, const char *folder, const json_t *records,
                      struct error **err)
{
    CLEANUP(free) char *cache = str_format("%s/cache", folder);
    CLEANUP(free) char *blobs = str_format("%s/blobs/sha256", folder);
    const char *hex;
    json_t *record;
    int r = mkdir_all(cache, 0755, err);
    r = r < 0 ? r : mkdir_all(blobs, 0755, err);
    json_object_foreach((json_t *)records, hex, record)
    {
        CLEANUP(free) char *path = str_format("%s/%s", cache, hex);
        const char *blob = json_string_value(json_object_get(record, "blob"));
        r = r < 0 || !*blob ? r : put_blob(b, folder, blob, err);
        r = r < 0 ? r : json_save_path(AT_FDCWD, path, record, 0644, false, err);
    }
    return r;
}

static int put_registry(const struct build *b, const struct place *p, const json_t *records,
                        struct error **err)
{
    CLEANUP(free) char *file = str_format("%s/records", b->run_dir);
    CLEANUP(json) json_t *request = registry_request(b, "build-cache-put", p);
    json_object_set_new(request, "file", json_string(file));
    int r = json_save_path(AT_FDCWD, file, records, 0600, false, err);
    return r < 0 ? r : image_helper_run(request, HELPER_TO_NOWHERE, err);
}

bool elsewhere_is_asked(const struct build *b)
{
    return b->elsewhere->to_count > 0;
}

int elsewhere_put(struct build *b, struct error **err)
{
    for (size_t i = 0; i < b->elsewhere->to_count; i++) {
        struct place *p = &b->elsewhere->to[i];
        CLEANUP(json) json_t *records = p->kind == PLACE_INLINE ? NULL : records_of(b, p->max);
        json_object_update(records, p->records); /* of the platforms before */
        json_decref(p->records);
        p->records = json_incref(records);
        CLEANUP(error) struct error *why = NULL;
        int r = p->kind == PLACE_FOLDER     ? put_folder(b, p->where, records, &why)
                : p->kind == PLACE_REGISTRY ? put_registry(b, p, records, &why)
                                            : 0;
        if (r < 0 && !p->ignore_errors) {
            error_wrap(&why, r, "--cache-to");
            return error_move(err, &why, r);
        }
        if (r < 0) {
            strv_addf(&b->warnings, "--cache-to: %s", why->message);
        }
    }
    return 0;
}

json_t *elsewhere_inline(struct build *b)
{
    for (size_t i = 0; i < b->elsewhere->to_count; i++) {
        if (b->elsewhere->to[i].kind == PLACE_INLINE) {
            return records_of(b, false);
        }
    }
    return NULL;
}
