// SPDX-License-Identifier: Apache-2.0
/* Locking a process in that reads what strangers wrote. Two steps, for the first is shared by all
 * layers of one command:
 *     confine_outer()  namespaces of its own: no network, no mount but the folder, which is "/";
 *     confine_inner()  a folder below as "/", the capabilities that making files takes, seccomp.
 * Cannot be undone. Single-threaded callers. What is open stays open. Specification: man 7
 * mount_namespaces, pivot_root(2), man 7 capabilities, man 2 seccomp. */
#pragma once

#include "base/error.h"

/* `folder` is an open folder. */
int confine_outer(int folder, struct error **err) NODISCARD;
/* `path` is relative to the folder. */
int confine_inner(const char *path, struct error **err) NODISCARD;
