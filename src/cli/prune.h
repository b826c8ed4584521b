// SPDX-License-Identifier: Apache-2.0
/* What the prune verbs have in common: the question, the filters, the sum. Reads standard input,
 * writes to standard output. */
#pragma once

#include "base/json.h"
#include "cli/engine_of.h"

/* Asks unless `force`: whether the answer was yes. Docker's words, the question behind `text`. */
bool prune_confirmed(bool force, const char *text);

/* until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]: which must all hold. */
struct prune_filter {
    char *until; /* RFC 3339: made before; NULL: whenever */
    struct strv labels, not_labels;
};
int prune_filter_parse(const struct strv *texts, struct prune_filter *ret,
                       struct error **err) NODISCARD;
bool prune_filter_fits(const struct prune_filter *f, const char *created, const json_t *labels);
void prune_filter_done(struct prune_filter *f);
static inline void prune_filter_cleanup(struct prune_filter *f)
{
    prune_filter_done(f);
}

/* Removes the stopped containers, or the volumes that no container names (`all`: also those with a
 * name of their own), says which, and adds to *freed what they took. */
int prune_containers(const struct engine *e, const struct prune_filter *f, int64_t *freed,
                     struct error **err) NODISCARD;
int prune_volumes(const struct engine *e, const struct prune_filter *f, bool all, int64_t *freed,
                  struct error **err) NODISCARD;

/* Removes the networks that no container is to be in, running or not, and says which. */
int prune_networks(const struct engine *e, const struct prune_filter *f,
                   struct error **err) NODISCARD;

/* "Total reclaimed space: 5MB" */
void prune_print_sum(int64_t freed);

#define PRUNE_FORCE_HELP "Do not ask"
#define PRUNE_FILTER_HELP "until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]"
