// SPDX-License-Identifier: Apache-2.0
#include "image/name_index.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "image/layout.h"

#define FILE_BYTES_MAX 65536

char *name_index_path(const struct reference *name)
{
    return name->digest
               ? NULL
               : str_format("names/%s/%s/.index:%s", name->registry, name->repository, name->tag);
}

/* `hex`: the image that the name leads to. */
static int read_file(int store_fd, const struct reference *name, const char *hex,
                     struct name_index *ret)
{
    CLEANUP(free) char *path = name_index_path(name);
    CLEANUP(json) json_t *json = NULL;
    const char *digest = NULL, *image = NULL;
    json_t *members = NULL;
    if (!path || json_load_path(store_fd, path, FILE_BYTES_MAX, &json, NULL) < 0 ||
        json_get_str(json, "index", path, &digest, NULL) <= 0 || !digest_is_valid(digest) ||
        json_get_str(json, "image", path, &image, NULL) <= 0 || !str_equal(image, hex) ||
        json_get_object(json, "members", path, &members, NULL) <= 0) {
        return 0;
    }
    *ret = (struct name_index){xstrdup(digest), xstrdup(image), json_incref(members)};
    return 1;
}

int name_index_read(int store_fd, const struct reference *name, struct name_index *ret)
{
    char target[1024], hex[DIGEST_HEX_DIGITS + 1];
    CLEANUP(free) char *path = layout_name(name);
    ssize_t n = readlinkat(store_fd, path, target, sizeof(target) - 1);
    target[n < 0 ? 0 : n] = '\0';
    return n > 0 && layout_target_hex(target, hex) ? read_file(store_fd, name, hex, ret) : 0;
}

void name_index_done(struct name_index *x)
{
    free(x->digest);
    free(x->image);
    json_decref(x->members);
    *x = (struct name_index){0};
}

const char *name_index_member(const struct name_index *x, const struct platform *wanted)
{
    const char *text;
    json_t *hex;
    json_object_foreach(x->members, text, hex)
    {
        struct platform p;
        if (platform_parse(text, &p, NULL) >= 0 &&
            platform_equal(wanted, p.os, p.architecture, p.variant)) {
            return json_string_value(hex);
        }
    }
    return NULL;
}

struct each {
    int store_fd;
    int (*visit)(void *context, const struct name_index *x);
    void *context;
};

static int visit_name(void *context, const char *reference, const char *hex)
{
    const struct each *e = context;
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(name_index) struct name_index x = {0};
    return reference_parse(reference, &name, NULL) >= 0 && read_file(e->store_fd, &name, hex, &x)
               ? e->visit(e->context, &x)
               : 0;
}

int name_index_each(int store_fd, int (*visit)(void *context, const struct name_index *x),
                    void *context, struct error **err)
{
    struct each e = {store_fd, visit, context};
    return layout_each_name(store_fd, visit_name, &e, err);
}

static int add_members(void *context, const struct name_index *x)
{
    const char *platform;
    json_t *hex;
    json_object_foreach(x->members, platform, hex)
    {
        const char *text = json_string_value(hex);
        if (text) {
            json_object_set_new(context, text, json_true());
        }
    }
    return 0;
}

int name_index_members(int store_fd, json_t **ret, struct error **err)
{
    *ret = json_object();
    return name_index_each(store_fd, add_members, *ret, err);
}
