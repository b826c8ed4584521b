// SPDX-License-Identifier: Apache-2.0
/* A container and a volume as `inspect` shows them: Docker's shape and names. Reads the store. */
#pragma once

#include "base/json.h"
#include "base/options.h"
#include "engine/container.h"

/* The container's whole description; `size` adds SizeRw and SizeRootFs. A new reference; parts that
 * cannot be read (an image that is gone) are left out. */
json_t *inspect_container(const struct engine *e, const struct container *c, bool size);

/* Its HostConfig: what was asked of `run`, in Docker's words. */
json_t *inspect_host_config(const struct engine *e, const struct container *c, const json_t *spec);

/* Its mounts that the user asked for: binds, volumes, tmpfs, images. */
json_t *inspect_mounts(const struct engine *e, const struct container *c, const json_t *spec);

/* A network as Docker shows it, with the containers in it. ERROR_NOT_FOUND. */
int inspect_network(const struct engine *e, const char *name, json_t **ret,
                    struct error **err) NODISCARD;

/* NULL when there is no such volume. */
json_t *inspect_volume(const struct engine *e, const char *name);

/* {"Id", "Name", "Wall", "Pid", "Isolation": facts} of a running container: see wall/facts.h. */
int inspect_isolation(const struct engine *e, const char *name, json_t **ret,
                      struct error **err) NODISCARD;
/* The same in words; `follows` another. */
void print_isolation(const json_t *object, bool follows);

/* Prints all that is known of the objects of a type, one after the other or in an array; those that
 * are not there have a line on standard error and make the exit status 1. */
int inspect_objects(const struct command_context *context, const char *type, const char *format,
                    int argc, char **argv, struct error **err) NODISCARD;
