// SPDX-License-Identifier: Apache-2.0
/* Indexes for several platforms, being put together: kept in <data_dir>/manifests, one file each,
 *     <sha256 of the name>.json  {"name": full reference, "manifests": [descriptors as in an index,
 *                                 with "reference": the one it was added by]}
 * under a lock that each change holds. The verbs "manifest …" (manifest_verbs.c) change and push
 * them. Side effects: files. */
#pragma once

#include "base/json.h"
#include "image/reference.h"

struct manifest_list {
    char *path;
    char *name;   /* full */
    int lock;     /* held until manifest_list_done() */
    json_t *json; /* NULL: there is none of this name */
};
/* Of an absent one, json is NULL and that is no error. */
int manifest_list_open(const char *data_dir, const struct reference *name,
                       struct manifest_list *ret, struct error **err) NODISCARD;
/* The same, absent: ERROR_NOT_FOUND. */
int manifest_list_open_existing(const char *data_dir, const struct reference *name,
                                struct manifest_list *ret, struct error **err) NODISCARD;
int manifest_list_save(const struct manifest_list *l, struct error **err) NODISCARD;
int manifest_list_remove(const struct manifest_list *l, struct error **err) NODISCARD;
void manifest_list_done(struct manifest_list *l);
static inline void manifest_list_cleanup(struct manifest_list *l)
{
    manifest_list_done(l);
}

/* Adds a descriptor, which is taken, in place of one of the same digest. */
void manifest_list_add(struct manifest_list *l, const char *reference, json_t *descriptor);
/* The entry that was added by a reference or has its digest, borrowed; NULL: none. */
json_t *manifest_list_find(const struct manifest_list *l, const struct reference *member);
/* The index as a registry gets it: Docker's kind where all members are, else OCI's. *ret_type is
 * static. A new reference. */
json_t *manifest_list_index(const struct manifest_list *l, const char **ret_type);
