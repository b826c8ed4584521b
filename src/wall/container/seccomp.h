// SPDX-License-Identifier: Apache-2.0
/* Seccomp: a profile becomes a BPF program (libseccomp), kept in a cache, loaded by the child.
 *
 * Side effects: seccomp_program_get() reads and writes files in the cache folder;
 * seccomp_program_load() binds the calling process. The planning side runs in any process; the
 * child calls seccomp_program_load() alone, which allocates nothing.
 *
 * Use: seccomp_program_get() while planning (about 50 µs when the program is in the cache, a few
 * milliseconds when it is not); in the child, after no_new_privs and the capabilities are set (a
 * profile without CAP_SYS_ADMIN and without no_new_privs must be loaded before they are dropped),
 * last before exec: seccomp_program_load(). A profile with a notify action gives a listener there,
 * which the child sends to its parent; the parent hands it on with seccomp_send_listener().
 *
 * A cached program is <cache_dir>/seccomp-<hash>: the profile as it was, the kernel's architecture,
 * libseccomp's version, the program. The whole key is compared, so a clash of hashes or a damaged
 * file costs a compilation, never a wrong program. Files are root's, mode 0600, written whole.
 * Specifications: OCI runtime 1.2 config-linux.md#seccomp; man 2 seccomp. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

struct sock_filter;

struct seccomp_program {
    const struct sock_filter *instructions;
    unsigned short count;
    unsigned int flags;            /* of seccomp(2): SECCOMP_FILTER_FLAG_* */
    bool notify;                   /* the flags ask for a listener */
    const char *listener_path;     /* NULL without notify */
    const char *listener_metadata; /* or NULL */
    const char *summary;           /* one line for `explain` */
};

/* The program of a profile; what it points to lives in the arena. `cache_dir` NULL: no cache. An
 * unusable cache folder is no error. System calls that libseccomp does not know are left out, as
 * every OCI runtime does; unknown actions, operators, architectures and flags are errors. */
int seccomp_program_get(struct arena *a, const struct spec_seccomp *profile, const char *cache_dir,
                        struct seccomp_program *ret, struct error **err) NODISCARD;

/* What a program has besides its instructions; refuses a notify action that cannot work. */
int seccomp_describe(struct arena *a, const struct spec_seccomp *s, struct seccomp_program *ret,
                     struct error **err) NODISCARD;

/* The same as seccomp_program_get() without a cache. */
int seccomp_compile(struct arena *a, const struct spec_seccomp *profile,
                    struct seccomp_program *ret, struct error **err) NODISCARD;

/* In the child: loads the program. The listener's fd when p->notify, else 0; or -errno. */
int seccomp_program_load(const struct seccomp_program *p);

/* In the parent: sends the listener (with state: OCI's ContainerProcessState, made by the caller of
 * `container_state`, the workload's state as JSON) to p->listener_path. Closes the listener. */
int seccomp_send_listener_take(const struct seccomp_program *p, int listener_fd, pid_t pid,
                               const char *container_state_json, struct error **err) NODISCARD;
