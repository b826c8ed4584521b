// SPDX-License-Identifier: Apache-2.0
/* One build, from its request to its image: what all parts of this folder share.
 *
 *     request ─► contexts, Dockerfile ─► stages (graph.c) ─► images of the needed ones
 *             ─► steps (evaluate*.c) ─► layers, from the cache or made (execute.c) ─► image,
 * outputs
 *
 * The program cloison-build is one process with one thread and an event loop; what runs or copies
 * is a forked child (job.h); what hashes, compresses and keeps layers is cloison-image (sealer.h),
 * started when the first step is not in the cache. Side effects: all of a build's. */
#pragma once

#include "build/context.h"
#include "build/options.h"
#include "build/stage.h"
#include "engine/container.h"

struct elsewhere;
struct progress;
struct sealer;
struct build_network;

struct secret {
    char *id;
    char *value; /* bytes, NUL behind */
    size_t len;
};

struct build {
    struct engine engine;
    const struct build_options *options;
    char *id;      /* random: names of what is volatile */
    char *run_dir; /* <run_dir>/build/<id>: tmpfs */
    int at_work;   /* the folder of all builds, with a shared lock */
    int run_lock;
    int store_lock; /* shared: no layer that the cache names goes meanwhile */

    struct dockerfile file;
    struct context context;
    struct context *named; /* --build-context folders, by name */
    char **named_names;
    size_t named_count;

    struct strv build_args;  /* "NAME=VALUE" */
    struct strv used_args;   /* names that an ARG asked for */
    struct strv global_args; /* in force before FROM: "NAME=VALUE" or "NAME" */
    struct platform host, target;
    struct strv platforms; /* all that are built, one after the other */
    int64_t epoch;         /* SOURCE_DATE_EPOCH, or -1 */
    char began[40];        /* RFC 3339 */
    char created[40];

    struct stage *stages;
    size_t stage_count;
    int target_stage;
    size_t step_count; /* of the needed stages */

    struct secret *secrets;
    size_t secret_count;

    struct progress *progress;
    struct sealer *sealer;           /* NULL until a layer is made */
    struct build_network *network;   /* NULL until a step needs it */
    struct build_step *squashed;     /* the layer of --squash, or NULL; owned */
    const struct build_step *failed; /* for the excerpt */
    bool records_kept;               /* of what this platform's graph made */
    struct elsewhere *elsewhere;     /* --cache-from, --cache-to */
    struct strv warnings;            /* told at the end */
};

/* graph.c: FROMs become stages; which the target needs. */
int graph_make(struct build *b, struct error **err) NODISCARD;
/* Marks what a stage stands on as needed, its base first, once its steps are known. */
int graph_need(struct build *b, int stage, struct error **err) NODISCARD;
/* The stage of that name or number before `before`; -1: none. */
int graph_find(const struct build *b, const char *name, int before);
/* Where "--from" or "from=" leads. */
int graph_input(struct build *b, const struct stage *s, const char *name, int line,
                struct input *ret, struct error **err) NODISCARD;

/* evaluate.c: the stage's instructions, its base being known. */
int evaluate_stage(struct build *b, struct stage *s, struct error **err) NODISCARD;
/* One word of an instruction, expanded by the stage's variables. */
int evaluate_word(struct build *b, struct stage *s, const struct instruction *i, const char *text,
                  char **ret, struct error **err) NODISCARD;
/* evaluate_run.c, evaluate_copy.c */
int evaluate_run(struct build *b, struct stage *s, const struct instruction *i,
                 struct error **err) NODISCARD;
int evaluate_copy(struct build *b, struct stage *s, const struct instruction *i,
                  struct error **err) NODISCARD;
/* evaluate_config.c: what changes the config alone. */
int evaluate_config(struct build *b, struct stage *s, const struct instruction *i,
                    struct error **err) NODISCARD;
/* arguments.c: ARG. */
void arguments_begin(struct build *b);
int arguments_global(struct build *b, const struct instruction *i, struct error **err) NODISCARD;
int arguments_stage(struct build *b, struct stage *s, const struct instruction *i,
                    struct error **err) NODISCARD;
/* ENV has set the variable: what an ARG before it gave no longer counts. */
void argument_hide(struct stage *s, const char *name);
/* Proxies and the like, which need no ARG and are part of no key. */
bool argument_is_silent(const char *name);
/* Of "NAME=VALUE" texts: the value, or NULL. Borrowed. */
const char *pair_value(const struct strv *pairs, const char *name);
void pair_set(struct strv *pairs, const char *name, const char *value);

/* Adds an entry to the stage's history; returns its index. */
size_t history_add(struct stage *s, const char *created_by, bool empty_layer);
