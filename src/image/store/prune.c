// SPDX-License-Identifier: Apache-2.0
/* prune: images that nobody uses go; those without a tag, or all. */
#include <stdio.h>

#include "base/human.h"
#include "image/filter.h"
#include "image/store/removal.h"
#include "image/store/users.h"
#include "image/store/verbs.h"

struct prune {
    struct store *store;
    struct image_filter filter;
    bool all;
    bool any; /* something went */
};

/* Whether the image is of those to go, looked at under the lock of names. */
static int is_to_go(struct prune *p, const struct image_entry *e, struct error **err)
{
    CLEANUP(strv) struct strv tags = {0};
    CLEANUP(free) char *user = NULL;
    int r = p->all || !e->tags.count;
    r = r ? image_filter_fits(&p->filter, e, &tags, err) : 0;
    if (r <= 0) {
        return r;
    }
    r = image_user(p->store->data_dir, digest_hex(e->id), &user, err);
    return r < 0 ? r : r == 0;
}

static int prune_one(struct prune *p, const struct image_entry *e, struct error **err)
{
    CLEANUP(removal) struct removal removal = {0};
    int r = removal_of(p->store, digest_hex(e->id), &removal, err);
    if (r < 0) {
        return r;
    }
    if (!p->any) {
        printf("Deleted Images:\n");
        p->any = true;
    }
    removal.lower_case = true;
    return removal_delete(p->store, &removal, err);
}

/* The list is read under the lock: no name can have come or gone since. */
static int prune_images(struct prune *p, struct error **err)
{
    struct image_entry *list = NULL;
    size_t count = 0;
    CLEANUP(fd) int lock = store_lock_names(p->store, err);
    int r = lock < 0 ? lock : image_list(p->store->data_dir, &list, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = is_to_go(p, &list[i], err);
        r = r > 0 ? prune_one(p, &list[i], err) : r;
    }
    image_list_free(list, count);
    return r;
}

int verb_prune(const struct verb_request *request, struct error **err)
{
    CLEANUP(strv) struct strv filters = {0};
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    struct prune p = {.store = &s};
    int64_t freed = 0, before = 0;
    int r;
    if ((r = json_get_strv(request->json, "filters", "request", &filters, err)) < 0 ||
        (r = json_get_bool(request->json, "all", "request", &p.all, err)) < 0 ||
        (r = json_get_i64(request->json, "freed", "request", 0, INT64_MAX, &before, err)) < 0 ||
        (r = store_open_to_remove(request->data_dir, &s, err)) < 0) {
        return r;
    }
    r = image_filter_parse(request->data_dir, &filters, &p.filter, err);
    if (r >= 0) {
        r = prune_images(&p, err);
    }
    image_filter_done(&p.filter);
    if (r >= 0) {
        r = store_unused_bytes(&s, &freed, err);
    }
    if (r >= 0) {
        store_want_sweep(&s); /* also what killed commands have left */
        CLEANUP(free) char *size = human_size(before + freed);
        printf("%sTotal reclaimed space: %s\n", p.any ? "\n" : "", size);
    }
    return r < 0 ? r : 0;
}
