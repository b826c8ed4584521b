// SPDX-License-Identifier: Apache-2.0
/* Who we are to a registry: credentials that a login wrote, and the tokens that the registry's
 * service gives for them or to anybody (distribution specification, "Token Authentication").
 * Side effects: reads files, network. */
#pragma once

#include "base/error.h"
#include "image/registry/http.h"

struct credentials {
    char *basic;          /* base64 of "user:password", or NULL */
    char *identity_token; /* to be changed for a token, or NULL */
};
/* Of $REGISTRY_AUTH_FILE, else $DOCKER_CONFIG/config.json, else ~/.docker/config.json; none is no
 * error. */
int credentials_load(const char *registry, struct credentials *ret, struct error **err) NODISCARD;
void credentials_done(struct credentials *c);

struct challenge { /* of a WWW-Authenticate header, RFC 9110 §11.6.1 */
    bool bearer, basic;
    char *realm, *service, *scope;
};
void challenge_parse(const char *header, struct challenge *ret);
void challenge_done(struct challenge *c);

/* Answers a challenge: the caller frees *ret_authorization, the value of an Authorization header.
 * ERROR_DENIED when nothing that we have will do. */
int auth_answer(struct http *h, const char *header, const struct credentials *c,
                const char *repository, bool insecure, char **ret_authorization,
                struct error **err) NODISCARD;
