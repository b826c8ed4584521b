// SPDX-License-Identifier: Apache-2.0
/* The settings file, /etc/cloison/config.json: JSON, read whole, each top-level key one part's.
 *
 *     {"registries": {…},   image/registry/registry_settings.h
 *      "signatures": {…},   image/registry/signature.h
 *      "images": {…},       image/store/limits.h
 *      "build": {…},        image/build_cache.h
 *      "network": {…},      net
 *      "cgroup_driver": …   engine/cgroup_driver.h
 *      "userns_remap": …,   engine/userns.h
 *      "vm": {…}}           spec/machine.h: "kernel", "monitor", "disk"
 *
 * A key that no part knows is an error that names the nearest known one: a misspelt setting is
 * never silently without effect. A missing file is an empty object. Reads one file; no other side
 * effect. Any thread. */
#pragma once

#include "base/json.h"

#define SETTINGS_BYTES_MAX ((size_t)1 << 20)

/* The whole file. The caller drops the reference. */
int settings_load(const char *path, json_t **ret, struct error **err) NODISCARD;

/* One part's object, {} when absent; an own reference. */
int settings_load_part(const char *path, const char *key, json_t **ret,
                       struct error **err) NODISCARD;

/* Refuses a key of `object` that is not in the NULL-terminated list, naming the nearest one. */
int settings_check_keys(const json_t *object, const char *where, const char *const *known,
                        struct error **err) NODISCARD;
