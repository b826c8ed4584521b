// SPDX-License-Identifier: Apache-2.0
/* Asking a container's monitor for something, over attach.sock. */
#pragma once

#include "engine/attach.h"
#include "engine/container.h"

/* Connects. ERROR_BUSY "container x is not running" when there is no monitor. Returns the fd. */
int control_connect(const struct engine *e, const struct container *c,
                    struct error **err) NODISCARD;
/* Sends one request and waits for its answer. */
int control_request(const struct engine *e, const struct container *c, enum frame_type type,
                    const void *data, size_t len, struct error **err) NODISCARD;
/* The same over a connection that is already there; other frames are skipped. A monitor that ends
 * instead of answering, of itself or killed, is waited for: "container x is not running". */
int control_ask(const struct container *c, int sock, enum frame_type type, const void *data,
                size_t len, struct error **err) NODISCARD;
/* Waits for FRAME_EXIT (with `final`, for the last one) until the time is over: 1 when it came (or
 * the monitor is gone: ret->code is what it left, 137 when it was killed), 0 when not in time.
 * timeout_ms -1: for ever. */
int control_await_exit(const struct engine *e, const struct container *c, int sock, bool final,
                       int timeout_ms, struct frame_exit *ret, struct error **err) NODISCARD;

/* What failed on a workload that has ended meanwhile failed for that: the error then is that the
 * container is not running, else *mine as it is. Returns its code. */
int control_explain(const struct container *c, int result, struct error **mine, struct error **err);
