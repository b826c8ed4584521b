// SPDX-License-Identifier: Apache-2.0
/* tags: what a repository has. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "image/reference.h"
#include "image/registry/registry.h"
#include "image/store/verbs.h"

#define PAGE_BYTES_MAX ((size_t)16 << 20)
#define PAGES_MAX 10000 /* a registry whose last page leads to the first ends here */

int registry_tags(struct registry *r, struct strv *ret, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(free) char *path = xstrdup("tags/list");
    for (int pages = 0; path && pages < PAGES_MAX; pages++) {
        CLEANUP(http_response) struct http_response answer = {0};
        CLEANUP(json) json_t *json = NULL;
        int e;
        if ((e = registry_get(r, h, path, NULL, PAGE_BYTES_MAX, &answer, err)) < 0 ||
            (e = json_parse(str_or(answer.body.data, ""), answer.body.len, "the list of tags",
                            &json, err)) < 0 ||
            (e = json_get_strv(json, "tags", "the list of tags", ret, err)) < 0) {
            return e;
        }
        free(path);
        path = answer.link ? link_next(answer.link) : NULL;
    }
    return 0;
}

static int list(void *context, struct registry *r, struct error **err)
{
    struct strv *tags = context;
    strv_done(tags); /* of an address before that failed in the middle */
    return registry_tags(r, tags, err);
}

int verb_tags(const struct verb_request *request, struct error **err)
{
    const char *name = "";
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(strv) struct strv tags = {0};
    int r;
    if ((r = json_get_str(request->json, "reference", "request", &name, err)) < 0 ||
        (r = reference_parse(name, &ref, err)) < 0) {
        return r;
    }
    if (ref.digest || strrchr(name, ':') > strrchr(name, '/')) {
        return error_set(err, ERROR_USAGE, 0, "tags: a tag or digest is named in '%s'", name);
    }
    r = registry_at_each(request->config_path, ref.registry, ref.repository, REGISTRY_MIRRORS, list,
                         &tags, err);
    for (size_t i = 0; i < tags.count && r >= 0; i++) {
        str_replace_control(tags.items[i]);
        printf("%s\n", tags.items[i]);
    }
    return r < 0 ? error_wrap(err, r, "the tags of '%s'", name) : 0;
}
