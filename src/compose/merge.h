// SPDX-License-Identifier: Apache-2.0
/* One Compose file over another: maps by key, lists appended, what is one thing by its identity
 * replaced, commands replaced, !reset and !override. compose-spec 13-merge.md. Pure; inputs are
 * shaped (compose/shape.h) and stay as they are. */
#pragma once

#include "compose/shape.h"

/* `over` over `base`, each a whole file or, with shape_services, a service. NULL when `over` takes
 * it away. */
struct node *merge(struct arena *a, const struct shape *row, const struct node *base,
                   const struct node *over);
extern const struct shape merge_root; /* the row of whole files */

/* What is left once there is nothing more to merge: !reset keys go, tags too. */
struct node *merge_finish(struct arena *a, const struct node *n);
