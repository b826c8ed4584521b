// SPDX-License-Identifier: Apache-2.0
/* The verbs of cloison-compose: each takes the request and prints its result on standard output.
 * Returns an exit status, or a negative errno with *err set. */
#pragma once

#include "compose/crew.h"
#include "compose/members.h"
#include "compose/ops.h"
#include "compose/request.h"

typedef int compose_verb(const struct compose_request *r, struct error **err);

compose_verb verb_config, verb_version, verb_volumes, verb_commit, verb_export;
compose_verb verb_up, verb_create, verb_down, verb_scale;
compose_verb verb_start, verb_stop, verb_restart, verb_kill, verb_pause, verb_unpause, verb_rm;
compose_verb verb_ps, verb_ls, verb_images, verb_logs, verb_port, verb_events, verb_stats, verb_top;
compose_verb verb_exec, verb_run, verb_cp, verb_wait, verb_attach, verb_watch;
compose_verb verb_boot, verb_build, verb_pull, verb_push, verb_trust, verb_kubernetes;

/* The project, its warnings printed on standard error. */
int verb_project(const struct compose_request *r, const struct strv *services, struct project **ret,
                 struct error **err) NODISCARD;
/* Each name must be one of the project's services. */
int verb_check_services(const struct project *p, const struct strv *names,
                        struct error **err) NODISCARD;

/* `name`, and with `deps` what it needs, each once, what is needed first. */
void verb_add_with_needs(const struct project *p, const char *name, bool deps, struct strv *ret);
/* image_needs.c: fetches and builds what is missing, and notes what each name leads to. */
int verb_ensure_images(const struct compose_request *r, const struct project *p,
                       const struct strv *services, json_t *images, struct error **err) NODISCARD;

/* What verbs on existing containers work with: the project's name and containers, and the file
 * where there is one (with -p none is needed). */
struct scope {
    struct project *project; /* or NULL */
    char *name;
    struct members members;
};
int scope_load(const struct compose_request *r, struct scope *ret, struct error **err) NODISCARD;
void scope_done(struct scope *s);
static inline void scope_cleanup(struct scope *s)
{
    scope_done(s);
}
/* Each name must be a service of the file, or of a container. */
int scope_check(const struct scope *s, const struct strv *names, struct error **err) NODISCARD;
/* The service's container, the one that --index names. ERROR_NOT_FOUND. */
int scope_container(const struct scope *s, const char *service, int64_t index,
                    const struct member **ret, struct error **err) NODISCARD;

/* Held while a verb changes the project: a second one waits, and says so. Returns its fd. */
int project_lock(const struct compose_request *r, const char *name, struct error **err) NODISCARD;

/* One operation on each container of the services named (all when none is), dependents first with
 * `reverse`, else what they need first. `wanted` NULL: every one. */
struct each_member {
    int (*run)(const void *operation, struct error **err);
    const char *doing, *done;
    bool (*wanted)(const struct member *m);
    bool reverse, one_off;
    struct operation like;
};
int on_each_member(const struct compose_request *r, const struct scope *s, const struct strv *names,
                   const struct each_member *each, struct error **err) NODISCARD;
/* --progress, --ansi and --parallel, in front of the verb. */
int verb_crew_style(const struct compose_request *r, struct crew *crew,
                    struct error **err) NODISCARD;
/* --timeout in seconds, else the container's own. */
int asked_timeout(const struct compose_request *r);
/* watch.c: a process that does what `develop.watch` asks for; a byte comes through `wake_fd` when
 * containers were made anew. The caller ends it. */
int watch_check(const struct project *p, const struct strv *services, struct error **err) NODISCARD;
pid_t watch_beside(const struct compose_request *r, const struct project *p, int wake_fd,
                   struct error **err) NODISCARD;
/* resource_teller of resources.h: a line on standard error, in the style of `context`, a crew. */
void tell_resource(void *context, const char *what, const char *name, const char *word);

/* logs.c: follows the containers' logs, each line behind its container's name, until all have
 * ended. `stop_on_exit`: until the first has ended, `stop_on_failure`: with another code than 0;
 * `ended` is its index (-1: none). */
struct follow {
    const struct engine *engine;
    const struct member **members;
    size_t count;
    bool follow, timestamps, no_color, no_prefix, stop_on_exit, stop_on_failure;
    int64_t tail; /* -1: all */
    struct timespec since, until;
    const struct strv *known; /* IDs that `since` is for; NULL: all */
    ssize_t ended;
    int wake_fd; /* a byte there ends the following; -1: none */
};
int logs_follow(struct follow *f, struct error **err) NODISCARD;
