// SPDX-License-Identifier: Apache-2.0
#include "build/prepare.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "build/add_remote.h"
#include "build/elsewhere.h"
#include "build/flags.h"
#include "build/network.h"
#include "build/progress.h"
#include "build/sealer.h"
#include "image/layout.h"

#define SECRET_BYTES_MAX ((size_t)500 << 10) /* BuildKit's */

/* A folder that the lock holds for as long as we live. */
static int make_run_folder(struct build *b, struct error **err)
{
    CLEANUP(free) char *random = random_hex(8);
    b->id = str_format("build-%s", random);
    b->run_dir = str_format("%s/build/%s", b->engine.run_dir, b->id);
    int r = mkdir_all(b->run_dir, 0700, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *lock = str_format("%s/lock", b->run_dir);
    b->run_lock = lock_file(AT_FDCWD, lock, LOCK_EXCLUSIVE, true, err);
    return b->run_lock;
}

/* No layer that the cache names goes meanwhile. */
static int hold_store(struct build *b, struct error **err)
{
    CLEANUP(free) char *store = layout_store_path(b->engine.data_dir);
    CLEANUP(free) char *lock = str_format("%s/lock", store);
    int r = mkdir_all(store, 0700, err);
    r = r < 0 ? r : (b->store_lock = lock_file(AT_FDCWD, lock, LOCK_SHARED, true, err));
    return r;
}

/* "id=x,src=f", "id=x,env=V", "id=x" (a variable of that name, else a file), "x". */
static int read_secret(struct build *b, const char *text, struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    const char *id = NULL, *source = NULL, *variable = NULL, *type = "";
    fields_split(text, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        char *equals = strchr(fields.items[i], '=');
        const char *value = equals ? equals + 1 : "";
        if (equals) {
            *equals = '\0';
        }
        const char *key = fields.items[i];
        if (str_equal(key, "id")) {
            id = value;
        } else if (str_equal(key, "src") || str_equal(key, "source")) {
            source = value;
        } else if (str_equal(key, "env")) {
            variable = value;
        } else if (str_equal(key, "type")) {
            type = value;
        } else {
            return error_set(err, ERROR_USAGE, 0, "--secret: unknown field '%s'", key);
        }
    }
    if (!id || !*id) {
        return error_set(err, ERROR_USAGE, 0, "--secret needs id=ID");
    }
    if (!source && !variable) {
        variable = str_equal(type, "file") || !getenv(id) ? NULL : id;
        source = variable ? NULL : id;
    }
    if (source && str_equal(type, "env")) {
        variable = source;
        source = NULL;
    }
    struct secret s = {.id = xstrdup(id)};
    int r = 0;
    if (source) {
        r = file_read(AT_FDCWD, source, SECRET_BYTES_MAX, &s.value, &s.len, err);
    } else if (getenv(variable)) {
        s.value = xstrdup(getenv(variable));
        s.len = strlen(s.value);
    } else {
        r = error_set(err, ERROR_NOT_FOUND, 0, "the environment has no '%s'", variable);
    }
    if (r < 0) {
        free(s.id);
        return error_wrap(err, r, "--secret '%s'", id);
    }
    b->secrets = xrealloc(b->secrets, (b->secret_count + 1) * sizeof(*b->secrets));
    b->secrets[b->secret_count++] = s;
    return 0;
}

static int read_standard_input(char **ret, size_t *ret_len, struct error **err)
{
    struct strbuf text = {.max = DOCKERFILE_BYTES_MAX};
    char block[16384];
    ssize_t n;
    while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0) {
        strbuf_add(&text, block, (size_t)n);
    }
    if (n < 0 || text.overflow) {
        strbuf_done(&text);
        return n < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "reading standard input")
                     : error_set(err, ERROR_INVALID_INPUT, E2BIG,
                                 "the Dockerfile on standard input is larger than 2 MiB");
    }
    *ret_len = text.len;
    *ret = strbuf_take(&text);
    return 0;
}

/* Of the context where that is not the user's own folder: inside it, no link leads out. */
static int read_inside(const struct context *c, const char *name, char **ret, size_t *ret_len,
                       struct error **err)
{
    CLEANUP(fd) int fd = open_in_root(c->fd, name, O_RDONLY | O_NONBLOCK, 0);
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
    if (fd < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, -fd, "'%s' of the context", name);
    }
    return file_read(AT_FDCWD, self, DOCKERFILE_BYTES_MAX, ret, ret_len, err);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int read_dockerfile(struct build *b, bool from_input, struct error **err)
{
    const char *file = b->options->file;
    CLEANUP(free) char *text = NULL;
    CLEANUP(free) char *path = NULL;
    size_t len = 0;
    int r;
    if (from_input || str_equal(file, "-")) {
        r = read_standard_input(&text, &len, err);
        path = NULL;
        file = "Dockerfile";
    } else if (b->context.temporary) {
        file = str_or(file, "Dockerfile");
        r = read_inside(&b->context, file, &text, &len, err);
    } else {
        path = file ? xstrdup(file) : str_format("%s/Dockerfile", b->context.path);
        if (!file && access(path, F_OK) != 0) { /* moby's second guess */
            CLEANUP(free) char *lower = str_format("%s/dockerfile", b->context.path);
            if (access(lower, F_OK) == 0) {
                free(path);
                path = take_ptr(lower);
            }
        }
        file = base_name(path);
        r = file_read(AT_FDCWD, path, DOCKERFILE_BYTES_MAX, &text, &len, err);
    }
    if (r < 0) {
        return error_hint(err, error_wrap(err, r, "the Dockerfile"), "say where it is with --file");
    }
    r = dockerfile_parse(file, text, len, &b->file, err);
    return r < 0 ? r : context_read_ignore(&b->context, path, err);
}

/* An empty folder as the context, which goes with the build. */
static int make_context(struct build *b, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/build/context-%s", b->engine.data_dir, b->id);
    int r = mkdir_all(path, 0700, err);
    r = r < 0 ? r : context_open(path, &b->context, err);
    if (r >= 0) {
        b->context.temporary = xstrdup(path);
    }
    return r;
}

/* An archive, from standard input or a file. */
static int unpack_context(struct build *b, int fd, struct error **err)
{
    int r = make_context(b, err);
    return r < 0 ? r : add_unpack(b, fd, b->context.fd, err);
}

static int open_git(struct build *b, const char *url, struct error **err)
{
    int r = make_context(b, err);
    return r < 0 ? r : git_fetch(url, b->context.temporary, false, NULL, err);
}

/* An archive is the context; anything else is a Dockerfile without one. */
static int take_input(struct build *b, int fd, bool *ret_is_file, struct error **err)
{
    if (add_looks_like_archive(fd)) {
        return unpack_context(b, fd, err);
    }
    *ret_is_file = true;
    return lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "reading the Dockerfile")
               : 0;
}

static int open_input(struct build *b, bool *ret_is_file, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/input", b->run_dir);
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600, err);
    char block[65536];
    ssize_t n = 0;
    int r = fd < 0 ? fd : 0;
    while (r >= 0 && (n = read(STDIN_FILENO, block, sizeof(block))) > 0) {
        r = write_all(fd, block, (size_t)n);
    }
    if (fd >= 0 && (r < 0 || n < 0)) {
        return error_set_errno(err, ERROR_KERNEL, r < 0 ? -r : errno, "reading standard input");
    }
    (void)unlink(path);
    return r < 0 ? r : take_input(b, fd, ret_is_file, err);
}

static int fetch_context(struct build *b, const char *url, bool *ret_is_file, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/input", b->run_dir);
    CLEANUP(json) json_t *answer = NULL;
    int r = sealer_need(b, err);
    r = r < 0 ? r
              : sealer_call(b->sealer,
                            json_pack("{s:s, s:s, s:s}", "op", "fetch", "url", url, "to", path),
                            &answer, err);
    CLEANUP(fd) int fd = r < 0 ? r : open_file(AT_FDCWD, path, O_RDONLY, 0, err);
    return fd < 0 ? fd : take_input(b, fd, ret_is_file, err);
}

static int open_context(struct build *b, const char *context, bool *ret_is_file, struct error **err)
{
    struct stat st;
    b->context.fd = -1;
    if (str_equal(context, "-")) {
        return open_input(b, ret_is_file, err);
    }
    if (copy_is_git(context) || str_starts(context, "github.com/")) {
        CLEANUP(free)
        char *url = str_starts(context, "github.com/") ? str_format("https://%s", context)
                                                       : xstrdup(context);
        return open_git(b, url, err);
    }
    if (copy_is_url(context)) {
        return fetch_context(b, context, ret_is_file, err);
    }
    if (stat(context, &st) == 0 && S_ISREG(st.st_mode)) {
        CLEANUP(fd) int fd = open_file(AT_FDCWD, context, O_RDONLY, 0, err);
        return fd < 0 ? fd : unpack_context(b, fd, err);
    }
    return context_open(context, &b->context, err);
}

/* --build-context NAME=FOLDER | NAME=docker-image://REFERENCE */
static int open_named(struct build *b, struct error **err)
{
    const struct strv *texts = &b->options->contexts;
    b->named = xcalloc(texts->count, sizeof(*b->named));
    b->named_names = xcalloc(texts->count, sizeof(*b->named_names));
    for (size_t i = 0; i < texts->count; i++) {
        size_t n = strcspn(texts->items[i], "=");
        const char *source = texts->items[i] + n + 1;
        if (!n || !texts->items[i][n] || !*source) {
            return error_set(err, ERROR_USAGE, 0, "--build-context: '%s' is not NAME=SOURCE",
                             texts->items[i]);
        }
        b->named_names[i] = xstrndup(texts->items[i], n);
        b->named[i].fd = -1;
        b->named_count++;
        if (str_starts(source, "docker-image://")) {
            continue;
        }
        if (strstr(source, "://")) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "--build-context: '%s' is neither a folder nor docker-image://",
                             source);
        }
        int r = context_open(source, &b->named[i], err);
        r = r < 0 ? r : context_read_ignore(&b->named[i], NULL, err);
        if (r < 0) {
            return error_wrap(err, r, "--build-context '%s'", b->named_names[i]);
        }
        context_open_caches(&b->named[i], b->engine.data_dir);
    }
    return 0;
}

static int read_epoch(struct build *b, struct error **err)
{
    const char *text = pair_value(&b->build_args, "SOURCE_DATE_EPOCH");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    b->epoch = -1;
    if (text && *text) {
        if (str_to_i64(text, 10, &b->epoch) < 0 || b->epoch < 0) {
            return error_set(err, ERROR_USAGE, 0,
                             "SOURCE_DATE_EPOCH is seconds since 1970, not '%s'", text);
        }
        now = (struct timespec){.tv_sec = b->epoch};
    }
    time_text(&now, b->created);
    char *dot = strchr(b->created, '.');
    if (b->epoch >= 0 && dot) { /* whole seconds, as others write it */
        memcpy(dot, "Z", 2);
    }
    return 0;
}

static int read_platforms(struct build *b, struct error **err)
{
    const struct strv *list = &b->options->platforms;
    platform_host(&b->host);
    b->target = b->host;
    for (size_t i = 0; i < list->count; i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, list->items[i], ',');
        for (size_t n = 0; n < parts.count; n++) {
            int r = platform_parse(parts.items[n], &b->target, err);
            if (r < 0) {
                return r;
            }
            CLEANUP(free) char *text = platform_text(&b->target);
            if (!strv_contains(&b->platforms, text)) {
                strv_add(&b->platforms, text);
            }
        }
    }
    if (!b->platforms.count) {
        strv_add_take(&b->platforms, platform_text(&b->target));
    }
    return platform_parse(b->platforms.items[0], &b->target, err);
}

int prepare_build(struct build *b, const char *context, struct error **err)
{
    bool is_file = false;
    time_now_text(b->began);
    int r = recover_builds(&b->engine, err);
    b->at_work = r;
    if (r < 0 || (r = read_platforms(b, err)) < 0 || (r = make_run_folder(b, err)) < 0 ||
        (r = hold_store(b, err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < b->options->secrets.count && r >= 0; i++) {
        r = read_secret(b, b->options->secrets.items[i], err);
    }
    r = r < 0 ? r : open_context(b, context, &is_file, err);
    r = r < 0 ? r : open_named(b, err);
    r = r < 0 ? r : read_dockerfile(b, is_file, err);
    if (r >= 0 && b->context.fd >= 0 && !b->context.temporary) {
        context_open_caches(&b->context, b->engine.data_dir);
    }
    return r < 0 ? r : 0;
}

/* What the platform before left. */
static void clear_graph(struct build *b)
{
    progress_free(take_ptr(b->progress));
    for (size_t i = 0; i < b->stage_count; i++) {
        stage_done(&b->stages[i]);
    }
    free(take_ptr(b->stages));
    if (b->squashed) {
        step_done(b->squashed);
        free(take_ptr(b->squashed));
    }
    strv_done(&b->global_args);
    b->global_args = (struct strv){0};
    b->stage_count = 0; /* steps are numbered on: their folders are named so */
}

int prepare_platform(struct build *b, const char *platform, struct error **err)
{
    clear_graph(b);
    int r = platform_parse(platform, &b->target, err);
    r = r < 0 ? r : graph_make(b, err);
    r = r < 0 ? r : read_epoch(b, err);
    return r < 0 ? r : graph_need(b, b->target_stage, err);
}

void build_done(struct build *b)
{
    clear_graph(b);
    network_free(b, b->network);
    sealer_stop(b->sealer);
    for (size_t i = 0; i < b->named_count; i++) {
        context_done(&b->named[i]);
        free(b->named_names[i]);
    }
    for (size_t i = 0; i < b->secret_count; i++) {
        explicit_bzero(b->secrets[i].value, b->secrets[i].len);
        free(b->secrets[i].value);
        free(b->secrets[i].id);
    }
    free(b->secrets);
    free(b->named);
    free(b->named_names);
    context_done(&b->context);
    dockerfile_done(&b->file);
    strv_done(&b->build_args);
    strv_done(&b->used_args);
    strv_done(&b->platforms);
    strv_done(&b->warnings);
    elsewhere_free(b->elsewhere);
    if (b->run_dir) {
        IGNORE(remove_tree(AT_FDCWD, b->run_dir, NULL)); /* swept by the next build else */
    }
    fd_close(b->run_lock);
    fd_close(b->store_lock);
    fd_close(b->at_work);
    free(b->run_dir);
    free(b->id);
}
