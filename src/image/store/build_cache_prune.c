// SPDX-License-Identifier: Apache-2.0
/* `builder prune`, and the bound of the cache behind a build: records go, the longest unused first,
 * and what they alone named goes with the next sweep of the store. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/human.h"
#include "image/build_cache.h"
#include "image/store/store.h"
#include "image/store/verbs.h"

#define MONTH_S (30 * 24 * 3600)

/* A mount that a step has now stays: its lock is taken. Its lock file stays too: to remove it would
 * let two have it. */
static bool remove_mount(const char *path)
{
    CLEANUP(free) char *name = str_format("%s.lock", path);
    CLEANUP(fd) int lock = lock_file(AT_FDCWD, name, LOCK_EXCLUSIVE, false, NULL);
    return lock >= 0 && remove_tree(AT_FDCWD, path, NULL) >= 0;
}

static bool remove_item(const struct build_cache_item *item)
{
    return item->is_mount ? remove_mount(item->path) : unlink(item->path) == 0;
}

struct pruning {
    bool all, quiet;
    int64_t keep_bytes, until;
};

static int64_t prune(const struct build_cache *c, const struct pruning *p)
{
    int64_t total = build_cache_total(c), freed = 0;
    for (size_t i = 0; i < c->count && total > p->keep_bytes; i++) {
        const struct build_cache_item *item = &c->items[i];
        bool wanted = (p->all || !item->is_shared) && (p->until < 0 || item->used_s < p->until);
        if (!wanted || !remove_item(item)) {
            continue;
        }
        int64_t bytes = item->is_again ? 0 : item->bytes;
        total -= bytes;
        freed += item->is_shared ? 0 : bytes;
        if (!p->quiet) {
            CLEANUP(free) char *size = human_size(bytes);
            CLEANUP(free) char *text = xstrndup(item->text, 60);
            str_replace_control(text);
            printf("%-10s %s\n", size, text);
        }
    }
    return freed;
}

/* What is remembered of contexts (build/stat_cache.h): a build that misses it reads its files
 * again, and one at work has it open. A file that nothing was written to for a month is hardly
 * anybody's.
 */
static void forget_contexts(const char *data_dir, const struct pruning *p)
{
    CLEANUP(free) char *folder = str_format("%s/build/context", data_dir);
    CLEANUP(strv) struct strv names = {0};
    int64_t before = p->until >= 0                 ? p->until
                     : p->all && p->keep_bytes < 0 ? INT64_MAX
                                                   : time(NULL) - MONTH_S;
    if (list_folder(AT_FDCWD, folder, &names, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        struct stat st;
        if (stat(path, &st) == 0 && st.st_mtim.tv_sec < before) {
            (void)unlink(path); /* or next time */
        }
    }
}

int verb_build_cache_prune(const struct verb_request *request, struct error **err)
{
    CLEANUP(build_cache) struct build_cache cache = {0};
    struct pruning p = {.keep_bytes = -1, .until = -1};
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    int r;
    if ((r = json_get_bool(request->json, "all", "request", &p.all, err)) < 0 ||
        (r = json_get_bool(request->json, "quiet", "request", &p.quiet, err)) < 0 ||
        (r = json_get_i64(request->json, "keepBytes", "request", 0, INT64_MAX, &p.keep_bytes,
                          err)) < 0 ||
        (r = json_get_i64(request->json, "until", "request", 0, INT64_MAX, &p.until, err)) < 0 ||
        (r = store_open(request->data_dir, &s, err)) < 0 ||
        (r = build_cache_read(request->data_dir, &cache, err)) < 0) {
        return r;
    }
    int64_t freed = prune(&cache, &p);
    forget_contexts(request->data_dir, &p);
    store_want_sweep(&s);
    if (!p.quiet) {
        CLEANUP(free) char *size = human_size(freed);
        printf("Total reclaimed space: %s\n", size);
    }
    return 0;
}
