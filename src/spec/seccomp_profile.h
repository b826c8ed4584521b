// SPDX-License-Identifier: Apache-2.0
/* Seccomp profiles as users write them: Docker's form (with conditions) or OCI's, and our default.
 *
 * Pure, but that seccomp_host_read() asks uname(2). A profile in Docker's form has rules that hold
 * only for some capabilities, architectures or kernels; resolving it for a container gives OCI's
 * form, which is what a spec holds.
 *
 * The default profile is equal in effect to Docker's: an allow list that answers EPERM (ENOSYS
 * where programs look for a newer call), with argument filters and additions per capability. It is
 * data in seccomp_default.c; nothing is parsed to have it.
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
    char arch[16];         /* uname's machine: "x86_64", "aarch64" */
    unsigned kernel_major, kernel_minor;
};
/* This machine's; capabilities as given. */
struct seccomp_host seccomp_host_read(uint64_t capabilities);

/* A user's profile in either form. *ret is NULL for one that says nothing ("{}"): no filter. */
int seccomp_profile_resolve(struct arena *a, const json_t *profile, const struct seccomp_host *host,
                            const char *where, struct spec_seccomp **ret,
                            struct error **err) NODISCARD;

/* The default profile for a container. Its strings and arguments are constants. */
struct spec_seccomp *seccomp_profile_default(struct arena *a, const struct seccomp_host *host);

/* Parts that the default and the users' profiles share. */
/* Docker's name of an architecture in conditions: "amd64" for "x86_64"; others as they are. */
const char *seccomp_arch_docker(const char *machine);
/* The specification's names of the machine's architecture and those it also runs; constants. None
 * when unknown: the filter is then for the native one alone. */
void seccomp_arch_list(const char *machine, const char ***ret, size_t *ret_count);
/* Whether the word is in a space-separated list. */
bool seccomp_word_in(const char *word, const char *list);
bool seccomp_kernel_is(const struct seccomp_host *host, unsigned major, unsigned minor);
