// SPDX-License-Identifier: Apache-2.0
/* Signatures on images, cosign's "simple signing" with a key: beside an image of digest
 * sha256:<hex> the repository has the tag sha256-<hex>.sig, a manifest whose layers are payloads
 *     {"critical": {"type": "cosign container image signature",
 *                   "image": {"docker-manifest-digest": …}, "identity": {"docker-reference": …}}}
 * each with its signature in the annotation "dev.cosignproject.cosign/signature" (cosign,
 * SIGNATURE_SPEC.md). Which names must be signed, and by whom, is in the settings:
 *     "signatures": {"require": [{"names": ["registry.example/team/ *"], "keys": ["/etc/….pub"]}]}
 * the first entry that names the repository counts; in a name, * stands for anything. Side effects:
 * network, reads files. */
#pragma once

#include "image/reference.h"
#include "image/registry/registry.h"

struct signature_policy {
    bool required;
    struct strv keys; /* files, PEM: a signature by any of them will do */
};
/* `verify`: a signature is required whatever the settings say; `keys`: more of them. ERROR_USAGE
 * when there is no key to verify with. */
int signature_policy_load(const char *config_path, const struct reference *ref, bool verify,
                          const struct strv *keys, struct signature_policy *ret,
                          struct error **err) NODISCARD;
void signature_policy_done(struct signature_policy *p);

/* Whether the content may be used: the index or manifest that was asked for is signed, or the
 * manifest that was chosen in it. ERROR_DENIED when not. */
int signature_check(const struct signature_policy *p, struct registry *r, struct http *h,
                    const struct reference *ref, const char *named, const char *manifest,
                    struct error **err) NODISCARD;

/* Pure parts, for tests: whether a payload is about this image; whether the base64 signature of the
 * payload is by the key (PEM): 1 or 0. */
int signature_check_payload(const char *text, size_t len, const struct reference *ref,
                            const char *digest, struct error **err) NODISCARD;
int signature_is_by(const char *key_path, const char *payload, size_t len, const char *signature,
                    struct error **err) NODISCARD;
