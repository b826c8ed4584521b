// SPDX-License-Identifier: Apache-2.0
/* Executing cloison-net, the one program that speaks netlink. A failure is one JSON object
 * (base/error_json.h) on its standard output; of its verbs, only `attach` prints anything when it
 * succeeds. Side effects: one child process, waited for. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* The helper's nf_tables socket is ours, inherited as this descriptor, and open until this process
 * ends: the last close of such a socket waits until the kernel has freed what recent transactions,
 * anybody's, removed; 15 ms and more. */
#define NET_HELPER_FIREWALL_FD 3
#define NET_HELPER_LOCK_FD 4
/* In <run_dir>/net, over every change of what all attachments share. */
#define NET_KERNEL_LOCK "kernel.lock"

/* Runs one of our programs that prints nothing, or its error as JSON, with the descriptors given.
 */
struct spawn_fd;
int net_program_run(const char *program, const char *const *arguments, const struct spawn_fd *fds,
                    size_t fd_count, struct error **err) NODISCARD;
/* Runs `cloison-net <arguments…>` (NULL-terminated, the verb first). Its error becomes *err. */
int net_helper_run(const char *const *arguments, struct error **err) NODISCARD;
/* The same, and the lock is held until the helper has ended, also when this process is killed. */
int net_helper_run_locked(const char *const *arguments, int lock_fd, struct error **err) NODISCARD;

/* The same in two steps, so that its loading goes on beside the caller's own work. */
struct net_helper {
    const char *program;
    pid_t pid; /* 0: none */
    int sock;  /* its standard output, from which it reads its input, too */
};
int net_helper_start(const char *const *arguments, struct net_helper *ret,
                     struct error **err) NODISCARD;
/* Gives it the rest of its input (NULL: nothing, it waits for none), and waits for its end. What it
 * printed when it succeeded: *ret_answer, the caller frees; NULL: nothing, or more than ANSWER_MAX.
 */
int net_helper_finish(struct net_helper *h, const char *input, void **ret_answer, size_t *ret_len,
                      struct error **err) NODISCARD;
/* It is no longer wanted: without its input it does nothing, and ends. */
void net_helper_drop(struct net_helper *h);

/* Our nf_tables socket, see above; -1: the kernel has none. */
int net_helper_firewall(void);
