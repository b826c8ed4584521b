// SPDX-License-Identifier: Apache-2.0
/* Where the project's own programs are. Reads /proc/self/exe; no other side effect. */
#pragma once

/* The absolute path of a heavy program ("cloison-net"): beside the running program when it is there
 * (a build folder), else in libexec. Environment variables are not consulted: this runs as root.
 * The caller frees. */
char *program_path(const char *name);
