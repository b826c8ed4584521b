// SPDX-License-Identifier: Apache-2.0
/* `pull_policy`: when a service's image is asked for anew. compose-spec 05-services.md. Keeps, for
 * daily, weekly and every_…, when an image was last fetched: a file's time in
 * <data_dir>/compose-pulls. */
#pragma once

#include "engine/container.h"

/* Whether it is a policy of the specification. */
bool pull_policy_is_known(const char *policy);
/* In image_ensure()'s words, for now: "always", "missing" or "never". `policy` may be NULL. */
const char *pull_policy_now(const struct engine *e, const char *image, const char *policy);
/* The image has been fetched. */
void pull_note(const struct engine *e, const char *image);
