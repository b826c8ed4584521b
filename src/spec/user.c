// SPDX-License-Identifier: Apache-2.0
#include "spec/user.h"

#include <string.h>

#define ID_MAX INT32_MAX /* what Docker takes; (uint32_t)-1 means "unchanged" to the kernel */
#define FIELDS_MAX 7     /* man 5 passwd */

/* One line of passwd or group, cut at its colons; pointers into a copy. */
struct record {
    char *fields[FIELDS_MAX];
    size_t count;
};

/* The next line of *text as a record in `line` (a copy of it); false at the end. */
static bool next_record(const char **text, struct strbuf *line, struct record *ret)
{
    while (*text && **text) {
        size_t n = strcspn(*text, "\n");
        line->len = 0;
        strbuf_add(line, *text, n);
        *text += n + ((*text)[n] == '\n');
        if (n == 0 || line->data[0] == '#') {
            continue;
        }
        *ret = (struct record){0};
        for (char *p = line->data; p && ret->count < FIELDS_MAX;) {
            ret->fields[ret->count++] = p;
            p = strchr(p, ':');
            if (p) {
                *p++ = '\0';
            }
        }
        return true;
    }
    return false;
}

static bool parse_id(const char *text, uint32_t *ret)
{
    int64_t n = 0;
    if (str_to_i64(text, 10, &n) < 0 || n < 0 || n > ID_MAX) {
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

static bool record_matches(const struct record *r, const char *text, bool numeric, uint32_t id)
{
    uint32_t of_record = 0;
    if (r->count < 3 || !parse_id(r->fields[2], &of_record)) {
        return false;
    }
    return strcmp(r->fields[0], text) == 0 || (numeric && of_record == id);
}

static void add_group(struct arena *a, struct user_identity *u, uint32_t gid)
{
    for (size_t i = 0; i < u->group_count; i++) {
        if (u->groups[i] == gid) {
            return;
        }
    }
    *arena_push(a, u->groups, u->group_count) = gid;
}

static bool is_member(char *members, const char *name)
{
    char *rest = members;
    for (char *m; (m = strsep(&rest, ",")) != NULL;) {
        if (strcmp(m, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_memberships(struct arena *a, const char *group, const char *name,
                            struct user_identity *u)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    struct record r;
    uint32_t gid;
    while (next_record(&group, &line, &r)) {
        if (r.count >= 4 && parse_id(r.fields[2], &gid) && is_member(r.fields[3], name)) {
            add_group(a, u, gid);
        }
    }
}

static int find_group(const char *text, const char *group, uint32_t *ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    struct record r;
    bool numeric = parse_id(text, ret);
    while (next_record(&group, &line, &r)) {
        if (record_matches(&r, text, numeric, *ret)) {
            IGNORE(parse_id(r.fields[2], ret)); /* it matched, so it is one */
            return 0;
        }
    }
    return numeric ? 0
                   : error_set(err, ERROR_USAGE, 0,
                               "unable to find group '%s': no matching entries in the image's "
                               "/etc/group",
                               text);
}

/* Fills in uid, gid and home; *ret_name is the passwd name or NULL. */
static int find_user(struct arena *a, const char *text, const char *passwd, struct user_identity *u,
                     const char **ret_name, struct error **err)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    struct record r;
    uint32_t id = 0;
    bool numeric = !*text || parse_id(text, &id);
    while (next_record(&passwd, &line, &r)) {
        if (record_matches(&r, text, numeric, id)) {
            IGNORE(parse_id(r.fields[2], &u->uid)); /* it matched, so it is one */
            if (r.count > 3 && !parse_id(r.fields[3], &u->gid)) {
                u->gid = 0;
            }
            *ret_name = arena_strdup(a, r.fields[0]);
            u->home = r.count > 5 && *r.fields[5] ? arena_strdup(a, r.fields[5]) : "/";
            return 0;
        }
    }
    if (!numeric) {
        int64_t n;
        if (str_to_i64(text, 10, &n) == 0) {
            return error_set(err, ERROR_USAGE, 0, "user '%s' is outside 0 to %d", text, ID_MAX);
        }
        return error_set(err, ERROR_USAGE, 0,
                         "unable to find user '%s': no matching entries in the image's "
                         "/etc/passwd",
                         text);
    }
    u->uid = id;
    return 0;
}

int user_resolve(struct arena *a, const char *text, const char *passwd, const char *group,
                 const struct strv *group_add, struct user_identity *ret, struct error **err)
{
    const char *colon = text ? strchr(text, ':') : NULL, *name = NULL;
    const char *user = colon ? arena_strndup(a, text, (size_t)(colon - text)) : str_or(text, "");
    bool with_group = colon && colon[1];
    *ret = (struct user_identity){.home = "/"};
    int r = find_user(a, user, passwd, ret, &name, err);
    if (r >= 0 && with_group) {
        r = find_group(colon + 1, group, &ret->gid, err);
    }
    if (r < 0) {
        return r;
    }
    add_group(a, ret, ret->gid);
    if (name && !with_group) {
        add_memberships(a, group, name, ret);
    }
    for (size_t i = 0; group_add && i < group_add->count; i++) {
        uint32_t gid = 0;
        r = find_group(group_add->items[i], group, &gid, err);
        if (r < 0) {
            return error_wrap(err, r, "--group-add");
        }
        add_group(a, ret, gid);
    }
    return 0;
}

char *user_name_of(const char *passwd, uint32_t uid)
{
    CLEANUP(strbuf) struct strbuf line = {0};
    struct record r;
    uint32_t id;
    while (next_record(&passwd, &line, &r)) {
        if (r.count >= 3 && parse_id(r.fields[2], &id) && id == uid) {
            return xstrdup(r.fields[0]);
        }
    }
    return NULL;
}
