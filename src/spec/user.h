// SPDX-License-Identifier: Apache-2.0
/* Who a process is: "name|uid[:group|gid]" through the texts of a root file system's /etc/passwd
 * and /etc/group, never the host's. For --user, an image's User and exec. Pure.
 *
 * As Docker: a name or number is looked up in passwd; a number need not be there; without a group
 * the primary one and those the user is a member of count, with one it alone. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct user_identity {
    uint32_t uid, gid;
    uint32_t *groups; /* supplementary, in the arena; gid first */
    size_t group_count;
    const char *home; /* "/" when unknown */
};

/* `text` NULL or "" is uid 0. passwd and group may be NULL (no such file). group_add: names or
 * numbers (--group-add), may be NULL. */
int user_resolve(struct arena *a, const char *text, const char *passwd, const char *group,
                 const struct strv *group_add, struct user_identity *ret,
                 struct error **err) NODISCARD;

/* The name of the number in passwd's text, or NULL. The caller frees. */
char *user_name_of(const char *passwd, uint32_t uid);
