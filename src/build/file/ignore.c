// SPDX-License-Identifier: Apache-2.0
#include "build/file/ignore.h"

#include <ctype.h>
#include <string.h>

#include "build/file/glob.h"

#define PATTERN_BYTES_MAX 4096

/* Go's filepath.Clean, and no slash in front: "./a//b/../c/" is "a/c". */
static char *clean(const char *text)
{
    CLEANUP(strv) struct strv parts = {0};
    struct strv kept = {0};
    strv_split(&parts, text, '/');
    for (size_t i = 0; i < parts.count; i++) {
        const char *p = parts.items[i];
        if (!*p || str_equal(p, ".")) {
            continue;
        }
        bool up = str_equal(p, "..");
        if (up && kept.count && !str_equal(kept.items[kept.count - 1], "..")) {
            free(kept.items[--kept.count]);
            kept.items[kept.count] = NULL;
        } else if (!up || text[0] != '/') {
            strv_add(&kept, p);
        }
    }
    char *joined = kept.count ? strv_join(&kept, "/") : xstrdup(".");
    strv_done(&kept);
    return joined;
}

int ignore_add(struct ignore *i, const char *pattern, struct error **err)
{
    bool back = *pattern == '!';
    pattern += back;
    pattern += strspn(pattern, " \t");
    if (!*pattern || strlen(pattern) > PATTERN_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%.60s' is no pattern", pattern);
    }
    CLEANUP(free) char *text = clean(pattern);
    if (glob_match(text, "", true) < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%.60s' is no pattern", pattern);
    }
    i->items = xrealloc(i->items, (i->count + 1) * sizeof(*i->items));
    bool plain = glob_is_plain(text);
    i->items[i->count++] =
        (struct ignore_pattern){.back = back, .plain = plain, .text = take_ptr(text)};
    i->any_back |= back;
    return 0;
}

int ignore_parse(const char *name, const char *text, struct ignore *ret, struct error **err)
{
    CLEANUP(strv) struct strv lines = {0};
    *ret = (struct ignore){0};
    text += str_starts(text, "\xef\xbb\xbf") ? 3 : 0;
    strv_split(&lines, text, '\n');
    for (size_t n = 0; n < lines.count; n++) {
        char *line = lines.items[n];
        if (*line == '#') {
            continue;
        }
        line += strspn(line, " \t\r\v\f");
        size_t len = strlen(line);
        while (len && isspace((unsigned char)line[len - 1])) {
            line[--len] = '\0';
        }
        if (!len) {
            continue;
        }
        int r = ignore_add(ret, line, err);
        if (r < 0) {
            ignore_done(ret);
            return error_wrap(err, r, "%s:%zu", name, n + 1);
        }
    }
    return 0;
}

void ignore_done(struct ignore *i)
{
    for (size_t n = 0; n < i->count; n++) {
        free(i->items[n].text);
    }
    free(i->items);
    *i = (struct ignore){0};
}

static bool pattern_takes(const struct ignore_pattern *p, const char *path)
{
    return p->plain ? str_equal(p->text, path) : glob_match(p->text, path, true) == 1;
}

/* A pattern that takes a folder takes all below it: so for each pattern the path and the folders
 * above it count, as in moby's MatchesOrParentMatches. */
static bool pattern_takes_or_above(const struct ignore_pattern *p, const char *path)
{
    if (str_equal(p->text, ".")) {
        return true;
    }
    if (p->plain) {
        size_t n = strlen(p->text);
        return strncmp(p->text, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
    }
    if (pattern_takes(p, path)) {
        return true;
    }
    CLEANUP(free) char *above = xstrdup(path);
    for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
        *slash = '\0';
        if (pattern_takes(p, above)) {
            return true;
        }
    }
    return false;
}

bool ignore_takes(const struct ignore *i, const char *path, bool above)
{
    if (!i->count || (above && !i->any_back)) {
        return above;
    }
    bool taken = false;
    for (size_t n = 0; n < i->count; n++) {
        const struct ignore_pattern *p = &i->items[n];
        if (p->back == taken && pattern_takes_or_above(p, path)) {
            taken = !p->back;
        }
    }
    return taken;
}

bool ignore_may_take_back(const struct ignore *i, const char *folder)
{
    size_t len = strlen(folder);
    for (size_t n = 0; n < i->count; n++) {
        const struct ignore_pattern *p = &i->items[n];
        if (p->back && (!p->plain || (strncmp(p->text, folder, len) == 0 && p->text[len] == '/'))) {
            return true;
        }
    }
    return false;
}
