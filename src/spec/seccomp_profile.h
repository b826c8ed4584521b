// SPDX-License-Identifier: Apache-2.0
/* Seccomp profiles as users write them: Docker's form (with conditions) or OCI's, and our default.
 *
 * Pure. A profile in Docker's form has rules that hold only for some capabilities, architectures or
 * kernels; resolving it for a container gives OCI's form, which is what a spec holds.
 *
 * The default profile is equal in effect to Docker's: an allow list that answers EPERM (ENOSYS
 * where programs look for a newer call), with argument filters and additions per capability. Its
 * source is spec/seccomp_default.json, in Docker's form, part of the program.
 *
 * Specification: OCI runtime 1.2 config-linux.md#seccomp; Docker's "Seccomp security profiles". */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

/* What conditions are judged by. */
struct seccomp_host {
    uint64_t capabilities; /* the container's bounding set */
    const char *arch;      /* uname's machine: "x86_64", "aarch64" */
    unsigned kernel_major, kernel_minor;
};
/* This machine's, by uname(2); capabilities as given. */
struct seccomp_host seccomp_host_read(uint64_t capabilities);

/* A user's profile in either form. */
int seccomp_profile_resolve(struct arena *a, const json_t *profile, const struct seccomp_host *host,
                            const char *where, struct spec_seccomp **ret,
                            struct error **err) NODISCARD;

/* The default profile for a container. Cheap: see spec_seccomp.text in spec.h. */
struct spec_seccomp *seccomp_profile_default(struct arena *a, const struct seccomp_host *host);
