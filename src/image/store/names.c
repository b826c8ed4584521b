// SPDX-License-Identifier: Apache-2.0
/* tag and rmi: names given and taken; an image goes with its last name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/name_index.h"
#include "image/store/add.h"
#include "image/store/removal.h"
#include "image/store/users.h"
#include "image/store/verbs.h"

/* A name for the whole index where the source is one. */
static int set_alike(struct store *s, const char *source, const struct reference *name,
                     const struct image *i, struct error **err)
{
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(name_index) struct name_index of = {0};
    return i->name && reference_parse(source, &ref, NULL) >= 0 &&
                   name_index_read(s->fd, &ref, &of) > 0
               ? name_set_index(s, name, i->id, of.digest, of.members, err)
               : name_set(s, name, i->id, err);
}

int verb_tag(const struct verb_request *request, struct error **err)
{
    const char *source = "", *target = "";
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    int r;
    if ((r = json_get_str(request->json, "source", "request", &source, err)) < 0 ||
        (r = json_get_str(request->json, "target", "request", &target, err)) < 0 ||
        (r = reference_parse(target, &name, err)) < 0) {
        return r;
    }
    if (name.digest) {
        return error_set(err, ERROR_USAGE, 0, "refusing to create a tag with a digest reference");
    }
    if ((r = image_resolve(request->data_dir, source, &i, err)) < 0 ||
        (r = store_open(request->data_dir, &s, err)) < 0) {
        return r;
    }
    return set_alike(&s, source, &name, i, err);
}

/* The digest names of a repository go with its last tag. */
static int untag_one(struct store *s, const struct removal *n, const char *full, struct error **err)
{
    CLEANUP(free) char *repository = xstrndup(full, strcspn(full, "@"));
    char *colon = strrchr(repository, ':');
    if (colon && !strchr(colon, '/')) {
        *colon = '\0';
    }
    size_t len = strlen(repository), others = 0;
    for (size_t i = 0; i < n->tags.count; i++) {
        others += str_starts(n->tags.items[i], repository) && n->tags.items[i][len] == ':';
    }
    int r = removal_untag(s, n, full, err);
    for (size_t i = 0; i < n->digests.count && r >= 0 && others <= 1; i++) {
        const char *digest = n->digests.items[i];
        if (str_starts(digest, repository) && digest[len] == '@' && !str_equal(digest, full)) {
            r = removal_untag(s, n, digest, err);
        }
    }
    return r;
}

/* How many repositories the tags are of. */
static bool in_one_repository(const struct strv *tags)
{
    for (size_t i = 1; i < tags->count; i++) {
        size_t len = (size_t)(strrchr(tags->items[0], ':') - tags->items[0]);
        if (strncmp(tags->items[0], tags->items[i], len + 1) != 0 ||
            strchr(tags->items[i] + len + 1, ':')) {
            return false;
        }
    }
    return true;
}

static int check_users(struct store *s, const char *name, const char *hex, bool force,
                       struct error **err)
{
    CLEANUP(free) char *user = NULL;
    int r = image_user(s->data_dir, hex, &user, err);
    if (r <= 0 || force) {
        return r < 0 ? r : 0;
    }
    r = error_set(err, ERROR_BUSY, 0, "cannot remove image '%s': in use by container '%s'", name,
                  user);
    return error_hint(err, r, "remove the container first, or use --force");
}

/* The full reference by which the image was named; NULL: by its ID. */
static char *named_as(const struct image *i, const char *text)
{
    CLEANUP(reference) struct reference r = {0};
    if (!i->name || reference_parse(text, &r, NULL) < 0) {
        return NULL;
    }
    if (r.digest) { /* the digest alone is in the name */
        free(take_ptr(r.tag));
    }
    return reference_full(&r);
}

/* By force also what cannot be read any more: with all its names. */
static int remove_damaged(struct store *s, const char *text, struct error **why, struct error **err)
{
    CLEANUP(removal) struct removal n = {0};
    char hex[DIGEST_HEX_DIGITS + 1];
    if (removal_find(s, text, hex) <= 0) {
        return error_move(err, why, -(*why)->code);
    }
    int r = removal_of(s, hex, &n, err);
    return r < 0 ? r : removal_delete(s, &n, err);
}

struct removal_request {
    struct strv names, platforms;
    bool force;
};

/* Images that only the index of a name that has gone named. */
static int remove_members(struct store *s, const struct name_index *of, struct error **err)
{
    CLEANUP(json) json_t *others = NULL;
    const char *platform;
    json_t *member;
    int r = name_index_members(s->fd, &others, err);
    json_object_foreach(of->members, platform, member)
    {
        CLEANUP(removal) struct removal n = {0};
        const char *hex = json_string_value(member);
        CLEANUP(free) char *path = layout_id(str_or(hex, ""));
        CLEANUP(free) char *user = NULL;
        if (r < 0 || !hex || json_object_get(others, hex) || faccessat(s->fd, path, F_OK, 0) < 0) {
            continue;
        }
        r = removal_of(s, hex, &n, err);
        r = r < 0 || n.tags.count || n.digests.count ? r : image_user(s->data_dir, hex, &user, err);
        if (r >= 0 && !user && !n.tags.count && !n.digests.count) {
            r = removal_delete(s, &n, err);
        }
    }
    return r;
}

static int remove_one(struct store *s, const char *text, const struct removal_request *q,
                      struct error **err)
{
    CLEANUP(removal) struct removal n = {0};
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(fd) int lock = store_lock_names(s, err);
    if (lock < 0) {
        return lock;
    }
    int r = image_resolve(s->data_dir, text, &i, &why);
    if (r < 0) {
        return q->force ? remove_damaged(s, text, &why, err) : error_move(err, &why, r);
    }
    CLEANUP(free) char *as = named_as(i, text);
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(name_index) struct name_index of = {0};
    bool indexed =
        as && reference_parse(as, &ref, NULL) >= 0 && name_index_read(s->fd, &ref, &of) > 0;
    r = image_check_platforms(i, text, &q->platforms, err);
    r = r < 0 ? r : removal_of(s, digest_hex(i->id), &n, err);
    bool others = n.tags.count > 1 || (n.tags.count == 1 && as && strchr(as, '@'));
    if (r >= 0 && as && others) {
        r = untag_one(s, &n, as, err);
    } else if (r >= 0 && !as && !q->force && !in_one_repository(&n.tags)) {
        r = error_set(err, ERROR_BUSY, 0,
                      "cannot remove image '%s': it has names in several repositories", text);
        error_hint(err, r, "remove the names one by one, or use --force");
    } else if (r >= 0) {
        r = check_users(s, text, digest_hex(i->id), q->force, err);
        r = r < 0 ? r : removal_delete(s, &n, err);
    }
    return r < 0 || !indexed ? r : remove_members(s, &of, err);
}

static int remove_all(struct store *s, const struct removal_request *q, struct error **err)
{
    int worst = 0;
    for (size_t i = 0; i < q->names.count; i++) {
        CLEANUP(error) struct error *why = NULL;
        int r = remove_one(s, q->names.items[i], q, &why);
        bool ignored = r < 0 && q->force && why->kind == ERROR_NOT_FOUND;
        if (r < 0 && !ignored && i + 1 == q->names.count) {
            return error_move(err, &why, r);
        }
        if (r < 0) {        /* the others are still to be removed; main() prints one error only */
            fflush(stdout); /* in the order in which it happened */
            error_print(why, stderr);
            worst = ignored ? worst : 1;
        }
    }
    return worst;
}

int verb_rmi(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    struct removal_request q = {0};
    int r;
    if ((r = json_get_strv(request->json, "images", "request", &q.names, err)) >= 0 &&
        (r = json_get_strv(request->json, "platforms", "request", &q.platforms, err)) >= 0 &&
        (r = json_get_bool(request->json, "force", "request", &q.force, err)) >= 0 &&
        (r = store_open_to_remove(request->data_dir, &s, err)) >= 0) {
        r = remove_all(&s, &q, err);
    }
    strv_done(&q.names);
    strv_done(&q.platforms);
    return r;
}
