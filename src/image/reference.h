// SPDX-License-Identifier: Apache-2.0
/* Image references: registry/repository[:tag][@digest], normalised as Docker does
 * ("nginx" → docker.io/library/nginx:latest). Pure; any thread.
 *
 * Grammar and limits are those of the distribution project's reference package: a registry is a
 * host name, an address, or [IPv6], with an optional port; the first component is one when it holds
 * a
 * '.', a ':' or an upper-case letter, or is "localhost". Repository components are lower-case
 * letters and digits, separated by '.', '_', '__' or dashes; a tag is up to 128 of [A-Za-z0-9_.-]
 * and begins with none of '.' and '-'; a digest is sha256:<64 hex digits>. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define REFERENCE_NAME_MAX 255 /* registry and repository together, as Docker's */
#define REFERENCE_TAG_MAX 128
#define DIGEST_HEX_DIGITS 64 /* of sha256, the one algorithm here */
#define REFERENCE_DEFAULT_REGISTRY "docker.io"

/* At least one of tag and digest is set; with both, the digest names the content. */
struct reference {
    char *registry;   /* "docker.io" */
    char *repository; /* "library/nginx" */
    char *tag;        /* or NULL */
    char *digest;     /* "sha256:…" or NULL */
};

/* ERROR_INVALID_INPUT with Docker's words. A reference without tag and digest gets "latest". The
 * caller ends *ret with reference_done(); it is empty on failure. */
int reference_parse(const char *text, struct reference *ret, struct error **err) NODISCARD;
void reference_done(struct reference *r);
static inline void reference_cleanup(struct reference *r)
{
    reference_done(r);
}

/* The caller frees each text. */
char *reference_full(const struct reference *r);            /* docker.io/library/nginx:latest */
char *reference_familiar(const struct reference *r);        /* nginx:latest */
char *reference_familiar_name(const struct reference *r);   /* nginx */
char *reference_text_familiar(const char *full, bool name); /* the same of a full text */

/* "sha256:" and 64 lower-case hex digits. */
bool digest_is_valid(const char *text);
/* The hex digits of a valid digest. Borrowed. */
const char *digest_hex(const char *digest);
