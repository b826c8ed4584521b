// SPDX-License-Identifier: Apache-2.0
/* `cloison images`: the list of the store, one row a name. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/human.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/images_tree.h"
#include "image/filter.h"

struct images_values {
    struct strv filters;
    const char *format;
    bool all, digests, no_trunc, quiet, tree;
};
#define AT(member) offsetof(struct images_values, member)

static const struct option options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Accepted for Docker's users: no image is hidden"},
    {0, "digests", OPTION_FLAG, AT(digests), NULL, "Show digests"},
    {'f', "filter", OPTION_LIST, AT(filters), "FILTER",
     "reference=, label=, before=, since=, until= or dangling="},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Print IDs whole"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print IDs alone"},
    {0, "tree", OPTION_FLAG, AT(tree), NULL,
     "Show each image's platform, what it takes and its use"},
    {0},
};

static const struct list_column columns[] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"VirtualSize", "VIRTUAL SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"Containers", "CONTAINERS"},
    {0},
};

#define TABLE "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
#define TABLE_DIGESTS                                                                              \
    "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

struct listing {
    const struct images_values *values;
    struct list *list; /* NULL: IDs alone */
    struct strv shown; /* IDs: -q prints each once */
};

static char *short_id(const char *id, bool whole)
{
    return whole ? xstrdup(id) : xstrndup(id + strlen("sha256:"), 12);
}

static char *since_text(const char *created)
{
    int64_t seconds = created ? human_seconds_since(created) : -1;
    if (seconds < 0) {
        return xstrdup("N/A");
    }
    CLEANUP(free) char *text = human_duration(seconds);
    return str_format("%s ago", text);
}

static int show(struct listing *l, const struct image_entry *e, const char *repository,
                const char *tag, const char *digest, struct error **err)
{
    CLEANUP(free) char *id = short_id(e->id, l->values->no_trunc);
    if (!l->list) {
        if (!strv_contains(&l->shown, id)) {
            printf("%s\n", id);
            strv_add(&l->shown, id);
        }
        return 0;
    }
    CLEANUP(free) char *since = since_text(e->created);
    CLEANUP(free) char *at = e->created ? human_time(e->created) : xstrdup("N/A");
    CLEANUP(free) char *size = human_size(e->size_bytes);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Repository",
                            repository, "Tag", tag, "Digest", digest, "ID", id, "CreatedSince",
                            since, "CreatedAt", at, "Size", size, "VirtualSize", size, "SharedSize",
                            "N/A", "UniqueSize", "N/A", "Containers", "N/A");
    return list_row(l->list, row, NULL, err);
}

/* The digest under which this repository has the image, or "<none>". Borrowed. */
static const char *digest_in(const struct image_entry *e, const char *repository)
{
    for (size_t i = 0; i < e->digests.count; i++) {
        const char *at = strchr(e->digests.items[i], '@');
        CLEANUP(free) char *familiar = reference_text_familiar(e->digests.items[i], true);
        if (at && str_equal(familiar, repository)) {
            return at + 1;
        }
    }
    return "<none>";
}

/* One row a tag; of what has digests alone, one a repository; else one without a name. */
static int show_image(struct listing *l, const struct image_entry *e, const struct strv *tags,
                      struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < tags->count && r >= 0; i++) {
        CLEANUP(free) char *repository = reference_text_familiar(tags->items[i], true);
        r = show(l, e, repository, strrchr(tags->items[i], ':') + 1, digest_in(e, repository), err);
    }
    if (tags->count) {
        return r;
    }
    for (size_t i = 0; i < e->digests.count && r >= 0; i++) {
        CLEANUP(free) char *repository = reference_text_familiar(e->digests.items[i], true);
        r = show(l, e, repository, "<none>", strchr(e->digests.items[i], '@') + 1, err);
    }
    return r < 0 || e->digests.count ? r : show(l, e, "<none>", "<none>", "<none>", err);
}

static int show_all(struct listing *l, const struct image_filter *f,
                    const struct image_entry *entries, size_t count, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        CLEANUP(strv) struct strv tags = {0};
        r = image_filter_fits(f, &entries[i], &tags, err);
        if (r > 0) {
            r = show_image(l, &entries[i], &tags, err);
        }
    }
    return r;
}

static int list_images(const struct command_context *context, struct listing *l,
                       struct image_filter *f, struct error **err)
{
    struct image_entry *entries = NULL;
    size_t count = 0;
    const char *table = l->values->digests ? TABLE_DIGESTS : TABLE;
    int r = image_list(context->data_dir, &entries, &count, err);
    if (r >= 0 && l->values->tree) {
        r = images_tree_print(context, f, entries, count, err);
        image_list_free(entries, count);
        return r;
    }
    if (r >= 0 && !l->values->quiet) {
        r = list_begin(l->values->format, table, columns, &l->list, err);
    }
    if (r >= 0) {
        r = show_all(l, f, entries, count, err);
    }
    if (l->list && r >= 0) {
        list_end(l->list);
    } else if (l->list) {
        list_cancel(l->list);
    }
    image_list_free(entries, count);
    return r;
}

static int check_tree(const struct images_values *v, struct error **err)
{
    const char *other = v->quiet      ? "--quiet"
                        : v->no_trunc ? "--no-trunc"
                        : v->digests  ? "--digests"
                        : v->format   ? "--format"
                                      : NULL;
    return v->tree && other
               ? error_set(err, ERROR_USAGE, 0, "--tree and %s exclude each other", other)
               : 0;
}

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    struct images_values *values = v;
    if (argc > 0) {
        strv_addf(&values->filters, "reference=%s", argv[0]);
    }
    struct image_filter filter = {0};
    struct listing l = {.values = values};
    int r = check_tree(values, err);
    r = r < 0 ? r : image_filter_parse(context->data_dir, &values->filters, &filter, err);
    if (r >= 0) {
        r = list_images(context, &l, &filter, err);
    }
    image_filter_done(&filter);
    strv_done(&l.shown);
    return r < 0 ? r : 0;
}

const struct command command_images = {
    .name = "images",
    .group = "Images",
    .summary = "List images",
    .arguments = "[OPTIONS] [NAME[:TAG]]",
    .options = options,
    .values_size = sizeof(struct images_values),
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
