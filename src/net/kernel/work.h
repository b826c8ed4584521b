// SPDX-License-Identifier: Apache-2.0
/* What the verbs of cloison-net have in common: the record, the sockets, and what all attachments
 * share, which is checked without a lock and made under <run_dir>/net/kernel.lock. Side effects:
 * files and kernel objects, as each function says. */
#pragma once

#include "net/kernel/guard.h"
#include "net/kernel/netlink.h"
#include "net/record.h"

/* What every verb works with. */
struct work {
    int dir; /* <run_dir>/net */
    struct net_record *record;
    struct netlink route, nf;
    struct guards guards;
};

void work_done(struct work *w);
static inline void work_cleanup(struct work *w)
{
    work_done(w);
}

int work_open_folder(struct work *w, const char *run_dir, struct error **err) NODISCARD;
/* That, the record of this id, and both sockets. */
int work_open(struct work *w, const char *run_dir, const char *id, struct error **err) NODISCARD;
/* Returns the lock's descriptor. */
int work_lock(const struct work *w, struct error **err) NODISCARD;

/* An attachment being undone has this mark: it is no longer one to restore, though its record is
 * still there. Below the folder; the caller frees. */
char *work_ending_path(const char *id);

/* The table anew, from the records. Under the lock. */
int work_make_table(struct work *w, const char *table, struct error **err) NODISCARD;
/* A network's bridge, the table, and it in the table, whichever is missing. Under the lock. */
int work_prepare_network(struct work *w, const struct net_network *n, const char *table,
                         struct error **err) NODISCARD;
/* That for all networks of the record, which takes the lock if anything is missing. */
int work_prepare(struct work *w, struct error **err) NODISCARD;
/* The record's ports. */
int work_publish(struct work *w, struct error **err) NODISCARD;
