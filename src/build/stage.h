// SPDX-License-Identifier: Apache-2.0
/* What a Dockerfile becomes: stages, and in each the steps that make a layer, everything expanded.
 * Data alone; graph.c and evaluate*.c fill it in, execute.c runs it. */
#pragma once

#include "build/cache.h"
#include "build/file/dockerfile.h"
#include "image/image.h"
#include "image/platform.h"

enum build_step_kind { BUILD_RUN, BUILD_COPY, BUILD_WORKDIR };

enum mount_kind { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
enum cache_sharing { CACHE_SHARED, CACHE_PRIVATE, CACHE_LOCKED };

/* Where files come from: this build's context, a stage, an image, a named context. */
enum input_kind { INPUT_CONTEXT, INPUT_STAGE, INPUT_IMAGE, INPUT_FOLDER };
struct input {
    enum input_kind kind;
    char *name;          /* as written; NULL for the context */
    int stage;           /* INPUT_STAGE */
    struct image *image; /* INPUT_IMAGE; owned by the build */
    char *folder;        /* INPUT_FOLDER */
};

struct run_mount {
    enum mount_kind kind;
    struct input from; /* bind, cache */
    bool has_from;
    char *target, *source, *id, *env;
    enum cache_sharing sharing;
    bool writable, required;
    int64_t size_bytes; /* tmpfs; 0: no bound */
    int64_t mode;       /* -1: the default */
    uint32_t uid, gid;
};

struct inline_file { /* a here-document of COPY */
    char *name, *content;
};

struct copy_spec {
    struct input from;
    struct strv sources; /* paths, patterns, URLs */
    struct inline_file *files;
    size_t file_count;
    char *destination; /* absolute; a slash behind says: a folder */
    char *chown, *chmod, *checksum;
    bool is_add, link, parents, keep_git_dir, unpack, unpack_set;
    struct strv excludes;
};

enum step_state { STEP_WAITING, STEP_RUNNING, STEP_DONE, STEP_CACHED, STEP_FAILED };

struct job;
struct build_step {
    enum build_step_kind kind;
    const struct instruction *at; /* the line it comes from */
    char *text;                   /* shown */
    size_t history;               /* index of its entry in the stage's history */
    json_t *definition;           /* what the cache key is made of, but for the files it reads */

    /* BUILD_RUN */
    struct strv args, env;
    char *user, *cwd, *network, *script;
    bool insecure;
    struct run_mount *mounts;
    size_t mount_count;
    /* BUILD_COPY */
    struct copy_spec copy;
    /* BUILD_WORKDIR */
    char *folder;

    /* as it runs */
    enum step_state state;
    int number; /* of all steps, from 1 */
    struct layer_record record;
    json_t *inputs;    /* what it reads: digests of files as they were before it ran, or stages */
    bool unsure;       /* they changed meanwhile: it is not cached */
    int64_t looked_ms; /* so long that look took */
    struct job *second_look; /* second_look.h; or NULL */
    int64_t began_ms, took_ms;
    struct strbuf output; /* its last output, for when it fails */
};

/* A layer under a stage: the store's, or one of this build that is not there yet. */
struct stage_layer {
    char *diff;                       /* absolute folder */
    char chain_id[DIGEST_TEXT_BYTES]; /* "" until it is sealed, and all below it are */
    struct build_step *step;          /* of this build; NULL: the base image's */
};

struct stage {
    int index;
    char *name; /* "AS name", or NULL */
    const struct instruction *from;
    char *base;     /* expanded */
    int base_stage; /* or -1 */
    bool is_scratch;
    struct image *image; /* the base, or NULL; owned */
    struct platform platform;
    bool platform_set;
    const struct instruction *first; /* behind FROM */
    size_t instruction_count;
    struct instruction *triggers; /* ONBUILD of the base, parsed */
    size_t trigger_count;

    bool needed, evaluated;
    json_t *config;       /* the image config's "config" object */
    json_t *image_config; /* the base's whole config: os, architecture, author, … */
    json_t *history;
    struct strv args;     /* ARG names in force, "NAME=VALUE", or "NAME" without a value */
    struct strv declared; /* names of ARG, as often as they stand: for the history */
    struct strv shell;    /* SHELL */
    char *author;
    bool cmd_set, entrypoint_set;
    struct build_step *steps;
    size_t step_count;

    size_t next; /* step */
    bool done, running;
    struct stage_layer *layers; /* base first */
    size_t layer_count, base_layer_count;
    char created[40]; /* of the newest layer */
    bool missed;      /* a step of it was not in the cache */
};

/* The stage's value of a variable, of ENV or ARG, whichever stands later; NULL when it is not set.
 * Borrowed. */
const char *stage_variable(const struct stage *s, const char *name);
void stage_done(struct stage *s);
void step_done(struct build_step *s);
struct build_step *stage_add_step(struct stage *s, enum build_step_kind kind,
                                  const struct instruction *at);
