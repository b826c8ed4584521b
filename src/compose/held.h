// SPDX-License-Identifier: Apache-2.0
/* Configs and secrets as containers see them: files on tmpfs,
 * <run_dir>/compose/<project>/<section>/ <service>-<key>, bound read-only at their place. What they
 * hold is in no label, environment, record or log. Side effects: those files. */
#pragma once

#include "compose/load.h"
#include "engine/container.h"

/* The path of one for a service. The caller frees. */
char *held_path(const struct engine *e, const struct project *p, const char *section,
                const char *service, const char *source);
/* "/run/secrets/<target>", "/<target>": where it is bound. The caller frees. */
char *held_target(const char *section, const struct node *use);
/* Writes all that the service uses. ERROR_NOT_FOUND: its file or variable is missing. */
int held_write(const struct engine *e, const struct project *p, const char *service,
               struct error **err) NODISCARD;
/* Those of the whole project. */
int held_remove(const struct engine *e, const char *project, struct error **err) NODISCARD;
