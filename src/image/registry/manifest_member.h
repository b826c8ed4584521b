// SPDX-License-Identifier: Apache-2.0
/* What the verbs "manifest …" ask of a registry: describing a member, and having it in the list's
 * repository. Side effects: network. */
#pragma once

#include "image/registry/manifest_list.h"
#include "image/registry/registry.h"
#include "image/registry/remote.h"

/* Adds what a reference leads to, an image or every image of an index, with the platform that its
 * config tells. The registry is opened at the reference's repository. */
int manifest_member_add(struct registry *r, struct http *h, const struct reference *ref,
                        struct manifest_list *l, struct error **err) NODISCARD;

/* The descriptor of a manifest that is an image's, as of an index, with that platform. */
int manifest_member_describe(struct registry *r, struct http *h, const json_t *json,
                             const struct remote_text *text, json_t **ret,
                             struct error **err) NODISCARD;

/* Lets the registry's repository have a member that another of its repositories has: its blobs are
 * mounted, its manifest is put. */
int manifest_member_copy(struct registry *r, struct http *h, const json_t *member,
                         struct error **err) NODISCARD;
