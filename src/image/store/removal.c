// SPDX-License-Identifier: Apache-2.0
#include "image/store/removal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/layout.h"
#include "image/store/add.h"

#define ID_DIGITS_MIN 8

static bool find_by_name(struct store *s, const char *text, char hex[DIGEST_HEX_DIGITS + 1])
{
    CLEANUP(reference) struct reference r = {0};
    char target[1024];
    if (reference_parse(text, &r, NULL) < 0) {
        return false;
    }
    CLEANUP(free) char *path = layout_name(&r);
    ssize_t n = readlinkat(s->fd, path, target, sizeof(target) - 1);
    target[n < 0 ? 0 : n] = '\0';
    return n > 0 && layout_target_hex(target, hex);
}

int removal_find(struct store *s, const char *text, char ret_hex[DIGEST_HEX_DIGITS + 1])
{
    const char *id = str_starts(text, "sha256:") ? text + strlen("sha256:") : text;
    CLEANUP(strv) struct strv files = {0};
    int found = 0;
    if (find_by_name(s, text, ret_hex)) {
        return 1;
    }
    if (strlen(id) < ID_DIGITS_MIN || list_folder(s->fd, "ids", &files, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < files.count; i++) {
        CLEANUP(free) char *target = str_format("/%s", files.items[i]);
        found += str_starts(files.items[i], id) && layout_target_hex(target, ret_hex);
    }
    return found == 1;
}

static int note_own(void *context, const char *reference, const char *hex)
{
    struct removal *r = context;
    if (str_equal(r->hex, hex)) {
        strv_add(strchr(reference, '@') ? &r->digests : &r->tags, reference);
    }
    return 0;
}

int removal_of(struct store *s, const char *hex, struct removal *ret, struct error **err)
{
    *ret = (struct removal){.hex = hex};
    return layout_each_name(s->fd, note_own, ret, err);
}

void removal_done(struct removal *r)
{
    strv_done(&r->tags);
    strv_done(&r->digests);
}

int removal_untag(struct store *s, const struct removal *r, const char *full, struct error **err)
{
    CLEANUP(reference) struct reference name = {0};
    int e = reference_parse(full, &name, err);
    if (e >= 0) {
        e = name_remove(s, &name, err);
    }
    if (e > 0) {
        CLEANUP(free) char *familiar = reference_familiar(&name);
        printf("%s: %s\n", r->lower_case ? "untagged" : "Untagged", familiar);
    }
    return e;
}

static int untag_all(struct store *s, const struct removal *r, const struct strv *names,
                     struct error **err)
{
    int e = 0;
    for (size_t i = 0; i < names->count && e >= 0; i++) {
        e = removal_untag(s, r, names->items[i], err);
    }
    return e;
}

int removal_delete(struct store *s, const struct removal *r, struct error **err)
{
    int e = untag_all(s, r, &r->tags, err);
    if (e >= 0) {
        e = untag_all(s, r, &r->digests, err);
    }
    CLEANUP(free) char *path = layout_id(r->hex);
    if (e >= 0 && unlinkat(s->fd, path, 0) < 0 && errno != ENOENT) {
        e = error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", path);
    }
    if (e >= 0) {
        printf("%s: sha256:%s\n", r->lower_case ? "deleted" : "Deleted", r->hex);
        store_want_sweep(s);
    }
    return e;
}
