// SPDX-License-Identifier: Apache-2.0
/* What parent and child say to each other while a workload is made.
 *
 * A pair of SOCK_SEQPACKET sockets; every message is one struct, some carry descriptors. Allocates
 * nothing; either side. The child's end is close-on-exec: its closing is the last message.
 *
 *     child                         parent
 *       |  <- GO [detached mounts]     |   only in a user namespace: ids are mapped
 *       |  TERMINAL [master] ->        |   only with a terminal
 *       |  RENDEZVOUS ->               |   only with hooks
 *       |  <- GO                       |
 *       |  READY ->                    |   all is set up
 *       |  <- GO                       |   start
 *       |  LISTENER [fd] ->            |   only for a seccomp profile that notifies
 *       |  (end of file)               |   executed
 * and at any moment FAILED -> from the child, after which it is gone. The process in between, when
 * there is one, sends PID -> first. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "wall/container/step.h"

enum message_kind {
    MESSAGE_EXECED, /* the end of file */
    MESSAGE_PID,
    MESSAGE_GO,
    MESSAGE_TERMINAL,
    MESSAGE_RENDEZVOUS,
    MESSAGE_READY,
    MESSAGE_LISTENER,
    MESSAGE_FAILED,
};

struct message {
    enum message_kind kind;
    pid_t pid;
    struct step_failure failure;
};

#define CHANNEL_FDS_MAX 64 /* of one message */

/* Both ends, close-on-exec. 0 or -errno. */
int channel_pair(int ret_ends[2]);
/* 0 or -errno. */
int channel_send(int channel, const struct message *m, const int *fds, size_t fd_count);
int channel_say(int channel, enum message_kind kind);
/* Fills *ret; at the end of file, kind is MESSAGE_EXECED. Received descriptors are close-on-exec;
 * *fd_count: room in, received out; NULL: none wanted. 0 or -errno. */
int channel_receive(int channel, struct message *ret, int *fds, size_t *fd_count);
