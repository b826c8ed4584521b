// SPDX-License-Identifier: Apache-2.0
/* The program cloison-image as this build's worker (image/store/build_worker.c): it hashes,
 * compresses and keeps layers while the next steps run, and fetches. Side effects: a process. */
#pragma once

#include "base/json.h"
#include "build/build.h"

/* b->sealer is there: started, unless it was. */
int sealer_need(struct build *b, struct error **err) NODISCARD;
/* It will be needed, probably: begins to start it and waits for nothing. While another thread than
 * the caller's uses `b` for reading alone. */
void sealer_expect(struct build *b);
/* The folder that steps write below. */
const char *sealer_folder(const struct sealer *s);
/* To poll for reading. */
int sealer_fd(const struct sealer *s);

/* Sends a request; `answered` is called from sealer_read() or sealer_wait(), with the answer or the
 * error, which are borrowed. `request` is taken. */
typedef void sealer_answered(void *context, const json_t *answer, const struct error *error);
int sealer_ask(struct sealer *s, json_t *request, sealer_answered *answered, void *context,
               struct error **err) NODISCARD;
/* Takes what has come. */
int sealer_read(struct sealer *s, struct error **err) NODISCARD;
/* Until nothing is asked any more. */
int sealer_wait(struct sealer *s, struct error **err) NODISCARD;
size_t sealer_asked(const struct sealer *s);
/* Asks and waits for this answer; those of others are told on the way. A new reference. */
int sealer_call(struct sealer *s, json_t *request, json_t **ret, struct error **err) NODISCARD;
/* Ends it: what was not committed goes. NULL is fine. */
void sealer_stop(struct sealer *s);
