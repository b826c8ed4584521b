// SPDX-License-Identifier: Apache-2.0
/* From a request to a running container. Each function below is one arrow of
 *     request ─► image ─► spec ─► container in the store ─► monitor ─► workload
 *
 * Side effects: files of the store, a process (the monitor) that makes the rest. Whatever fails, or
 * kills the calling command before the workload runs, leaves nothing behind (container.h). */
#pragma once

#include "engine/container.h"
#include "image/image.h"
#include "spec/request.h"

/* Runs it: with `detach`, returns 0 once it runs, its ID printed; else when it has ended, with its
 * exit code. The request's lists are completed from its files (env_files …). */
int engine_run(const struct engine *e, struct run_request *request, struct error **err) NODISCARD;

/* Makes it without starting it, and prints its ID. */
int engine_create(const struct engine *e, struct run_request *request,
                  struct error **err) NODISCARD;

/* What `explain` shows of it: the request, the spec or the plan; changes nothing. */
enum explain_stage { EXPLAIN_REQUEST, EXPLAIN_SPEC, EXPLAIN_PLAN };
int engine_explain(const struct engine *e, struct run_request *request, enum explain_stage stage,
                   bool json, struct strbuf *out, struct error **err) NODISCARD;
