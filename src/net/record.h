// SPDX-License-Identifier: Apache-2.0
/* What is known of one container's attachment, for whoever makes, changes or undoes it in another
 * process, and for who serves its names: <run_dir>/net/attachments/<id>.json, written before the
 * first lease is taken and removed after the last thing is undone. So whatever exists has a record.
 * Side effects: that file. */
#pragma once

#include <stdint.h>

#include "net/net.h"
#include "net/settings.h"

struct net_record {
    char *id;
    char *name, *hostname; /* what others call it; or NULL */
    char table[NET_TABLE_BYTES];
    struct strv dns; /* its own resolvers */
    struct net_attachment *attachment;
    pid_t
        reserver; /* the process that reserved, and when it started: alive, it still works on it */
    uint64_t reserver_start;
};
void net_record_free(struct net_record *r);
DEFINE_CLEANUP(net_record, struct net_record *, net_record_free)

/* dir: <run_dir>/net. -ENOENT when there is none, without *err. */
int net_record_load(int dir, const char *id, struct net_record **ret, struct error **err) NODISCARD;
int net_record_save(int dir, const struct net_record *r, struct error **err) NODISCARD;
/* From a record's text: for the fuzz target, too. */
int net_record_from_json(const json_t *json, const char *where, struct net_record **ret,
                         struct error **err) NODISCARD;
/* The ids of all records, appended; unreadable folders count as empty. */
void net_record_list(int dir, struct strv *ret_ids);
