// SPDX-License-Identifier: Apache-2.0
#include "compose/sync.h"

#include <string.h>
#include <sys/stat.h>

#include "compose/ops.h"

#define WORDS_MAX 200 /* of one command line */

/* The rule's path itself goes to the target, or into it where that ends with a slash. */
static char *place(const struct watch_rule *rule, const char *path, const char *behind)
{
    size_t n = strlen(rule->target);
    bool slash = n > 0 && rule->target[n - 1] == '/';
    struct stat st;
    if (*behind) {
        return str_format("%s%s%s", rule->target, slash ? "" : "/", behind);
    }
    bool file = lstat(path, &st) < 0 || !S_ISDIR(st.st_mode);
    return slash && file ? str_format("%s%s", rule->target, strrchr(path, '/') + 1)
                         : xstrdup(rule->target);
}

void sync_add(struct sync_work *w, const struct watch_rule *rule, const char *path,
              const char *behind)
{
    CLEANUP(free) char *to = place(rule, path, behind);
    struct stat st;
    if (lstat(path, &st) < 0) {
        strv_add(&w->gone, to);
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        strv_add(&w->folders, to);
        return;
    }
    CLEANUP(free) char *folder = xstrndup(to, (size_t)(str_or(strrchr(to, '/'), to) - to));
    if (*folder && !strv_contains(&w->folders, folder)) {
        strv_add(&w->folders, folder);
    }
    strv_add(&w->from, path);
    strv_add(&w->to, to);
}

void sync_done(struct sync_work *w)
{
    strv_done(&w->from);
    strv_done(&w->to);
    strv_done(&w->folders);
    strv_done(&w->gone);
}

/* `program option -- words…` in the container. */
static int run_there(const struct engine *e, const char *cloison, const char *container,
                     const char *const *program, const struct strv *words, struct error **err)
{
    for (size_t i = 0; i < words->count;) {
        CLEANUP(strv) struct strv line = {0};
        strv_add(&line, "exec");
        strv_add(&line, "--user=0");
        strv_add(&line, container);
        for (size_t k = 0; program[k]; k++) {
            strv_add(&line, program[k]);
        }
        for (size_t last = i + WORDS_MAX; i < words->count && i < last; i++) {
            strv_add(&line, words->items[i]);
        }
        int r = cloison_spawn(e, cloison, &line, err);
        if (r != 0) {
            return r < 0 ? r
                         : error_set(err, ERROR_INTERNAL, 0, "'%s' in container '%s' failed",
                                     program[0], container);
        }
    }
    return 0;
}

int sync_run(const struct engine *e, const char *cloison, const struct sync_work *w,
             const char *container, struct error **err)
{
    static const char *const make[] = {"mkdir", "-p", "--", NULL};
    static const char *const take_away[] = {"rm", "-rf", "--", NULL};
    int r = run_there(e, cloison, container, take_away, &w->gone, err);
    if (r == 0) {
        r = run_there(e, cloison, container, make, &w->folders, err);
    }
    for (size_t i = 0; i < w->from.count && r == 0; i++) {
        CLEANUP(strv) struct strv line = {0};
        struct stat st;
        strv_add(&line, "cp");
        strv_add(&line, "--quiet");
        strv_add(&line, w->from.items[i]);
        strv_addf(&line, "%s:%s", container, w->to.items[i]);
        r = cloison_spawn(e, cloison, &line, err);
        if (r > 0) { /* what went meanwhile comes as a change of its own */
            r = lstat(w->from.items[i], &st) < 0
                    ? 0
                    : error_set(err, ERROR_INTERNAL, 0, "copying '%s' into container '%s' failed",
                                w->from.items[i], container);
        }
    }
    return r;
}
