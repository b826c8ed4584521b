// SPDX-License-Identifier: Apache-2.0
/* What a running container uses, for `stats`. Reads the wall's counters and those of the host's end
 * of its network interface; no side effects. */
#pragma once

#include "engine/container.h"
#include "wall/wall.h"

struct container_usage {
    struct wall_stats wall;
    int64_t received_bytes, sent_bytes; /* by the workload; -1: no network of its own */
    int64_t at_ns;                      /* CLOCK_MONOTONIC, when it was read */
};

/* One that does not run: zeros and ERROR_BUSY. */
int engine_usage(const struct engine *e, const struct container *c, struct container_usage *ret,
                 struct error **err) NODISCARD;

/* Opens the workload of a running container: NULL ops are the caller's to check. Close it with
 * (*ret_wall)->close(). ERROR_BUSY "container x is not running". */
int engine_workload(const struct engine *e, const struct container *c,
                    const struct wall_ops **ret_wall, struct workload **ret,
                    struct error **err) NODISCARD;

/* The memory of the host, in bytes: what an unlimited container may use. */
int64_t host_memory_bytes(void);
