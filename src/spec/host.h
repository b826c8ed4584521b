// SPDX-License-Identifier: Apache-2.0
/* What spec_from_image() may ask of this machine, where it is only looked at: devices, CPUs, this
 * process's capabilities, the user's files. Reads /proc, /sys and /dev; changes nothing. Any
 * thread.
 */
#pragma once

#include "spec/request.h"

/* Fills in what the request needs of the host: names, CPUs, capabilities, LSMs, cwd, `devices` and
 * `read_json`. What is expensive is read only when the request asks for it. Strings live in the
 * arena. Left to the caller: id, name, paths, the image's files, cgroups, other containers. */
void spec_environment_host(struct arena *a, const struct run_request *request,
                           struct spec_environment *ret);

/* As spec_environment.devices; `context` unused. For a folder: its devices in all depths, but not
 * what every container gets its own of (pts, shm, mqueue, console, null, zero, …). */
int host_devices_list(void *context, const char *path, struct arena *a, struct spec_device **items,
                      size_t *count, struct error **err) NODISCARD;
/* As spec_environment.read_json. */
int host_json_read(void *context, const char *path, json_t **ret, struct error **err) NODISCARD;
