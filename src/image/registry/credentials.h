// SPDX-License-Identifier: Apache-2.0
/* Logins, kept where Docker and Podman keep and look for them. Read, the first that knows the
 * registry:
 *     $REGISTRY_AUTH_FILE, alone when it is set; else $DOCKER_CONFIG/config.json, alone when set;
 * else $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/<uid>/auth.json),
 *     ~/.config/containers/auth.json, ~/.docker/config.json
 * A file holds {"auths": {registry[/repository]: {"auth", "identitytoken"}}} and names programs
 * that keep the secrets instead: "credHelpers": {registry: NAME}, "credsStore": NAME, each a
 * program docker-credential-NAME (containers-auth.json(5), docker-credential-helpers' protocol). A
 * login is written to the first of $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json and
 * ~/.docker/config.json that is named. Side effects: files, processes. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

struct credentials {
    char *basic;          /* base64 of "user:password", or NULL */
    char *identity_token; /* to be changed for a token, or NULL */
};
void credentials_done(struct credentials *c);

/* Of a registry, for one of its repositories (or NULL); none is no error: *ret is then empty. */
int credentials_load(const char *registry, const char *repository, struct credentials *ret,
                     struct error **err) NODISCARD;

struct login {
    const char *user, *password;
    const char *identity_token; /* kept instead of the password; or NULL */
};
/* *ret_where says where it is now: "the program 'docker-credential-x'" or a file. */
int credentials_save(const char *registry, const struct login *login, char **ret_where,
                     bool *ret_plain, struct error **err) NODISCARD;
/* From every place. 1: there was one, 0: there was none. */
int credentials_erase(const char *registry, struct error **err) NODISCARD;

char *credentials_basic(const char *user, const char *password); /* base64; the caller frees */

/* What one file's content says, without calling any program: pure. *ret_helper: the program's NAME
 * that has it, or NULL. `key` of the file under which it stands, NULL when there is none. */
int credentials_parse(const json_t *json, const char *where, const char *registry,
                      const char *repository, struct credentials *ret, char **ret_helper,
                      struct error **err) NODISCARD;
