// SPDX-License-Identifier: Apache-2.0
/* YAML 1.2 (libfyaml) to nodes: the core schema's types, anchors and aliases, merge keys (`<<`),
 * variables interpolated in values, duplicate keys refused. Pure.
 *
 * Bounded: what aliases stand for is counted each time they are used, so that a few lines cannot
 * ask for gigabytes. */
#pragma once

#include "base/yaml/interpolate.h"
#include "base/yaml/node.h"

#define YAML_BYTES_MAX (4u << 20)
#define YAML_NODES_MAX 200000u /* aliases written out: far more than any real file */

/* One document; an empty text gives an empty map. `name` is copied into the nodes' places.
 * `variables` NULL: nothing is interpolated. */
int yaml_parse(struct arena *a, const char *text, size_t len, const char *name,
               const struct variables *variables, struct node **ret, struct error **err) NODISCARD;

/* The tree as YAML text that reads back as the same tree. */
void yaml_write(const json_t *value, struct strbuf *out);
