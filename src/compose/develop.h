// SPDX-License-Identifier: Apache-2.0
/* The rules of `develop.watch`: which changes of files ask for what. compose-spec develop.md. Reads
 * the build contexts' .dockerignore; no other side effect. */
#pragma once

#include "build/file/ignore.h"
#include "compose/load.h"

struct watch_rule {
    const char *service; /* borrowed from the model, as are all */
    const char *action;  /* "sync", "sync+restart", "sync+exec", "restart", "rebuild" */
    const char *path;    /* absolute: a file or a folder */
    const char *target;  /* in the container; NULL unless it syncs */
    const struct node *exec, *at;
    struct ignore ignored, included;
    bool initial_sync;
};
struct watch_rules {
    struct watch_rule *items; /* in the file's order, service by service */
    size_t count;
};

/* Those of the services named, or of all. ERROR_INVALID_INPUT names the place of a rule that lacks
 * something; ERROR_USAGE: there is none. */
int watch_rules_load(const struct project *p, const struct strv *services, struct watch_rules *ret,
                     struct error **err) NODISCARD;
void watch_rules_done(struct watch_rules *r);
static inline void watch_rules_cleanup(struct watch_rules *r)
{
    watch_rules_done(r);
}

bool watch_rule_syncs(const struct watch_rule *r);
/* Whether a change of the path concerns the rule: what is behind the rule's path ("" for itself,
 * else "a/b"), or NULL. */
const char *watch_rule_takes(const struct watch_rule *r, const char *path);
/* Whether a folder holds nothing that any rule may want. */
bool watch_rules_pass_over(const struct watch_rules *r, const char *folder);
