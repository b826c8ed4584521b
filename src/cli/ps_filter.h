// SPDX-License-Identifier: Apache-2.0
/* --filter of `ps`: KEY=VALUE conditions on containers. Conditions of one key are alternatives (but
 * for labels, which must all hold), those of different keys must all hold, as Docker has it. */
#pragma once

#include "engine/container.h"

struct ps_filter;

/* Parses the conditions; before= and since= name containers, looked up in the list. Errors are
 * ERROR_USAGE, or ERROR_NOT_FOUND. */
int ps_filter_new(const struct strv *conditions, struct container *const *list, size_t count,
                  struct ps_filter **ret, struct error **err) NODISCARD;
void ps_filter_free(struct ps_filter *f);
DEFINE_CLEANUP(ps_filter, struct ps_filter *, ps_filter_free)

bool ps_filter_matches(const struct ps_filter *f, const struct container *c);

/* Whether a condition asks for containers that do not run: status, exited. */
bool ps_filter_wants_all(const struct ps_filter *f);
