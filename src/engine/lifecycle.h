// SPDX-License-Identifier: Apache-2.0
/* What is done to a container that exists: start, stop, kill, remove, … Each names it as the user
 * does (name, ID, prefix) and recovers it first where its monitor was killed.
 *
 * A running container belongs to its monitor: these ask it, over its socket, and wait for events,
 * never for time. What changes the store holds the container's lock (container.h); none is held
 * while waiting for a workload to end, so a second stop, or rm -f, is never stuck behind a first.
 *
 * Side effects: as said. ERROR_NOT_FOUND, and ERROR_BUSY where the state forbids it. */
#pragma once

#include "engine/container.h"

/* Starting one that runs is no error. With `attach` (and `interactive`): returns its exit code. */
struct start_options {
    bool attach, interactive;
    const char *detach_keys;
};
int engine_start(const struct engine *e, const char *name, const struct start_options *options,
                 struct error **err) NODISCARD;

/* timeout_s: -1 for ever; INT_MIN: the container's own. signal 0: the container's own. After the
 * time it is killed. Stopping one that does not run is no error. */
#define STOP_TIMEOUT_OWN INT32_MIN
int engine_stop(const struct engine *e, const char *name, int timeout_s, int signal,
                struct error **err) NODISCARD;
int engine_kill(const struct engine *e, const char *name, int signal, struct error **err) NODISCARD;
int engine_restart(const struct engine *e, const char *name, int timeout_s, int signal,
                   struct error **err) NODISCARD;
/* force: one that runs is killed first. volumes: its anonymous volumes go too. */
int engine_remove(const struct engine *e, const char *name, bool force, bool volumes,
                  struct error **err) NODISCARD;
int engine_pause(const struct engine *e, const char *name, bool paused,
                 struct error **err) NODISCARD;
int engine_rename(const struct engine *e, const char *name, const char *to,
                  struct error **err) NODISCARD;
/* Until its next end: *ret_code is its exit code. One that does not run: its last. */
int engine_wait(const struct engine *e, const char *name, int *ret_code,
                struct error **err) NODISCARD;

struct attach_options {
    bool no_stdin, sig_proxy;
    const char *detach_keys;
};
/* Returns its exit code, 0 after detaching. */
int engine_attach(const struct engine *e, const char *name, const struct attach_options *options,
                  struct error **err) NODISCARD;
