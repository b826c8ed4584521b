// SPDX-License-Identifier: Apache-2.0
/* --change of import (and the options of bootstrap): Dockerfile instructions that speak of the
 * image config alone, applied to its "config" object (image-spec config.md "Properties"). Pure.
 *
 *     CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR
 * CMD, ENTRYPOINT and VOLUME take a JSON array or words; words of CMD and ENTRYPOINT are a shell's
 * line, as in a Dockerfile. */
#pragma once

#include "base/json.h"
#include "image/reference.h"

/* "CMD [\"sh\"]". ERROR_INVALID_INPUT names the instruction. */
int change_apply(json_t *config, const char *instruction, struct error **err) NODISCARD;
/* Those of a request's "change" array; errors say "--change". */
int change_apply_all(const json_t *request, json_t *config, struct error **err) NODISCARD;
/* The name that a new image is to have: a digest it cannot choose. */
int change_read_reference(const char *text, struct reference *ret, struct error **err) NODISCARD;
/* One instruction by its name and the rest of its line. */
int change_apply_named(json_t *config, const char *name, const char *rest,
                       struct error **err) NODISCARD;

/* "A=b 'c d'" → words, quotes and backslashes understood. ERROR_INVALID_INPUT: an open quote. */
int change_split_words(const char *text, struct strv *ret, struct error **err) NODISCARD;

/* One variable, "NAME=VALUE", as it is. */
int change_add_variable(json_t *config, const char *pair, struct error **err) NODISCARD;
/* A command line, a JSON array or words, under "Cmd" or "Entrypoint". */
int change_set_words(json_t *config, const char *key, const char *text,
                     struct error **err) NODISCARD;
