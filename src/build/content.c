// SPDX-License-Identifier: Apache-2.0
#include "build/content.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "build/content_tree.h"
#include "build/file/glob.h"

void source_items_done(struct source_items *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].path);
        free(s->items[i].name);
        free(s->items[i].under);
    }
    free(s->items);
    *s = (struct source_items){0};
}

/* Inside its root: "/a/./b/../../../c" is "c", "/" is "". */
static char *clean_inside(const char *text)
{
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(strv) struct strv kept = {0};
    strv_split(&parts, text, '/');
    for (size_t i = 0; i < parts.count; i++) {
        if (str_equal(parts.items[i], "..")) {
            if (kept.count) {
                free(kept.items[--kept.count]);
                kept.items[kept.count] = NULL;
            }
        } else if (*parts.items[i] && !str_equal(parts.items[i], ".")) {
            strv_add(&kept, parts.items[i]);
        }
    }
    return kept.count ? strv_join(&kept, "/") : xstrdup("");
}

static void add_item(struct source_items *s, const struct content_request *q, const char *path,
                     const char *pattern)
{
    const char *slash = strrchr(path, '/');
    s->items = xrealloc(s->items, (s->count + 1) * sizeof(*s->items));
    struct source_item *item = &s->items[s->count++];
    *item = (struct source_item){.path = xstrdup(path), .name = xstrdup(slash ? slash + 1 : path)};
    if (q->parents) { /* "a/./b/c": what is behind the dot */
        const char *pivot = strstr(pattern, "/./");
        CLEANUP(free) char *front = xstrndup(pattern, pivot ? (size_t)(pivot - pattern) : 0);
        CLEANUP(free) char *clean = clean_inside(front);
        size_t n = strlen(clean);
        bool below = n && strncmp(path, clean, n) == 0 && path[n] == '/';
        item->under = xstrdup(path + (below ? n + 1 : 0));
    }
}

static bool is_ignored(const struct content_request *q, const char *path)
{
    return q->ignore && *path && ignore_takes(q->ignore, path, false);
}

static int find_matches(const struct content_request *q, const char *base, const struct strv *parts,
                        size_t at, const char *pattern, struct source_items *ret);

/* The entries of a folder that a component of the pattern takes. */
static int match_component(const struct content_request *q, const char *base,
                           const struct strv *parts, size_t at, const char *pattern,
                           struct source_items *ret)
{
    CLEANUP(fd)
    int fd = open_in_root(q->folder, *base ? base : ".", O_RDONLY | O_DIRECTORY, 0);
    CLEANUP(strv) struct strv names = {0};
    if (fd < 0 || list_folder_whole(fd, ".", &names, NULL) < 0) {
        return 0;
    }
    int r = 0;
    for (size_t i = 0; i < names.count && r == 0; i++) {
        if (glob_match(parts->items[at], names.items[i], false) == 1) {
            CLEANUP(free)
            char *path = str_format("%s%s%s", base, *base ? "/" : "", names.items[i]);
            r = find_matches(q, path, parts, at + 1, pattern, ret);
        }
    }
    return r;
}

static int find_matches(const struct content_request *q, const char *base, const struct strv *parts,
                        size_t at, const char *pattern, struct source_items *ret)
{
    if (at == parts->count) {
        if (!is_ignored(q, base)) {
            add_item(ret, q, base, pattern);
        }
        return 0;
    }
    if (!glob_is_plain(parts->items[at])) {
        return match_component(q, base, parts, at, pattern, ret);
    }
    CLEANUP(free) char *path = str_format("%s%s%s", base, *base ? "/" : "", parts->items[at]);
    CLEANUP(fd) int fd = open_in_root(q->folder, path, O_PATH, 0);
    return fd < 0 ? 0 : find_matches(q, path, parts, at + 1, pattern, ret);
}

/* A pattern may match nothing: that is how a file is copied that may not be there. The folder that
 * it is in has to be. */
static int check_front(const struct content_request *q, const struct strv *parts,
                       const char *pattern, struct error **err)
{
    CLEANUP(strbuf) struct strbuf front = {0};
    for (size_t i = 0; glob_is_plain(parts->items[i]); i++) {
        strbuf_addf(&front, "%s%s", front.len ? "/" : "", parts->items[i]);
    }
    CLEANUP(fd)
    int fd = open_in_root(q->folder, front.len ? front.data : ".", O_PATH | O_DIRECTORY, 0);
    return fd < 0 ? error_set_errno(err, ERROR_NOT_FOUND, -fd, "'%s': '%s'", pattern,
                                    str_or(front.data, "."))
                  : 0;
}

int content_find(const struct content_request *q, const char *pattern, struct source_items *ret,
                 struct error **err)
{
    CLEANUP(free) char *clean = clean_inside(pattern);
    if (glob_is_plain(clean)) {
        CLEANUP(fd) int fd = open_in_root(q->folder, *clean ? clean : ".", O_PATH, 0);
        bool hidden = fd >= 0 && is_ignored(q, clean) &&
                      !(q->ignore->any_back && ignore_may_take_back(q->ignore, clean));
        if (hidden) {
            int r = error_set(err, ERROR_NOT_FOUND, 0, "'%s' is not found", pattern);
            return error_hint(err, r, "the .dockerignore file leaves it out");
        }
        if (fd < 0) {
            return error_set_errno(err, ERROR_NOT_FOUND, fd == -ENOENT ? ENOENT : -fd, "'%s'",
                                   pattern);
        }
        add_item(ret, q, clean, pattern);
        return 0;
    }
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, clean, '/');
    for (size_t i = 0; i < parts.count; i++) {
        if (glob_match(parts.items[i], "", false) < 0) {
            return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no pattern", pattern);
        }
    }
    return check_front(q, &parts, pattern, err) < 0 ? -ENOENT
                                                    : find_matches(q, "", &parts, 0, pattern, ret);
}

static enum copy_part left_by(const struct ignore *i, const char *path, bool is_folder)
{
    return !ignore_takes(i, path, false)                ? COPY_WHOLE
           : is_folder && ignore_may_take_back(i, path) ? COPY_NEEDED
                                                        : COPY_NONE;
}

enum copy_part content_has(const struct content_request *q, const char *top, const char *path,
                           bool is_folder)
{
    enum copy_part part = q->excludes ? left_by(q->excludes, path, is_folder) : COPY_WHOLE;
    if (part == COPY_NONE || !q->ignore || !q->ignore->count) {
        return part;
    }
    CLEANUP(free) char *whole = str_format("%s%s%s", top, *top ? "/" : "", path);
    enum copy_part other = left_by(q->ignore, whole, is_folder);
    return other == COPY_WHOLE ? part : other;
}

/* What the path leads to, links followed inside the root. */
int content_digest(const struct content_request *q, const struct source_item *item,
                   struct digest *to, struct error **err)
{
    const char *path = *item->path ? item->path : ".";
    CLEANUP(fd) int fd = open_in_root(q->folder, path, O_PATH, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, fd < 0 ? -fd : errno, "'%s'", item->path);
    }
    struct content_head head;
    unsigned char own[CONTENT_DIGEST_BYTES];
    const char *name = item->under ? item->under : S_ISDIR(st.st_mode) ? "" : item->name;
    content_head_of(q, &st, &head);
    digest_add(to, name, strlen(name) + 1);
    digest_add(to, &head, sizeof(head));
    int r = S_ISREG(st.st_mode)   ? content_file_digest(q, fd, item->path, &st, own, err)
            : S_ISDIR(st.st_mode) ? content_tree_digest(q, item->path, own, err)
                                  : 0;
    if (r >= 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        digest_add(to, own, sizeof(own));
    }
    return r;
}
