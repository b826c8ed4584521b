// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/name_index.h"

struct names { /* all names, by ID: {"<hex>": ["docker.io/library/nginx:latest", …]} */
    json_t *by_hex;
};

static int note_name(void *context, const char *reference, const char *hex)
{
    struct names *n = context;
    json_t *list = json_object_get(n->by_hex, hex);
    if (!list) {
        list = json_array();
        json_object_set_new(n->by_hex, hex, list);
    }
    json_array_append_new(list, json_string(reference));
    return 0;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_texts(struct strv *v)
{
    if (v->count) {
        qsort(v->items, v->count, sizeof(*v->items), compare_text);
    }
}

static void fill_names(struct image_entry *e, const json_t *list)
{
    size_t i;
    json_t *name;
    json_array_foreach(list, i, name)
    {
        const char *text = json_string_value(name);
        strv_add(strchr(text, '@') ? &e->digests : &e->tags, text);
    }
    sort_texts(&e->tags);
    sort_texts(&e->digests);
}

/* 1: read, 0: it vanished meanwhile. */
static int read_entry(int store, const char *hex, const struct names *names, struct image_entry *e,
                      struct error **err)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *why = NULL;
    int r = json_load_path(store, path, (size_t)1 << 20, &json, &why);
    if (r == -ENOENT) {
        return 0;
    }
    if (r < 0) {
        return error_move(err, &why, r);
    }
    const char *manifest = "", *created = NULL;
    if ((r = json_get_str(json, "manifest", path, &manifest, err)) < 0 ||
        (r = json_get_str(json, "created", path, &created, err)) < 0 ||
        (r = json_get_i64(json, "size", path, 0, INT64_MAX, &e->size_bytes, err)) < 0) {
        return r;
    }
    e->id = str_format("sha256:%s", hex);
    e->manifest_digest = xstrdup(manifest);
    e->created = xstrdup(created);
    fill_names(e, json_object_get(names->by_hex, hex));
    return 1;
}

static int compare_created(const void *a, const void *b)
{
    const struct image_entry *x = a, *y = b;
    int order = strcmp(str_or(y->created, ""), str_or(x->created, ""));
    return order ? order : strcmp(x->id, y->id);
}

static int list_hexes(int store, struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = list_folder(store, "ids", &names, err);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (strlen(name) == DIGEST_HEX_DIGITS + strlen(".json") && str_ends(name, ".json")) {
            strv_add_take(ret, xstrndup(name, DIGEST_HEX_DIGITS));
        }
    }
    return r;
}

int image_list(const char *data_dir, struct image_entry **ret, size_t *ret_count,
               struct error **err)
{
    *ret = NULL;
    *ret_count = 0;
    CLEANUP(free) char *path = layout_store_path(data_dir);
    CLEANUP(fd) int store = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store < 0) {
        int code = errno;
        return code == ENOENT ? 0
                              : error_set_errno(err, code == EACCES ? ERROR_DENIED : ERROR_KERNEL,
                                                code, "opening the image store '%s'", path);
    }
    CLEANUP(strv) struct strv hexes = {0};
    CLEANUP(json) json_t *by_hex = json_object();
    struct names names = {by_hex};
    int r = list_hexes(store, &hexes, err);
    if (r >= 0) {
        r = layout_each_name(store, note_name, &names, err);
    }
    size_t count = 0;
    CLEANUP(json) json_t *members = NULL;
    r = r < 0 ? r : name_index_members(store, &members, err);
    struct image_entry *list = xcalloc(hexes.count, sizeof(*list));
    for (size_t i = 0; i < hexes.count && r >= 0; i++) {
        const char *hex = hexes.items[i];
        if (json_object_get(members, hex) && !json_object_get(by_hex, hex)) {
            continue; /* of another platform, behind the name of its index */
        }
        r = read_entry(store, hexes.items[i], &names, &list[count], err);
        count += r > 0;
    }
    if (r < 0) {
        image_list_free(list, hexes.count);
        return r;
    }
    qsort(list, count, sizeof(*list), compare_created);
    *ret = list;
    *ret_count = count;
    return 0;
}

void image_list_free(struct image_entry *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].id);
        free(list[i].manifest_digest);
        free(list[i].created);
        strv_done(&list[i].tags);
        strv_done(&list[i].digests);
    }
    free(list);
}
