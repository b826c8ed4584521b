// SPDX-License-Identifier: Apache-2.0
/* What a Compose file may hold, as rows: each key, the form of its value, how two files' values
 * merge, and what becomes of keys that one machine cannot serve. From the rows come the checks
 * ("unknown key … did you mean …"), the long form of every short one, and the merging
 * (compose/merge.h). compose-spec 03-compose-file.md to 15-profiles.md. Pure. */
#pragma once

#include "base/yaml/node.h"

struct shaper {
    struct arena *arena;
    const char *base_dir; /* absolute: what relative paths of this file are relative to */
    const char *home;     /* for ~/…; may be NULL */
    struct strv *ignored; /* keys that have no effect here, each once; may be NULL */
    struct error **err;
};

enum shape_kind {
    SHAPE_ANY,
    SHAPE_STRING,
    SHAPE_BOOL,
    SHAPE_INT,
    SHAPE_NUMBER,
    SHAPE_BYTES,       /* "64m": becomes the number of bytes, as text */
    SHAPE_DURATION,    /* "90s": becomes "1m30s" */
    SHAPE_PATH,        /* becomes absolute */
    SHAPE_CONTEXT,     /* a path, or the address of a repository or archive */
    SHAPE_STRINGS,     /* a list of strings */
    SHAPE_STRING_LIST, /* the same, or one string */
    SHAPE_COMMAND,     /* a list of words, or a string that is split as a shell does */
    SHAPE_PAIRS,       /* a map of strings, or a list of KEY=VALUE; a value may be null */
    SHAPE_OBJECT,      /* the keys of `inner` */
    SHAPE_MAP,         /* any keys, values as inner[0] says */
    SHAPE_LIST,        /* items as inner[0] says */
};

enum shape_standing {
    STANDING_SERVED = 0,
    STANDING_CLUSTER,  /* named once as ignored: it needs a cluster */
    STANDING_OBSOLETE, /* named once as ignored: Compose itself ignores it by now */
    STANDING_UNUSED,   /* named once as ignored: this engine has nothing that it would change */
    STANDING_REFUSED,  /* an error: it would need what is not there */
};

struct shape {
    const char *key; /* NULL ends the rows; in inner[0] of maps and lists any name */
    enum shape_kind kind;
    const struct shape *inner;
    /* Turns a short form into the long one, before the check. */
    int (*expand)(struct shaper *s, const struct node *in, const char *path, struct node **ret);
    const char *words;    /* the only ones allowed, space-separated */
    const char *identity; /* of a list's items: the keys that make two of them one; "" the text */
    bool replaced;        /* a later file's value replaces, whatever it is */
    bool keeps_null;
    enum shape_standing standing;
};

/* A whole file: checked, every form long. */
int shape_file(struct shaper *s, const struct node *in, struct node **ret,
               struct error **err) NODISCARD;
extern const struct shape shape_root[];     /* the rows of a file */
extern const struct shape shape_services[]; /* one row: a service */
/* Whether two items of a list stand for the same thing, by the row's `identity`. */
bool shape_same_item(const struct shape *row, const struct node *a, const struct node *b);
const struct shape *shape_find(const struct shape *rows, const char *key);

/* shape_forms.c: the expansions */
int expand_build(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_configs(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_depends_on(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_devices(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_env_file(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_extends(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_external(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_hosts(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_include(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_names(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_test(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_to_list(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_ulimit(struct shaper *s, const struct node *in, const char *path, struct node **ret);
/* shape_ports.c, shape_volumes.c */
int expand_ports(struct shaper *s, const struct node *in, const char *path, struct node **ret);
int expand_volumes(struct shaper *s, const struct node *in, const char *path, struct node **ret);

/* "path: a list is expected, not a map" */
int shape_wrong_kind(struct shaper *s, const struct node *in, const char *path, const char *wanted);
/* An absolute path of what a file names; ~ is the home. */
char *shape_path(struct shaper *s, const char *text);
/* "a 'b c' d" to words; ERROR_INVALID_INPUT: a quote that does not end. */
int split_words(const char *text, struct strv *ret, struct error **err) NODISCARD;
/* Milliseconds as Go writes durations: "1m30s". The caller frees. */
char *duration_text(int64_t ms);
