// SPDX-License-Identifier: Apache-2.0
#include "image/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/file.h"
#include "base/human.h"

static int set_time_of(const char *data_dir, const char *name, char **ret, struct error **err)
{
    CLEANUP(image) struct image *i = NULL;
    int r = image_resolve(data_dir, name, &i, err);
    if (r >= 0) {
        free(*ret);
        *ret = xstrdup(str_or(i->config.created, ""));
    }
    return r;
}

static int parse_time(const char *text, char **ret, struct error **err)
{
    free(*ret);
    *ret = human_moment(text);
    return *ret ? 0 : error_set(err, ERROR_USAGE, 0, "invalid filter 'until=%s': not a time", text);
}

static int parse_dangling(const char *value, struct image_filter *f, struct error **err)
{
    static const char *const yes[] = {"true", "1", "True", "TRUE", "t", "T", NULL};
    static const char *const no[] = {"false", "0", "False", "FALSE", "f", "F", NULL};
    if (!str_in(value, yes) && !str_in(value, no)) {
        return error_set(err, ERROR_USAGE, 0, "invalid filter 'dangling=%s': not a boolean", value);
    }
    f->dangling = str_in(value, yes);
    return 0;
}

static int parse_one(struct image_filter *f, const char *text, struct error **err)
{
    const char *equals = strchr(text, '=');
    if (!equals) {
        return error_set(err, ERROR_USAGE, 0, "invalid filter '%s': it has the form KEY=VALUE",
                         text);
    }
    CLEANUP(free) char *key = xstrndup(text, (size_t)(equals - text));
    const char *value = equals + 1;
    if (str_equal(key, "reference")) {
        strv_add(&f->references, value);
    } else if (str_equal(key, "label")) {
        strv_add(&f->labels, value);
    } else if (str_equal(key, "label!")) {
        strv_add(&f->not_labels, value);
    } else if (str_equal(key, "before")) {
        return set_time_of(f->data_dir, value, &f->before, err);
    } else if (str_equal(key, "since")) {
        return set_time_of(f->data_dir, value, &f->since, err);
    } else if (str_equal(key, "until")) {
        return parse_time(value, &f->before, err);
    } else if (str_equal(key, "dangling")) {
        return parse_dangling(value, f, err);
    } else {
        int r = error_set(err, ERROR_USAGE, 0, "invalid filter '%s'", key);
        return error_hint(err, r, "reference, label, label!, before, since, until or dangling");
    }
    return 0;
}

int image_filter_parse(const char *data_dir, const struct strv *texts, struct image_filter *ret,
                       struct error **err)
{
    *ret = (struct image_filter){.data_dir = data_dir, .dangling = -1};
    int r = 0;
    for (size_t i = 0; i < texts->count && r >= 0; i++) {
        r = parse_one(ret, texts->items[i], err);
    }
    return r;
}

void image_filter_done(struct image_filter *f)
{
    strv_done(&f->references);
    strv_done(&f->labels);
    strv_done(&f->not_labels);
    free(f->before);
    free(f->since);
    f->before = f->since = NULL;
}

static bool reference_fits(const struct image_filter *f, const char *full)
{
    CLEANUP(free) char *familiar = reference_text_familiar(full, false);
    CLEANUP(free) char *name = reference_text_familiar(full, true);
    for (size_t i = 0; i < f->references.count; i++) {
        const char *pattern = f->references.items[i];
        if (fnmatch(pattern, familiar, FNM_PATHNAME) == 0 ||
            fnmatch(pattern, name, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return f->references.count == 0;
}

static bool label_fits(const json_t *labels, const char *wanted)
{
    size_t n = strcspn(wanted, "=");
    CLEANUP(free) char *key = xstrndup(wanted, n);
    const char *value = json_string_value(json_object_get(labels, key));
    return value && (!wanted[n] || str_equal(value, wanted + n + 1));
}

static int labels_fit(const struct image_filter *f, const char *id, struct error **err)
{
    if (!f->labels.count && !f->not_labels.count) {
        return 1;
    }
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(image) struct image *image = NULL;
    int r = image_resolve(f->data_dir, id, &image, &why);
    if (r < 0) {
        return why->kind == ERROR_NOT_FOUND ? 0 : error_move(err, &why, r);
    }
    bool fits = true;
    for (size_t i = 0; i < f->labels.count && fits; i++) {
        fits = label_fits(image->config.labels, f->labels.items[i]);
    }
    for (size_t i = 0; i < f->not_labels.count && fits; i++) {
        fits = !label_fits(image->config.labels, f->not_labels.items[i]);
    }
    return fits;
}

int image_filter_fits(const struct image_filter *f, const struct image_entry *e,
                      struct strv *ret_tags, struct error **err)
{
    const char *created = str_or(e->created, "");
    bool dangling = !e->tags.count;
    if ((f->before && strcmp(created, f->before) >= 0) ||
        (f->since && strcmp(created, f->since) <= 0) ||
        (f->dangling >= 0 && dangling != f->dangling)) {
        return 0;
    }
    bool digest_fits = false;
    for (size_t i = 0; i < e->digests.count; i++) {
        digest_fits = digest_fits || reference_fits(f, e->digests.items[i]);
    }
    for (size_t i = 0; i < e->tags.count; i++) {
        if (reference_fits(f, e->tags.items[i])) {
            strv_add(ret_tags, e->tags.items[i]);
        }
    }
    if (f->references.count && !ret_tags->count && !digest_fits) {
        return 0;
    }
    return labels_fit(f, e->id, err);
}
