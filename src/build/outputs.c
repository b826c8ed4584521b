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
#include "build/rootfs.h"
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
    for (size_t i = 0; i < ret->count && r == 0; i++) {
        if (ret->items[i].push && !o->tags.count && !ret->items[i].names.count) {
            r = error_set(err, ERROR_USAGE, 0, "pushing needs a name: -t NAME");
        }
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
}

static int open_root(const struct build *b, const struct stage *s, struct error **err)
{
    CLEANUP(strv) struct strv layers = {0};
    rootfs_layers(s, &layers);
    if (!layers.count) { /* an empty stage: an empty folder */
        CLEANUP(free) char *empty = str_format("%s/empty", b->run_dir);
        int r = mkdir_all(empty, 0755, err);
        return r < 0 ? r : open_file(AT_FDCWD, empty, O_RDONLY | O_DIRECTORY, 0, err);
    }
    return rootfs_mount(&layers, NULL, NULL, b->run_dir, err);
}

static int write_local(const struct build *b, const struct stage *s, const char *to,
                       struct error **err)
{
    CLEANUP(fd) int root = open_root(b, s, err);
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
                     struct error **err)
{
    CLEANUP(fd) int root = open_root(b, s, err);
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

static int save(const struct build *b, const struct output_target *t, const char *name,
                struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("save", b->engine.data_dir, b->engine.config_path);
    json_object_set_new(request, "images", json_pack("[s]", name));
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
static int write_metadata(const struct build *b, const char *id, const struct strv *names,
                          struct error **err)
{
    CLEANUP(image) struct image *image = NULL;
    CLEANUP(json) json_t *json = json_object();
    if (id && image_resolve(b->engine.data_dir, id, &image, NULL) >= 0) {
        json_object_set_new(json, "containerimage.config.digest", json_string(id));
        json_object_set_new(json, "containerimage.digest", json_string(image->manifest_digest));
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

static int write_one(struct build *b, struct stage *s, const struct output_target *t,
                     const struct image_result *image, const struct strv *names, struct error **err)
{
    const char *name = names->count ? names->items[0] : image->id;
    switch (t->kind) {
    case OUTPUT_LOCAL:
        return write_local(b, s, t->destination, err);
    case OUTPUT_TAR:
        return write_tar(b, s, t->destination, err);
    case OUTPUT_OCI:
        return save(b, t, name, err);
    case OUTPUT_DOCKER:
        return t->destination ? save(b, t, name, err) : 0;
    case OUTPUT_IMAGE:
    case OUTPUT_REGISTRY:
        break;
    }
    return t->push ? push(b, names, err) : 0;
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

int outputs_write(struct build *b, const struct output_targets *t, struct error **err)
{
    struct stage *s = &b->stages[b->target_stage];
    CLEANUP(strv) struct strv names = {0};
    struct image_result image = {0};
    bool any_image = false;
    int r = full_names(&b->options->tags, &names, err);
    for (size_t i = 0; i < t->count; i++) {
        any_image |= wants_image(&t->items[i]);
        r = r < 0 ? r : full_names(&t->items[i].names, &names, err);
    }
    if (r >= 0 && any_image) {
        r = image_out(b, s, &names, &image, err);
    }
    for (size_t i = 0; i < t->count && r >= 0; i++) {
        r = write_one(b, s, &t->items[i], &image, &names, err);
    }
    if (r >= 0 && b->options->iidfile && image.id) {
        r = write_file(b->options->iidfile, image.id, err);
    }
    if (r >= 0 && b->options->metadata_file) {
        r = write_metadata(b, image.id, &names, err);
    }
    if (r >= 0 && image.id) {
        tell(b, image.id, &names);
    }
    free(image.id);
    return r;
}
