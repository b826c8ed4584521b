// SPDX-License-Identifier: Apache-2.0
/* From the command line's -f, --env-file, --profile … to one project: files found, read, included,
 * extended, merged, checked, its defaults filled in. compose-spec as a whole. Reads files and the
 * environment; no other side effect.
 *
 * Use: fill in struct load_options, project_load(), read `model`, project_free(). */
#pragma once

#include "base/yaml/node.h"
#include "compose/dotenv.h"

struct load_options {
    struct strv files;             /* -f; "-" is standard input; empty: looked for */
    struct strv env_files;         /* --env-file; empty: .env of the project's folder */
    struct strv profiles;          /* --profile; "*": all */
    const char *project_name;      /* -p, or NULL */
    const char *project_directory; /* or NULL */
    const struct strv *services;   /* named on the command line: their profiles count as asked for;
                                      may be NULL */
    bool no_interpolate;
    bool no_process;    /* tests: the process's environment is left out */
    bool all_resources; /* networks and so on that no service uses stay */
};

struct project {
    struct arena *arena;
    char *name, *directory;
    struct strv files;     /* absolute paths, as loaded */
    struct node *model;    /* "name", "services", "networks", "volumes", "configs", "secrets" */
    struct node *disabled; /* services whose profile nobody asked for */
    struct strv profiles;  /* all that services name, sorted */
    struct strv ignored;   /* keys that were left out, each once */
    struct strv unset;     /* variables that had no value */
    struct environment environment;
};

/* Errors name file, line and column. ERROR_NOT_FOUND: no Compose file. */
int project_load(const struct load_options *options, struct project **ret,
                 struct error **err) NODISCARD;
void project_free(struct project *p);
DEFINE_CLEANUP(project, struct project *, project_free)

/* The services in the order in which they start: each behind those that it depends on, else by
 * name. The caller frees. */
struct strv project_order(const struct project *p);

/* What other services call it by `links: [service:alias]`. */
void service_aliases(const struct project *p, const char *service, struct strv *ret);

/* The service's entry in a label: a hash of all that makes a container what it is. The caller
 * frees. */
char *service_hash(const struct project *p, const char *service);

/* load.c: parse, shape, include, extend and merge the files; *ret is unfinished. */
struct loader {
    struct project *project;
    const char *directory; /* what relative paths are relative to */
    struct environment *environment;
    bool no_interpolate;
    int depth;              /* of includes */
    struct strv *including; /* the files on the way here */
};
int load_files(struct loader *l, const struct strv *files, struct node **ret,
               struct error **err) NODISCARD;
/* One file: parsed and shaped. */
int load_file(struct loader *l, const char *path, const char *base_dir, struct node **ret,
              struct error **err) NODISCARD;
/* extends.c: every service's `extends` in `file` (read from `path`) is answered; `before` is what
 * earlier files say. */
int extends_resolve(struct loader *l, const char *path, struct node *file,
                    const struct node *before, struct error **err) NODISCARD;
/* include.c: what `file` includes is put under it. */
int include_resolve(struct loader *l, struct node **file, struct error **err) NODISCARD;
/* find.c: where the files are, when none is named, and the .env beside them. */
int find_files(const struct load_options *o, struct project *p, struct error **err) NODISCARD;
int find_environment(const struct load_options *o, const char *directory, struct environment *e,
                     struct error **err) NODISCARD;
/* "/a/b" of "/a/b/c"; the caller frees */
char *folder_of(const char *path);
/* The path, absolute, "." and ".." resolved by their letters. The caller frees. */
char *absolute_path(const char *base, const char *path);
/* finish.c: defaults, names, references, profiles. */
int project_finish(struct project *p, const struct load_options *o, struct error **err) NODISCARD;
/* check.c: what must hold between the parts. */
int project_check(const struct project *p, struct error **err) NODISCARD;
/* Each service that `service` names in a key, in words ("service:db"), or NULL. */
const char *service_reference(const struct node *service, const char *key);
