// SPDX-License-Identifier: Apache-2.0
#include "build/owner.h"

#include <string.h>

#include "base/file.h"
#include "build/rootfs.h"
#include "spec/user.h"

struct files {
    struct arena *arena;
    const char *passwd, *group;
};

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* Of a name that is not there: root. */
static int part_of(const struct files *f, const struct owner_request *q, const char *text,
                   struct user_identity *ret, struct error **err)
{
    struct error *why = NULL;
    const char *name = str_starts(text, "0:") ? text + 2 : text;
    int r = user_resolve(f->arena, text, f->passwd, f->group, NULL, ret, &why);
    if (r >= 0) {
        return 0;
    }
    if (q->of_nothing || is_number(name) || !*name || strchr(name, ':')) {
        CLEANUP(error) struct error *owned = why;
        return error_set(err, ERROR_NOT_FOUND, 0, "'%s': %s", q->text, owned->message);
    }
    CLEANUP(free)
    char *line = str_format("warning: '%s': %s: it is root here\n", q->text, why->message);
    (void)write_all(q->output, line, strlen(line)); /* only told */
    error_free(why);
    *ret = (struct user_identity){0};
    return 0;
}

int owner_find(const struct owner_request *q, uid_t *ret_uid, gid_t *ret_gid, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(free) char *passwd = rootfs_read(q->root, "/etc/passwd");
    CLEANUP(free) char *group = rootfs_read(q->root, "/etc/group");
    struct files f = {a, passwd, group};
    const char *colon = strchr(q->text, ':');
    CLEANUP(free) char *user = xstrndup(q->text, colon ? (size_t)(colon - q->text) : SIZE_MAX);
    CLEANUP(free) char *other = str_format("0:%s", colon ? colon + 1 : "");
    struct user_identity who = {0}, team = {0};
    int r = part_of(&f, q, user, &who, err);
    r = r < 0 || !colon ? r : part_of(&f, q, other, &team, err);
    *ret_uid = who.uid;
    *ret_gid = colon ? team.gid : is_number(user) ? who.uid : who.gid;
    return r;
}
