// SPDX-License-Identifier: Apache-2.0
/* What is done to one container of a project: the functions of crew tasks. Each takes a struct
 * operation. */
#pragma once

#include "compose/members.h"
#include "compose/watch.h"

struct operation {
    const struct engine *engine;
    const struct project *project; /* NULL: the containers alone are known */
    const char *cloison;           /* the path of the program, for hooks */
    const char *service;
    char *name;         /* of the container, owned */
    char *old;          /* ID of the one it replaces or works on; owned, or NULL */
    char *image;        /* image_pull(); owned, or NULL */
    char *image_id;     /* for the label; owned, or NULL */
    const char *policy; /* image_pull() */
    int number;
    int timeout_s; /* STOP_TIMEOUT_OWN, or seconds */
    int signal;    /* 0: the container's own */
    enum await await;
    int await_s; /* 0: for ever */
    bool volumes;
    bool keep_anonymous; /* the new one takes the old one's anonymous volumes */
    bool no_start;
    bool watched;  /* the new one must get ready and stay so, else the old one is back */
    bool keep_old; /* stopped, under its other name */
};
struct operations {
    struct operation **items; /* each on the heap: crew tasks borrow them */
    size_t count;
};
/* A copy of `like`, to be filled in. */
struct operation *operations_add(struct operations *o, const struct operation *like);
void operations_done(struct operations *o);
static inline void operations_cleanup(struct operations *o)
{
    operations_done(o);
}

int op_run(const void *operation, struct error **err);      /* makes and starts a new one */
int op_recreate(const void *operation, struct error **err); /* in place of `old` */
int op_start(const void *operation, struct error **err);
/* One that was started a moment ago, perhaps by a command that was killed in between: its monitor
 * may be about to take it back. */
int op_confirm(const void *operation, struct error **err);
int op_stop(const void *operation, struct error **err);
int op_restart(const void *operation, struct error **err);
int op_kill(const void *operation, struct error **err);
int op_pause(const void *operation, struct error **err);
int op_unpause(const void *operation, struct error **err);
int op_remove(const void *operation, struct error **err); /* stopped before */
int op_drain_and_stop(const void *operation, struct error **err);
int op_rm(const void *operation, struct error **err); /* one that does not run */
int op_await(const void *operation, struct error **err);
int op_pull(const void *operation, struct error **err);
int op_bootstrap(const void *operation, struct error **err); /* the balancer's image */

/* Another of our commands, waited for: "exec", …; its output goes where ours goes. */
int cloison_spawn(const struct engine *e, const char *cloison, const struct strv *arguments,
                  struct error **err) NODISCARD;
/* Becomes it. */
int cloison_become(const struct engine *e, const char *cloison, const struct strv *arguments,
                   struct error **err) NODISCARD;
