// SPDX-License-Identifier: Apache-2.0
#include "image/store/import.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/platform.h"
#include "image/store/changes.h"
#include "image/store/fetch.h"
#include "image/store/limits.h"
#include "image/store/verbs.h"

/* A writer that failed is why reading failed. */
static int ask_writer(const struct import *i, int result, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    int r = i->writer_ended ? i->writer_ended(i->context, &why) : 0;
    if (r >= 0) {
        return result;
    }
    if (result < 0 && err) {
        error_free(take_ptr(*err));
    }
    return error_move(err, &why, r);
}

static void set_platform(json_t *config, const struct platform *p)
{
    json_object_set_new(config, "os", json_string(p->os));
    json_object_set_new(config, "architecture", json_string(p->architecture));
    (void)json_object_del(config, "variant"); /* the host's, if it has one */
    if (p->variant[0]) {
        json_object_set_new(config, "variant", json_string(p->variant));
    }
}

int import_tarball(struct store *s, const struct import *i, char **ret_id, struct error **err)
{
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, i->fd, i->name);
    struct layer layer = {0};
    struct layer_input in = {
        .source = &source.base, .name = i->name, .needs_end_marker = true, .limits = i->limits};
    int r = layer_read(s, &in, &layer, err);
    r = ask_writer(i, r, err);
    if (r < 0) {
        layer_done(&layer);
        return r;
    }
    CLEANUP(json)
    json_t *json =
        image_config_new(json_incref(i->config), &layer, 1, NULL, i->created_by, i->comment);
    if (i->platform) {
        set_platform(json, i->platform);
    }
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    struct image_draft d = {.config = text,
                            .layers = &layer,
                            .layer_count = 1,
                            .names = i->reference,
                            .name_count = i->reference != NULL};
    if (text) {
        d.config_len = strlen(text);
        r = image_add(s, &d, ret_id, err);
    } else {
        r = error_set(err, ERROR_INVALID_INPUT, 0, "the image's config is not valid UTF-8");
    }
    layer_done(&layer);
    return r;
}

static bool is_url(const char *source)
{
    return str_starts(source, "http://") || str_starts(source, "https://");
}

/* Into a file without a name: what broke on the way is not unpacked. */
static int open_url(struct store *s, const struct verb_request *request, const char *url, int *ret,
                    struct error **err)
{
    CLEANUP(free) char *name = store_tmp_path(s, "url");
    CLEANUP(free) char *path = str_format("%s/%s", s->path, name);
    struct fetch f = {.url = url, .to = path, .config_path = request->config_path};
    int r = fetch_file(&f, err);
    if (r >= 0) {
        *ret = open_file(AT_FDCWD, path, O_RDONLY, 0, err);
        r = *ret < 0 ? *ret : 0;
    }
    (void)unlinkat(s->fd, name, 0); /* else it goes with the temporary folder */
    return r;
}

static int open_source(struct store *s, const struct verb_request *request, const char *source,
                       int *ret, struct error **err)
{
    if (is_url(source)) {
        return open_url(s, request, source, ret, err);
    }
    if (str_equal(source, "-")) {
        *ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return isatty(STDIN_FILENO)
                   ? error_set(err, ERROR_USAGE, 0, "refusing to read a tarball from a terminal")
                   : 0;
    }
    *ret = open_file(AT_FDCWD, source, O_RDONLY, 0, err);
    return *ret < 0 ? *ret : 0;
}

int verb_import(const struct verb_request *request, struct error **err)
{
    const char *source = "-", *name = NULL, *message = NULL, *platform = NULL;
    CLEANUP(reference) struct reference reference = {0};
    CLEANUP(json) json_t *config = json_object();
    CLEANUP(fd) int fd = -1;
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    CLEANUP(free) char *id = NULL;
    struct import i = {.config = config};
    struct platform wanted;
    int r;
    if ((r = json_get_str(request->json, "source", "request", &source, err)) < 0 ||
        (r = json_get_str(request->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_str(request->json, "message", "request", &message, err)) < 0 ||
        (r = json_get_str(request->json, "platform", "request", &platform, err)) < 0 ||
        (r = platform ? platform_parse(platform, &wanted, err) : 0) < 0 ||
        (r = change_apply_all(request->json, config, err)) < 0 ||
        (r = name ? change_read_reference(name, &reference, err) : 0) < 0 ||
        (r = limits_load(request->config_path, &i.limits, err)) < 0 ||
        (r = store_open(request->data_dir, &s, err)) < 0 ||
        (r = store_start_unpacker(&s, true, err)) < 0 ||
        (r = open_source(&s, request, source, &fd, err)) < 0) {
        return r;
    }
    i.fd = fd;
    i.name = str_equal(source, "-") ? "standard input" : source;
    i.reference = name ? &reference : NULL;
    i.platform = platform ? &wanted : NULL;
    CLEANUP(free) char *comment = message ? NULL : str_format("Imported from %s", source);
    i.comment = message ? message : comment;
    r = import_tarball(&s, &i, &id, err);
    if (r >= 0) {
        printf("%s\n", id);
    }
    return r;
}
