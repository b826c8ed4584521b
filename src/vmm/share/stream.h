// SPDX-License-Identifier: Apache-2.0
/* The same server inside a machine, for the host to look in: one folder, FUSE's messages on a
 * stream of bytes. The other end is the host's /dev/fuse (wall/vm/files.c).
 *
 * A message begins with its length, as in linux/fuse.h; requests come in, replies go out. Whoever
 * is at the other end is the machine's host, which is trusted with all that is in it. */
#pragma once

#include "vmm/share/fs_session.h"

/* Serves until the input ends (0), or is no stream of requests (-EPROTO), or -errno. */
int stream_serve(struct fs_session *session, int in, int out);
