// SPDX-License-Identifier: Apache-2.0
/* The client's SSH agent for a step: a socket of the step's owner and mode, from which a process
 * passes everything on to the agent's own. Side effects: a process that ends with its starter, a
 * socket. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

int ssh_relay(const char *agent, const char *path, mode_t mode, uid_t uid, gid_t gid,
              struct error **err) NODISCARD;
/* An agent of the caller's own, which has this key alone and ends with the caller: its socket is at
 * `path`. By the programs ssh-agent and ssh-add. */
int ssh_agent_with_key(const char *key, const char *path, struct error **err) NODISCARD;
