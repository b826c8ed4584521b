// SPDX-License-Identifier: Apache-2.0
/* What a build tells while it runs, on standard error: on a terminal the steps with their state,
 * time and last lines, redrawn, a step folded when it is done; in plain mode a line for each thing
 * that happens, "#7 0.412 text"; as JSON lines; or nothing. The failing step's output whole at the
 * end, with the Dockerfile's lines and a mark. */
#pragma once

#include "build/build.h"

enum progress_mode { PROGRESS_QUIET, PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_JSON };

struct progress *progress_new(struct build *b, enum progress_mode mode);
/* "auto", "plain", "tty", "rawjson", "quiet". ERROR_USAGE. */
int progress_mode_parse(const char *text, bool quiet, enum progress_mode *ret,
                        struct error **err) NODISCARD;
void progress_step(struct progress *p, struct stage *s, struct build_step *step);
void progress_output(struct progress *p, struct build_step *step, const char *bytes, size_t len);
/* Something that is no step: "exporting image". */
void progress_note(struct progress *p, const char *text);
/* Redraws, at most ten times a second. */
void progress_tick(struct progress *p);
/* The step that failed: its output, and where it stands, the word that the error names marked. */
void progress_failure(struct progress *p, const struct build_step *step, const char *error);
void progress_free(struct progress *p);
