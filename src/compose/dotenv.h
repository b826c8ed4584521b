// SPDX-License-Identifier: Apache-2.0
/* Variables: those of the process, and .env files. compose-spec 05-services.md "env_file",
 * "Env_file format". Reads files; no other side effect. */
#pragma once

#include "base/json.h"
#include "base/yaml/interpolate.h"

#define DOTENV_BYTES_MAX (1u << 20)

/* A project's variables: the process's environment first, then what files said. */
struct environment {
    json_t *values;  /* object of strings: from files */
    bool no_process; /* tests: the process's environment is left out */
};
void environment_init(struct environment *e);
void environment_done(struct environment *e);
static inline void environment_cleanup(struct environment *e)
{
    environment_done(e);
}
/* struct variables' lookup; `context` is the struct environment. */
const char *environment_lookup(void *context, const char *name);

/* Reads KEY=VALUE lines into `values` (an object; a later line wins). Values are interpolated with
 * what stands before them and with `variables`, unless single-quoted or `raw`. A bare KEY takes the
 * variable's value, and is left out where it has none. `name` is the file's, for messages. */
int dotenv_parse(const char *text, const char *name, const struct variables *variables, bool raw,
                 json_t *values, struct error **err) NODISCARD;
/* ERROR_NOT_FOUND when there is no such file. */
int dotenv_load(const char *path, const struct variables *variables, bool raw, json_t *values,
                struct error **err) NODISCARD;
