// SPDX-License-Identifier: Apache-2.0
/* What a registry asks for before it answers, and the tokens that its service gives to whoever has
 * credentials or to anybody (distribution's "Token Authentication" and "OAuth2 Token
 * Authentication"). Side effects: network. */
#pragma once

#include "image/registry/credentials.h"
#include "image/registry/http.h"

struct challenge { /* of a WWW-Authenticate header, RFC 9110 §11.6.1 */
    bool bearer, basic;
    char *realm, *service, *scope;
};
void challenge_parse(const char *header, struct challenge *ret);
void challenge_done(struct challenge *c);
static inline void challenge_cleanup(struct challenge *c)
{
    challenge_done(c);
}

struct token {
    char *authorization;   /* the value of an Authorization header */
    char *identity_token;  /* of a login: to be kept instead of the password, or NULL */
    int64_t expires_at_ms; /* of CLOCK_MONOTONIC; 0: never */
};
void token_done(struct token *t);

struct token_request {
    const struct challenge *challenge;
    const struct credentials *credentials;
    const struct strv *scopes; /* "repository:library/nginx:pull,push" */
    const struct http_tls *tls;
    bool insecure; /* also: a token service without TLS will do */
    bool login;    /* an identity token is asked for */
};
/* Answers a challenge. ERROR_DENIED when nothing that we have will do. */
int auth_answer(struct http *h, const struct token_request *q, struct token *ret,
                struct error **err) NODISCARD;

/* The URL of the next page in a Link header (RFC 8288: <URL>; rel="next"); NULL when there is none.
 * Pure; the caller frees. */
char *link_next(const char *header);
