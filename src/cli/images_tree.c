// SPDX-License-Identifier: Apache-2.0
#include "cli/images_tree.h"

#include <string.h>

#include "base/human.h"
#include "cli/engine_of.h"
#include "cli/format.h"
#include "image/platform.h"
#include "image/usage.h"

static const struct list_column columns[] = {
    {"Image", "IMAGE"}, {"ID", "ID"}, {"DiskUsage", "DISK USAGE"}, {"ContentSize", "CONTENT SIZE"},
    {"Extra", "EXTRA"}, {0},
};
#define TABLE "{{.Image}}\t{{.ID}}\t{{.DiskUsage}}\t{{.ContentSize}}\t{{.Extra}}"
#define IN_USE "U" /* in the column EXTRA, as Docker's */

struct tree {
    const char *data_dir;
    struct container **containers;
    size_t container_count;
    struct image_usage usage;
    struct list *list;
};

static int add_row(struct tree *t, const char *image, const char *digest, int64_t disk_bytes,
                   int64_t content_bytes, const char *extra, struct error **err)
{
    CLEANUP(free) char *id = digest ? xstrndup(digest_hex(digest), 12) : xstrdup("");
    CLEANUP(free) char *disk = digest ? human_size(disk_bytes) : xstrdup("");
    CLEANUP(free) char *content = digest ? human_size(content_bytes) : xstrdup("");
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "Image", image, "ID", id, "DiskUsage",
                            disk, "ContentSize", content, "Extra", extra);
    return list_row(t->list, row, NULL, err);
}

static bool is_used(const struct tree *t, const char *id)
{
    for (size_t i = 0; i < t->container_count; i++) {
        if (container_uses_image(t->containers[i], id)) {
            return true;
        }
    }
    return false;
}

/* What the image's config says; "unknown" when it cannot be read. */
static char *platform_of(const struct tree *t, const struct image_entry *e)
{
    CLEANUP(image) struct image *i = NULL;
    if (image_resolve(t->data_dir, e->id, &i, NULL) < 0) {
        return xstrdup("unknown");
    }
    const struct image_config *c = &i->config;
    return str_format("%s/%s%s%s", str_or(c->os, "linux"), str_or(c->architecture, "unknown"),
                      c->variant ? "/" : "", str_or(c->variant, ""));
}

/* Its names, a line each, the figures beside the last; below it the platform, whose ID is the
 * manifest's. */
static int add_image(struct tree *t, size_t n, const struct image_entry *e, const struct strv *tags,
                     struct error **err)
{
    int64_t disk = image_usage_shared(&t->usage, n) + image_usage_unique(&t->usage, n);
    int64_t content = disk > e->size_bytes ? disk - e->size_bytes : 0;
    const char *extra = is_used(t, e->id) ? IN_USE : "";
    int r = 0;
    for (size_t i = 0; i + 1 < tags->count && r >= 0; i++) {
        CLEANUP(free) char *name = reference_text_familiar(tags->items[i], false);
        r = add_row(t, name, NULL, 0, 0, "", err);
    }
    CLEANUP(free)
    char *last = tags->count ? reference_text_familiar(tags->items[tags->count - 1], false)
                             : xstrdup("<untagged>");
    CLEANUP(free) char *platform = platform_of(t, e);
    CLEANUP(free) char *branch = str_format("└─ %s", platform);
    r = r < 0 ? r : add_row(t, last, e->id, disk, content, extra, err);
    return r < 0 ? r : add_row(t, branch, e->manifest_digest, disk, content, extra, err);
}

static int add_images(struct tree *t, const struct image_filter *f,
                      const struct image_entry *entries, size_t count, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        CLEANUP(strv) struct strv tags = {0};
        r = image_filter_fits(f, &entries[i], &tags, err);
        r = r > 0 ? add_image(t, i, &entries[i], &tags, err) : r;
    }
    return r;
}

int images_tree_print(const struct command_context *context, const struct image_filter *f,
                      const struct image_entry *entries, size_t count, struct error **err)
{
    struct engine engine = engine_of(context);
    struct tree t = {.data_dir = context->data_dir};
    int r = container_list(&engine, &t.containers, &t.container_count, err);
    r = r < 0 ? r : image_usage_read(context->data_dir, entries, count, &t.usage, err);
    r = r < 0 ? r : list_begin(NULL, TABLE, columns, &t.list, err);
    r = r < 0 ? r : add_images(&t, f, entries, count, err);
    if (r >= 0) {
        list_end(t.list);
    } else if (t.list) {
        list_cancel(t.list);
    }
    image_usage_done(&t.usage);
    container_list_free(t.containers, t.container_count);
    return r < 0 ? r : 0;
}
