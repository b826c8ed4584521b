// SPDX-License-Identifier: Apache-2.0
/* From what the file asks for and what there is to the tasks between them: pure but for reading the
 * store. What is as it should be gets no task but a line. */
#pragma once

#include "compose/crew.h"
#include "compose/ops.h"

enum recreate { RECREATE_CHANGED, RECREATE_NEVER, RECREATE_ALWAYS };

struct reconcile {
    const struct engine *engine;
    const struct project *project;
    const char *cloison;
    const struct members *members;
    struct strv services; /* in the order of project_order(): those to bring up */
    const json_t *scale;  /* {"web": 3}: --scale */
    const json_t *images; /* {"nginx": "sha256:…"}: what the names lead to now */
    enum recreate recreate;
    const struct strv *recreate_needs; /* all but these are made anew; NULL: as `recreate` says */
    int timeout_s;
    bool unsure; /* the last `up` did not end: what it began may still go */
    bool no_start, renew_anonymous, remove_orphans;
    bool wait; /* until all are running or healthy */
    int wait_s;
    /* its results */
    struct operations operations;
    struct crew crew;
    struct strv recreated; /* services whose containers are new */
};

/* Fills in `crew` and `operations`. */
void reconcile_plan(struct reconcile *r);
void reconcile_done(struct reconcile *r);

/* How many replicas a service is to have: --scale, else the file's, else as many as there are. */
int reconcile_scale(const struct reconcile *r, const char *service);
