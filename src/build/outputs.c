// SPDX-License-Identifier: Apache-2.0
#include "build/outputs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/flags.h"
#include "build/image_out.h"
#include "build/progress.h"
#include "build/sealer.h"
#include "build/statement_files.h"
#include "image/helper.h"

static int set_type(const char *value, struct output_target *t, struct error **err)
{
    static const char *const words[] = {"image", "local", "tar", "oci", "docker", "registry", NULL};
    for (int i = 0; words[i]; i++) {
        if (str_equal(words[i], value)) {
            t->kind = (enum output_kind)i;
            return 0;
        }
    }
    const char *near = nearest_word(value, words);
    int r = error_set(err, ERROR_USAGE, 0,
                      "--output: the type is local, tar, oci, docker, registry or image, not '%s'",
                      value);
    return near ? error_hint(err, r, "did you mean '%s'?", near) : r;
}

static int set_field(const char *key, const char *value, struct output_target *t,
                     struct error **err)
{
    static const char *const taken[] = {"rewrite-timestamp", "oci-mediatypes", "compression",
                                        "name-canonical",    "unpack",         NULL};
    if (str_equal(key, "type")) {
        return set_type(value, t, err);
    } else if (str_equal(key, "dest") || str_equal(key, "destination")) {
        t->destination = str_equal(value, "-") ? NULL : xstrdup(value);
        return 0;
    } else if (str_equal(key, "name")) {
        strv_split(&t->names, value, ',');
        return 0;
    } else if (str_equal(key, "push")) {
        t->push = str_equal(value, "true");
        return 0;
    } else if (str_equal(key, "compression")      ? str_equal(value, "gzip")
               : str_equal(key, "oci-mediatypes") ? str_equal(value, "true")
                                                  : false) {
        return 0; /* as it is */
    }
    return str_in(key, taken)
               ? error_set(err, ERROR_UNSUPPORTED, 0, "--output: '%s=%s' cannot be had", key, value)
               : error_set(err, ERROR_USAGE, 0, "--output: unknown field '%s'", key);
}

/* "type=local,dest=out", "out" (a folder), "-" (an archive). */
static int parse_one(const char *text, struct output_target *t, struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    *t = (struct output_target){.kind = OUTPUT_LOCAL};
    fields_split(text, &fields);
    if (fields.count == 1 && !strchr(fields.items[0], '=')) {
        bool out = str_equal(text, "-");
        t->kind = out ? OUTPUT_TAR : OUTPUT_LOCAL;
        t->destination = out ? NULL : xstrdup(text);
        return 0;
    }
    bool typed = false;
    int r = 0;
    for (size_t i = 0; i < fields.count && r == 0; i++) {
        char *equals = strchr(fields.items[i], '=');
        if (equals) {
            *equals = '\0';
        }
        typed |= str_equal(fields.items[i], "type");
        r = set_field(fields.items[i], equals ? equals + 1 : "true", t, err);
    }
    if (r == 0 && !typed) {
        r = error_set(err, ERROR_USAGE, 0, "--output: '%s' names no type", text);
    }
    if (r == 0 && t->kind == OUTPUT_LOCAL && !t->destination) {
        r = error_set(err, ERROR_USAGE, 0, "--output: type=local needs dest=FOLDER");
    }
    t->push |= t->kind == OUTPUT_REGISTRY;
    return r;
}

static struct output_target *add(struct output_targets *t)
{
    t->items = xrealloc(t->items, (t->count + 1) * sizeof(*t->items));
    t->items[t->count] = (struct output_target){0};
    return &t->items[t->count++];
}

static bool is_archive(const struct output_target *t)
{
    return t->kind == OUTPUT_OCI || (t->kind == OUTPUT_DOCKER && t->destination);
}

static bool has_several_platforms(const struct build_options *o)
{
    return o->platforms.count > 1 || (o->platforms.count && strchr(o->platforms.items[0], ','));
}

static int check_target(const struct build_options *o, const struct output_target *t, bool attested,
                        struct error **err)
{
    bool several = has_several_platforms(o);
    bool docker = t->kind == OUTPUT_DOCKER && t->destination;
    if (t->push && !o->tags.count && !t->names.count) {
        return error_set(err, ERROR_USAGE, 0, "pushing needs a name: -t NAME");
    }
    if (attested && docker) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--output: type=docker has no place for attestations: type=oci, registry, "
                         "image, or files");
    }
    if (several && (docker || t->kind == OUTPUT_TAR)) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--output: type=%s has place for one platform: type=%s",
                         docker ? "docker" : "tar", docker ? "oci" : "local");
    }
    return 0;
}

int outputs_parse(const struct build_options *o, struct output_targets *ret, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < o->outputs.count && r == 0; i++) {
        r = parse_one(o->outputs.items[i], add(ret), err);
    }
    if (r == 0 && o->push) {
        *add(ret) = (struct output_target){.kind = OUTPUT_REGISTRY, .push = true};
    }
    if (r == 0 && (!ret->count || (o->load && !o->push))) {
        *add(ret) = (struct output_target){.kind = OUTPUT_IMAGE};
    }
    ret->images = json_array();
    r = r < 0 ? r : attest_parse(o, &ret->attest, err);
    for (size_t i = 0; i < ret->count && r == 0; i++) {
        r = check_target(o, &ret->items[i], attest_any(&ret->attest), err);
    }
    return r;
}

void outputs_done(struct output_targets *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->items[i].destination);
        strv_done(&t->items[i].names);
    }
    free(t->items);
    attestations_done(&t->attest);
    json_decref(t->images);
}

/* Of several platforms each has a folder of its own, "linux_arm64". */
static char *folder_of(const struct build *b, const char *to)
{
    if (b->platforms.count == 1) {
        return xstrdup(to);
    }
    CLEANUP(free) char *name = platform_text(&b->target);
    for (char *c = name; *c; c++) {
        *c = *c == '/' ? '_' : *c;
    }
    return str_format("%s/%s", to, name);
}

static int write_local(const struct build *b, const struct stage *s, const char *destination,
                       const json_t *statements, struct error **err)
{
    CLEANUP(free) char *to = folder_of(b, destination);
    CLEANUP(fd) int root = statement_files_root(b, s, statements, err);
    int r = root < 0 ? root : mkdir_all(to, 0755, err);
    CLEANUP(fd) int folder = r < 0 ? -1 : open_file(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0, err);
    struct stat before;
    if (folder < 0 || fstat(folder, &before) < 0) {
        return r < 0 ? r : folder;
    }
    r = copy_content(root, folder, NULL);
    (void)fchmod(folder, before.st_mode & 07777); /* the user's own folder stays as it was */
    (void)fchown(folder, before.st_uid, before.st_gid);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing to '%s'", to) : 0;
}

static int write_tar(const struct build *b, const struct stage *s, const char *to,
                     const json_t *statements, struct error **err)
{
    CLEANUP(fd) int root = statement_files_root(b, s, statements, err);
    if (root < 0) {
        return root;
    }
    CLEANUP(json)
    json_t *request = image_request("export", b->engine.data_dir, b->engine.config_path);
    if (fcntl(root, F_SETFD, 0) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "handing a folder on");
    }
    json_object_set_new(request, "folderFd", json_integer(root));
    if (to) {
        json_object_set_new(request, "output", json_string(to));
    }
    return image_helper_run(request, HELPER_TO_STDOUT, err);
}

/* What came of all platforms. */
struct result {
    char *id;     /* of this host's image, or the first; NULL: files alone were asked for */
    char *digest; /* of the index; NULL: there is none */
    struct strv names;
};

static int save(const struct build *b, const struct output_target *t, const struct result *result,
                struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("save", b->engine.data_dir, b->engine.config_path);
    if (!result->names.count && result->digest) {
        json_object_set_new(request, "index", json_string(result->digest));
    } else {
        const char *name = result->names.count ? result->names.items[0] : result->id;
        json_object_set_new(request, "images", json_pack("[s]", name));
    }
    json_object_set_new(request, "format",
                        json_string(t->kind == OUTPUT_OCI ? "oci-archive" : "docker-archive"));
    if (t->destination) {
        json_object_set_new(request, "output", json_string(t->destination));
    }
    return image_helper_run(request, HELPER_TO_STDOUT, err);
}

static int push(const struct build *b, const struct strv *names, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < names->count && r >= 0; i++) {
        CLEANUP(json)
        json_t *request = image_request("push", b->engine.data_dir, b->engine.config_path);
        json_object_set_new(request, "reference", json_string(names->items[i]));
        json_object_set_new(request, "quiet", json_boolean(b->options->quiet));
        r = image_helper_run(request, b->options->quiet ? HELPER_TO_NOWHERE : HELPER_TO_STDERR,
                             err);
    }
    return r;
}

static int write_file(const char *path, const char *text, struct error **err)
{
    return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NO_SYNC, err);
}

/* As BuildKit's: digests and names under its keys. */
static int write_metadata(const struct build *b, const struct result *result, struct error **err)
{
    const char *id = result->id;
    const struct strv *names = &result->names;
    CLEANUP(image) struct image *image = NULL;
    CLEANUP(json) json_t *json = json_object();
    if (id && image_resolve(b->engine.data_dir, id, &image, NULL) >= 0) {
        json_object_set_new(json, "containerimage.config.digest", json_string(id));
        json_object_set_new(json, "containerimage.digest",
                            json_string(str_or(result->digest, image->manifest_digest)));
    }
    if (names->count) {
        CLEANUP(free) char *joined = strv_join(names, ",");
        json_object_set_new(json, "image.name", json_string(joined));
    }
    CLEANUP(free) char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    CLEANUP(free) char *line = str_format("%s\n", text);
    return write_file(b->options->metadata_file, line, err);
}

static int full_names(const struct strv *texts, struct strv *ret, struct error **err)
{
    for (size_t i = 0; i < texts->count; i++) {
        CLEANUP(reference) struct reference r = {0};
        int e = reference_parse(texts->items[i], &r, err);
        if (e < 0) {
            return e;
        }
        strv_add_take(ret, reference_full(&r));
    }
    return 0;
}

static bool wants_image(const struct output_target *t)
{
    return t->kind != OUTPUT_LOCAL && t->kind != OUTPUT_TAR;
}

static void tell(const struct build *b, const char *id, const struct strv *names)
{
    if (b->options->quiet) {
        printf("%s\n", id);
        return;
    }
    CLEANUP(free) char *first = str_format("image %s", id);
    progress_note(b->progress, first);
    for (size_t i = 0; i < names->count; i++) {
        CLEANUP(free) char *line = str_format("named %s", names->items[i]);
        progress_note(b->progress, line);
    }
}

static bool is_indexed(const struct build *b, const struct output_targets *t)
{
    return b->platforms.count > 1 || attest_any(&t->attest);
}

static int all_names(const struct build *b, const struct output_targets *t, struct strv *ret,
                     struct error **err)
{
    int r = full_names(&b->options->tags, ret, err);
    for (size_t i = 0; i < t->count && r >= 0; i++) {
        r = full_names(&t->items[i].names, ret, err);
    }
    return r;
}

/* The image itself; names lead to it now, unless they are to stand for an index. */
static int make_image(struct build *b, struct output_targets *t, json_t *statements,
                      struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(free) char *platform = platform_text(&b->target);
    struct image_result image = {0};
    int r = is_indexed(b, t) ? 0 : all_names(b, t, &names, err);
    r = r < 0 ? r : image_out(b, &b->stages[b->target_stage], &names, &image, err);
    if (r >= 0) {
        json_array_append_new(t->images, json_pack("{s:s, s:s, s:O*}", "id", image.id, "platform",
                                                   platform, "statements", statements));
    }
    free(image.id);
    return r;
}

int outputs_platform(struct build *b, struct output_targets *t, struct error **err)
{
    struct stage *s = &b->stages[b->target_stage];
    bool any_image = false;
    int r = 0;
    for (size_t i = 0; i < t->count; i++) {
        any_image |= wants_image(&t->items[i]);
    }
    CLEANUP(json) json_t *statements = NULL;
    CLEANUP(json) json_t *files = NULL; /* those that stand beside files */
    r = attest_any(&t->attest) ? attest_stage(b, &t->attest, &statements, err) : 0;
    files = attest_of_files(&t->attest, statements);
    r = r < 0 || !any_image ? r : make_image(b, t, statements, err);
    for (size_t i = 0; i < t->count && r >= 0; i++) {
        const struct output_target *o = &t->items[i];
        r = o->kind == OUTPUT_LOCAL ? write_local(b, s, o->destination, files, err)
            : o->kind == OUTPUT_TAR ? write_tar(b, s, o->destination, files, err)
                                    : 0;
    }
    return r;
}

static int make_index(struct build *b, const struct output_targets *t, struct result *result,
                      struct error **err)
{
    CLEANUP(json) json_t *answer = NULL;
    int r = sealer_need(b, err);
    r = r < 0 ? r
              : sealer_call(b->sealer,
                            json_pack("{s:s, s:O, s:o}", "op", "index", "images", t->images,
                                      "names", json_from_strv(&result->names)),
                            &answer, err);
    if (r >= 0) {
        result->digest = xstrdup(json_string_value(json_object_get(answer, "index")));
    }
    if (r >= 0 && !result->names.count && attest_any(&t->attest)) {
        strv_add(&b->warnings, "without a name (-t) the store keeps no attestation of the image");
    }
    return r;
}

/* Of the images, the one for this host, else the first. The caller frees. */
static char *leading_image(const struct build *b, const json_t *images)
{
    const char *id = NULL;
    json_t *image;
    size_t i;
    json_array_foreach(images, i, image)
    {
        const char *platform = json_string_value(json_object_get(image, "platform"));
        if (i == 0 || platform_is_host(platform)) {
            id = json_string_value(json_object_get(image, "id"));
        }
    }
    return id ? xstrdup(id) : NULL;
}

static int finish(struct build *b, const struct output_targets *t, struct result *result,
                  struct error **err)
{
    int r = all_names(b, t, &result->names, err);
    if (r >= 0 && result->id && is_indexed(b, t)) {
        r = make_index(b, t, result, err);
    }
    for (size_t i = 0; i < t->count && r >= 0; i++) {
        const struct output_target *o = &t->items[i];
        r = is_archive(o) ? save(b, o, result, err) : o->push ? push(b, &result->names, err) : 0;
    }
    if (r >= 0 && b->options->iidfile && result->id) {
        r = write_file(b->options->iidfile, result->id, err);
    }
    if (r >= 0 && b->options->metadata_file) {
        r = write_metadata(b, result, err);
    }
    if (r >= 0 && result->id) {
        tell(b, result->id, &result->names);
    }
    return r;
}

int outputs_finish(struct build *b, struct output_targets *t, struct error **err)
{
    struct result result = {.id = leading_image(b, t->images)};
    int r = finish(b, t, &result, err);
    free(result.id);
    free(result.digest);
    strv_done(&result.names);
    return r;
}
