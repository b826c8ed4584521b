// SPDX-License-Identifier: Apache-2.0
/* build-worker: what one `cloison build` needs of the image store, for as long as it runs. Over a
 * stream socket, a JSON object a line; first {"tmp": folder}, below which steps write. Then
 * requests, each {"id", "op", …}, and for each an answer, {"id", …} or {"id", "error": {…}}: seal
 * {"folder", "newest"}: hashes and compresses <tmp>/<folder>/diff, in a thread.
 *             {"diffID", "blob", "blobSize", "tarSize", "size", "mediaType"}
 *     commit  {"layers": [{"chain"} | {"folder"}], "config"?, "names": […], "annotations"?}:
 *             layers get their names; with a config, the image too. {"chains": […], "image"?}
 *     fetch   {"url", "to", "checksum"?}: a file for ADD, in a thread. {"digest", "modified"}
 *     import  {"parents": [chains], "path", "blob", "diffID"}: a layer of another cache, whose blob
 *             may be anybody's. {"chain"}
 *     index   {"images": […], "names": […]}: an index of images, see make_index.h. {"index":
 *             digest}
 *     blob    {"digest"}: is there as a file when this is answered, see deferred.h.
 * The socket's end ends it: what was not committed goes with the temporary folder. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/error_json.h"
#include "image/image.h"
#include "image/store/add.h"
#include "image/store/changes.h"
#include "image/store/deferred.h"
#include "image/store/fetch.h"
#include "image/store/layer_import.h"
#include "image/store/make_index.h"
#include "image/store/seal.h"
#include "image/store/verbs.h"

#define LINE_BYTES_MAX ((size_t)16 << 20)

struct sealed {
    char *folder;
    struct layer layer;
    struct sealed *next;
};

struct worker {
    struct store *store; /* borrowed */
    int sock;
    const char *config_path;
    pthread_mutex_t lock; /* of what follows, and of writing to the socket */
    pthread_cond_t ended;
    struct sealed *sealed;
    size_t threads;
};

struct task { /* of a thread */
    struct worker *worker;
    json_t *request;
};

static void reply(struct worker *w, json_int_t id, json_t *answer, struct error *e)
{
    CLEANUP(json) json_t *json = answer ? answer : json_object();
    json_object_set_new(json, "id", json_integer(id));
    if (e) {
        json_object_set_new(json, "error", error_to_json(e));
    }
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    CLEANUP(free) char *line = str_format("%s\n", str_or(text, "{}"));
    pthread_mutex_lock(&w->lock);
    (void)write_all(w->sock, line, strlen(line)); /* who has gone needs no answer */
    pthread_mutex_unlock(&w->lock);
}

static json_t *layer_json(const struct layer *l)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "diffID", l->diff_id, "blob", l->digest,
                     "blobSize", (json_int_t)l->blob_size, "tarSize", (json_int_t)l->tar_size,
                     "size", (json_int_t)l->size, "mediaType", l->media_type);
}

static int seal(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    const char *folder = "";
    int64_t newest = -1;
    struct sealed *s = xcalloc(1, sizeof(*s));
    int r = json_get_str(q, "folder", "request", &folder, err);
    r = r < 0 ? r : json_get_i64(q, "newest", "request", -1, INT64_MAX, &newest, err);
    r = r < 0 ? r : layer_seal(w->store, folder, newest, &s->layer, err);
    if (r < 0) {
        free(s);
        return r;
    }
    s->folder = xstrdup(folder);
    *ret = layer_json(&s->layer);
    pthread_mutex_lock(&w->lock);
    s->next = w->sealed;
    w->sealed = s;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

static int fetch(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    struct fetch f = {.config_path = w->config_path};
    int r = json_get_str(q, "url", "request", &f.url, err);
    r = r < 0 ? r : json_get_str(q, "to", "request", &f.to, err);
    r = r < 0 ? r : json_get_str(q, "checksum", "request", &f.checksum, err);
    r = r < 0 ? r : fetch_file(&f, err);
    if (r >= 0) {
        *ret = json_pack("{s:s, s:I}", "digest", f.digest, "modified", (json_int_t)f.modified);
    }
    return r;
}

static void *run_task(void *context)
{
    struct task *t = context;
    struct worker *w = t->worker;
    CLEANUP(error) struct error *err = NULL;
    json_t *answer = NULL;
    const char *op = json_string_value(json_object_get(t->request, "op"));
    IGNORE((str_equal(op, "seal") ? seal : fetch)(w, t->request, &answer, &err) < 0); /* told */
    reply(w, json_integer_value(json_object_get(t->request, "id")), answer, err);
    json_decref(t->request);
    free(t);
    pthread_mutex_lock(&w->lock);
    w->threads--;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void begin_task(struct worker *w, const json_t *q)
{
    struct task *t = xcalloc(1, sizeof(*t));
    pthread_t thread;
    *t = (struct task){w, json_deep_copy(q)}; /* jansson counts references without locks */
    pthread_mutex_lock(&w->lock);
    w->threads++;
    pthread_mutex_unlock(&w->lock);
    if (pthread_create(&thread, NULL, run_task, t) == 0) {
        (void)pthread_detach(thread); /* valid; await_tasks() waits */
    } else {
        run_task(t);
    }
}

static void await_tasks(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->threads) {
        pthread_cond_wait(&w->ended, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static struct sealed *find_sealed(struct worker *w, const char *folder)
{
    pthread_mutex_lock(&w->lock);
    struct sealed *s = w->sealed;
    while (s && !str_equal(s->folder, folder)) {
        s = s->next;
    }
    pthread_mutex_unlock(&w->lock);
    return s;
}

/* A layer of the request: the store's, or one that was sealed here. Paths and lists move over. */
static int take_layer(struct worker *w, const json_t *item, struct layer *ret,
                      struct sealed **ret_sealed, struct error **err)
{
    const char *chain = json_string_value(json_object_get(item, "chain"));
    const char *folder = json_string_value(json_object_get(item, "folder"));
    if (folder) {
        struct sealed *s = find_sealed(w, folder);
        if (!s) {
            return error_set(err, ERROR_INTERNAL, 0, "'%s' was not sealed", folder);
        }
        *ret = s->layer;
        *ret_sealed = s;
        return 0;
    }
    return chain && digest_is_valid(chain) && layer_find(w->store, chain, ret)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0, "the layer '%s' is not in the store",
                           str_or(chain, ""));
}

static int read_names(const json_t *q, struct reference **ret, size_t *ret_count,
                      struct error **err)
{
    CLEANUP(strv) struct strv texts = {0};
    int r = json_get_strv(q, "names", "request", &texts, err);
    *ret = xcalloc(texts.count, sizeof(**ret));
    for (size_t i = 0; i < texts.count && r >= 0; i++) {
        r = change_read_reference(texts.items[i], &(*ret)[i], err);
        *ret_count += r >= 0;
    }
    return r < 0 ? r : 0;
}

static int keep(struct worker *w, const json_t *q, struct image_draft *d, char **ret_image,
                struct error **err)
{
    json_t *annotations = NULL;
    int r = json_get_str(q, "config", "request", &d->config, err);
    r = r < 0 ? r : json_get_object(q, "annotations", "request", &annotations, err);
    if (r < 0) {
        return r;
    }
    if (!d->config) {
        return layers_commit(w->store, d->layers, d->layer_count, err);
    }
    d->config_len = strlen(d->config);
    d->annotations = annotations;
    return image_add(w->store, d, ret_image, err);
}

static int commit(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    json_t *list = NULL, *item;
    size_t i;
    struct reference *names = NULL;
    size_t name_count = 0;
    CLEANUP(free) char *image = NULL;
    int r = json_get_array(q, "layers", "request", &list, err);
    if (r >= 0 && json_array_size(list) > IMAGE_LAYERS_MAX) {
        r = error_set(err, ERROR_UNSUPPORTED, E2BIG, "an image has at most %d layers, not %zu",
                      IMAGE_LAYERS_MAX, json_array_size(list));
    }
    size_t count = json_array_size(list);
    CLEANUP(free) struct layer *layers = xcalloc(count, sizeof(*layers));
    CLEANUP(free) struct sealed **from = xcalloc(count, sizeof(*from));
    json_array_foreach(list, i, item)
    {
        r = r < 0 ? r : take_layer(w, item, &layers[i], &from[i], err);
    }
    r = r < 0 ? r : read_names(q, &names, &name_count, err);
    struct image_draft d = {
        .layers = layers, .layer_count = count, .names = names, .name_count = name_count};
    r = r < 0 ? r : keep(w, q, &d, &image, err);
    json_t *chains = json_array();
    for (i = 0; i < count; i++) {
        if (from[i]) {
            from[i]->layer = layers[i]; /* what is left of it */
        }
        json_array_append_new(chains, json_string(layers[i].chain_id));
    }
    for (i = 0; i < name_count; i++) {
        reference_done(&names[i]);
    }
    free(names);
    *ret = json_pack("{s:o, s:s?}", "chains", chains, "image", image);
    return r < 0 ? r : 0;
}

static int make_index(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    json_t *images = NULL;
    struct reference *names = NULL;
    size_t count = 0;
    char digest[DIGEST_TEXT_BYTES];
    int r = json_get_array(q, "images", "request", &images, err);
    r = r < 0 ? r : read_names(q, &names, &count, err);
    r = r < 0 ? r : index_make(w->store, images, names, count, digest, err);
    for (size_t i = 0; i < count; i++) {
        reference_done(&names[i]);
    }
    free(names);
    *ret = r < 0 ? NULL : json_pack("{s:s}", "index", digest);
    return r < 0 ? r : 0;
}

static int make_blob(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    const char *digest = "";
    int r = json_get_str(q, "digest", "request", &digest, err);
    if (r >= 0 && !digest_is_valid(digest)) {
        r = error_set(err, ERROR_INTERNAL, EINVAL, "'%s' is no digest", digest);
    }
    CLEANUP(fd) int fd = r < 0 ? -1 : blob_open(w->store, digest, err);
    *ret = NULL;
    return r < 0 ? r : fd < 0 ? fd : 0;
}

/* Unpacked by the confined process: who wrote the blob is not known. */
static int import(struct worker *w, const json_t *q, json_t **ret, struct error **err)
{
    const char *path = "";
    struct layer_import i = {.config_path = w->config_path};
    int r = layer_import_read(q, &i, err);
    r = r < 0 ? r : json_get_str(q, "path", "request", &path, err);
    CLEANUP(fd) int fd = r < 0 ? -1 : open_file(AT_FDCWD, path, O_RDONLY, 0, err);
    if (fd >= 0) {
        CLEANUP(source_fd) struct source_fd source;
        source_fd_init(&source, fd, path);
        r = layer_import(w->store, &i, &source.base, path, err);
        *ret = json_pack("{s:s}", "chain", i.chain_id);
    }
    strv_done(&i.parents);
    return r < 0 ? r : fd < 0 ? fd : 0;
}

static void serve(struct worker *w, const char *line, size_t len)
{
    CLEANUP(json) json_t *q = NULL;
    CLEANUP(error) struct error *err = NULL;
    if (json_parse(line, len, "request", &q, &err) < 0) {
        reply(w, 0, NULL, err);
        return;
    }
    const char *op = json_string_value(json_object_get(q, "op"));
    if (str_equal(op, "seal") || str_equal(op, "fetch")) {
        if (op[0] == 'f') {
            (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* not while threads use it; counted */
        }
        begin_task(w, q);
        return;
    }
    static const struct {
        const char *op;
        int (*run)(struct worker *w, const json_t *q, json_t **ret, struct error **err);
    } ops[] = {{"commit", commit}, {"import", import}, {"index", make_index}, {"blob", make_blob}};
    json_t *answer = NULL;
    int r = 1;
    for (size_t i = 0; i < ARRAY_SIZE(ops) && r == 1; i++) {
        r = str_equal(op, ops[i].op) ? ops[i].run(w, q, &answer, &err) : 1; /* failures are told */
    }
    if (r == 1) {
        IGNORE(
            error_set(&err, ERROR_INTERNAL, 0, "build-worker does not know '%s'", str_or(op, "")));
    }
    reply(w, json_integer_value(json_object_get(q, "id")), answer, err);
}

static void serve_all(struct worker *w)
{
    CLEANUP(strbuf) struct strbuf in = {.max = LINE_BYTES_MAX};
    char block[65536];
    ssize_t n;
    while ((n = read(w->sock, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR)) {
        strbuf_add(&in, block, n < 0 ? 0 : (size_t)n);
        char *end;
        while (in.len && (end = memchr(in.data, '\n', in.len))) {
            size_t len = (size_t)(end - in.data);
            serve(w, in.data, len);
            memmove(in.data, in.data + len + 1, in.len - len - 1);
            in.len -= len + 1;
        }
        if (in.overflow) {
            break;
        }
    }
}

int verb_build_worker(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    int64_t sock = -1;
    bool imports = false;
    int r = json_get_i64(request->json, "socket", "request", 0, 1023, &sock, err);
    r = r < 0 ? r : json_get_bool(request->json, "import", "request", &imports, err);
    r = r < 0 ? r : store_open(request->data_dir, &s, err);
    r = r < 0 || !imports ? r : store_start_unpacker(&s, true, err);
    if (r < 0) {
        return r;
    }
    struct worker w = {.store = &s,
                       .sock = (int)sock,
                       .config_path = request->config_path,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .ended = PTHREAD_COND_INITIALIZER};
    (void)fcntl(w.sock, F_SETFD, FD_CLOEXEC);
    CLEANUP(free) char *hello = str_format("{\"tmp\":\"%s/%s\"}\n", s.path, s.tmp);
    (void)write_all(w.sock, hello, strlen(hello));
    serve_all(&w);
    await_tasks(&w);
    while (w.sealed) {
        struct sealed *next = w.sealed->next;
        layer_done(&w.sealed->layer);
        free(w.sealed->folder);
        free(w.sealed);
        w.sealed = next;
    }
    return 0;
}
