// SPDX-License-Identifier: Apache-2.0
#include "build/content.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/file.h"
#include "build/file/glob.h"
#include "build/stat_cache.h"

#define DEPTH_MAX 128 /* as base/copy_tree.c: each level holds descriptors */
#define BLOCK_BYTES ((size_t)256 << 10)

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

int content_find(const struct content_request *q, const char *pattern, struct source_items *ret,
                 struct error **err)
{
    CLEANUP(free) char *clean = clean_inside(pattern);
    size_t before = ret->count;
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
    int r = find_matches(q, "", &parts, 0, pattern, ret);
    return r == 0 && ret->count == before
               ? error_set(err, ERROR_NOT_FOUND, 0, "nothing matches '%s'", pattern)
               : r;
}

/* A walk over a source. */
struct walk {
    const struct content_request *q;
    const char *top;
    struct strbuf path; /* from the root, for the ignore patterns and the cache of digests */
    size_t top_len;     /* of the part that is the source itself */
    struct digest *to;
    char *buffer;
    struct error **err;
};

static int cannot_read(struct walk *w, int code)
{
    return error_set_errno(w->err, ERROR_KERNEL, code, "reading '%s'", str_or(w->path.data, "."));
}

static int hash_file(struct walk *w, int fd, unsigned char ret[CONTENT_DIGEST_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned int len = 0;
    ssize_t n = 0;
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    w->buffer = w->buffer ? w->buffer : xmalloc(BLOCK_BYTES);
    while (ok && (n = read_all(fd, w->buffer, BLOCK_BYTES)) > 0) {
        ok = EVP_DigestUpdate(context, w->buffer, (size_t)n);
    }
    ok = ok && EVP_DigestFinal_ex(context, ret, &len);
    EVP_MD_CTX_free(context);
    return n < 0 ? cannot_read(w, (int)-n) : ok ? 0 : cannot_read(w, EIO);
}

static int digest_file(struct walk *w, int folder, const char *name, const struct stat *seen)
{
    unsigned char own[CONTENT_DIGEST_BYTES];
    struct stat_cache *cache = w->q->digests;
    const unsigned char *known =
        cache ? stat_cache_find(cache, str_or(w->path.data, ""), seen) : NULL;
    if (!known) {
        CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0) {
            return cannot_read(w, errno);
        }
        if (!S_ISREG(st.st_mode)) {
            return cannot_read(w, ESTALE); /* it became something else just now */
        }
        int r = hash_file(w, fd, own);
        if (r < 0) {
            return r;
        }
        known = own;
        if (cache && st.st_size == seen->st_size && st.st_ino == seen->st_ino) {
            stat_cache_put(cache, str_or(w->path.data, ""), &st, own);
        }
    }
    digest_add(w->to, known, CONTENT_DIGEST_BYTES);
    return 0;
}

static void digest_head(struct walk *w, const char *name, const struct stat *st)
{
    struct {
        uint32_t mode, uid, gid, unused;
        uint64_t size, device;
    } head = {.mode = st->st_mode};
    if (w->q->owners) {
        head.uid = st->st_uid;
        head.gid = st->st_gid;
    }
    if (S_ISREG(st->st_mode)) {
        head.size = (uint64_t)st->st_size;
    } else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        head.device = st->st_rdev;
    }
    digest_add(w->to, name, strlen(name) + 1);
    digest_add(w->to, &head, sizeof(head));
}

static int digest_entry(struct walk *w, int folder, const char *name, const char *shown, int depth);

bool content_has(const struct content_request *q, const char *top, const char *path, bool is_folder)
{
    if (q->excludes && ignore_takes(q->excludes, path, false) &&
        !(is_folder && ignore_may_take_back(q->excludes, path))) {
        return false;
    }
    if (!q->ignore || !q->ignore->count) {
        return true;
    }
    CLEANUP(free) char *whole = str_format("%s%s%s", top, *top ? "/" : "", path);
    return !ignore_takes(q->ignore, whole, false) ||
           (is_folder && ignore_may_take_back(q->ignore, whole));
}

static int digest_folder(struct walk *w, int folder, const char *name, int depth)
{
    CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(strv) struct strv names = {0};
    if (fd < 0 || depth > DEPTH_MAX) {
        return cannot_read(w, fd < 0 ? errno : ELOOP);
    }
    int r = list_folder_whole(fd, ".", &names, w->err);
    for (size_t i = 0; i < names.count && r == 0; i++) {
        size_t len = w->path.len;
        strbuf_adds(&w->path, len ? "/" : "");
        strbuf_adds(&w->path, names.items[i]);
        r = digest_entry(w, fd, names.items[i], names.items[i], depth + 1);
        w->path.len = len;
        w->path.data[len] = '\0';
    }
    digest_add(w->to, "\n", 2); /* ends a folder */
    return r;
}

static int digest_link(struct walk *w, int folder, const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(folder, name, target, sizeof(target));
    if (n < 0) {
        return cannot_read(w, errno);
    }
    digest_add(w->to, target, (size_t)n);
    digest_add(w->to, "", 1);
    return 0;
}

static int digest_entry(struct walk *w, int folder, const char *name, const char *shown, int depth)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return cannot_read(w, errno);
    }
    const char *below = w->path.len > w->top_len ? w->path.data + w->top_len : NULL;
    below = below && *below == '/' ? below + 1 : below;
    if (below && !content_has(w->q, w->top, below, S_ISDIR(st.st_mode))) {
        return 0;
    }
    digest_head(w, shown, &st);
    if (S_ISREG(st.st_mode)) {
        return digest_file(w, folder, name, &st);
    }
    if (S_ISDIR(st.st_mode)) {
        return digest_folder(w, folder, name, depth);
    }
    return S_ISLNK(st.st_mode) ? digest_link(w, folder, name) : 0;
}

/* What the path leads to, links followed inside the root: it is opened, then spoken of as "." of
 * its folder or by its name in the folder that it is in. */
int content_digest(const struct content_request *q, const struct source_item *item,
                   struct digest *to, struct error **err)
{
    struct walk w = {.q = q, .top = item->path, .to = to, .err = err};
    CLEANUP(fd) int fd = open_in_root(q->folder, *item->path ? item->path : ".", O_PATH, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, fd < 0 ? -fd : errno, "'%s'", item->path);
    }
    strbuf_adds(&w.path, item->path);
    w.top_len = w.path.len;
    int r;
    if (S_ISREG(st.st_mode)) {
        CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
        CLEANUP(fd) int content = open(self, O_RDONLY | O_CLOEXEC);
        unsigned char own[CONTENT_DIGEST_BYTES];
        const unsigned char *known =
            q->digests ? stat_cache_find(q->digests, item->path, &st) : NULL;
        digest_head(&w, item->under ? item->under : item->name, &st);
        r = known ? 0 : content < 0 ? cannot_read(&w, errno) : hash_file(&w, content, own);
        if (r == 0 && !known && q->digests) {
            stat_cache_put(q->digests, item->path, &st, own);
        }
        digest_add(to, known ? known : own, CONTENT_DIGEST_BYTES);
    } else if (S_ISDIR(st.st_mode)) {
        CLEANUP(fd)
        int folder =
            open_in_root(q->folder, *item->path ? item->path : ".", O_RDONLY | O_DIRECTORY, 0);
        r = folder < 0 ? cannot_read(&w, -folder)
                       : digest_entry(&w, folder, ".", item->under ? item->under : "", 0);
    } else {
        digest_head(&w, item->name, &st);
        r = 0;
    }
    strbuf_done(&w.path);
    free(w.buffer);
    return r;
}
