// SPDX-License-Identifier: Apache-2.0
/* Commands and their options as rows of data. The parser, --help, the completions, the man pages
 * and `cloison describe --json` are all made from these rows. Side effects: none
 * (options_print_help writes to the stream given).
 *
 * A verb's file holds a struct of its own for the values, an array of option rows with offsets into
 * it, and one struct command. Values are borrowed from argv; lists own copies: options_done(). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"

enum option_type {
    OPTION_FLAG,     /* bool: --x, --x=true, --x=false */
    OPTION_STRING,   /* const char *: the last one wins */
    OPTION_LIST,     /* struct strv: each occurrence is added */
    OPTION_INTEGER,  /* struct option_integer: 64-bit, decimal */
    OPTION_BYTES,    /* struct option_integer: Docker's sizes, "64m"; -1 is allowed */
    OPTION_DURATION, /* struct option_integer, milliseconds: "10" (seconds), "1m30s", "500ms" */
    OPTION_DECIMAL,  /* struct option_integer, thousandths: "1.5" is 1500 */
};

/* An integer that may be absent. */
struct option_integer {
    bool set;
    int64_t value;
};

/* What the shell completes for the value. */
enum option_completion {
    COMPLETE_NONE,
    COMPLETE_CONTAINER,
    COMPLETE_IMAGE,
    COMPLETE_NETWORK,
    COMPLETE_VOLUME,
    COMPLETE_KERNEL,
    COMPLETE_FILE,
    COMPLETE_FOLDER,
    COMPLETE_SIGNAL,
    COMPLETE_CAPABILITY,
    COMPLETE_WORDS, /* those of `words` */
    COMPLETE_COMMAND,
};

enum option_origin { FROM_DOCKER, FROM_CLOISON };

struct option {
    char short_name;  /* 0: none */
    const char *name; /* without dashes; NULL ends the array */
    enum option_type type;
    size_t offset;       /* into the verb's values */
    const char *metavar; /* NULL for flags */
    const char *help;    /* one line, fits 80 columns with the option */
    enum option_completion completion;
    const char *words; /* space-separated, for COMPLETE_WORDS */
    enum option_origin origin;
    bool hidden; /* an alias kept for Docker's users, not in --help */
};

/* What every verb gets beside its own values: the global options, already parsed. */
struct command_context {
    const char *data_dir;    /* --data-root, else CLOISON_DATA_ROOT, else /var/lib/cloison */
    const char *run_dir;     /* --run-root, else CLOISON_RUN_ROOT, else /run/cloison */
    const char *config_path; /* --config, else CLOISON_CONFIG, else /etc/cloison/config.json */
    bool debug;
    const void *outer; /* the values of the command in front of a verb ("compose"), or NULL */
};

struct command {
    const char *name;      /* "run", or "network create" with one space for a verb below a noun */
    const char *group;     /* the heading in the list of commands: "Containers", "Images", … */
    const char *summary;   /* one line */
    const char *arguments; /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
    const struct option *options;
    size_t values_size;               /* of the verb's values, zeroed before `defaults` */
    void (*defaults)(void *values);   /* NULL: all zero */
    int min_arguments, max_arguments; /* positional ones; max -1: any number */
    bool options_end_at_argument;     /* as for run and exec: the rest belongs to the workload */
    enum option_completion argument_completion;
    /* Does the verb. Returns an exit status >= 0, or a negative errno with *err set. */
    int (*run)(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err);
    bool hidden;
    /* The exit status of a failure that has none of its own (125 usage, 126 and 127 for the
     * workload's program): 0 means 1; run says 125, as Docker's does. */
    int failure_status;
};

/* Parses argv[0..argc) (behind the verb's name) into values, which hold the defaults already;
 * *ret_first is the index of the first positional argument in argv, which is permuted so that those
 * come last. The number of positional arguments is checked too. Errors are ERROR_USAGE and name the
 * nearest known option. Returns 1 when --help was asked for (also -h, where no option has it), else
 * 0. On an error too, options_done() is the caller's. */
int options_parse(const struct command *command, int argc, char **argv, void *values,
                  int *ret_first, struct error **err) NODISCARD;

/* Frees the lists in values. */
void options_done(const struct option *options, void *values);

/* The values that were given, by their options' long names, for another program: true, strings,
 * arrays of strings, integers. A new reference. */
json_t *options_to_json(const struct option *options, const void *values);

/* Parses argv (behind the verb's words), does the verb. Returns an exit status, or a negative errno
 * with *err set. */
int command_execute(const struct command *command, const struct command_context *context, int argc,
                    char **argv, struct error **err) NODISCARD;

/* "Usage: cloison run [OPTIONS] …" and the options, at most 80 columns. */
void options_print_help(const struct command *command, const char *program, FILE *stream);

/* All commands and their options as JSON, for `describe --json`: what the completions and the man
 * pages are made from. `commands` ends with NULL. Fails when a text in a row is no UTF-8. */
char *commands_describe(const struct command *global, const struct command *const *commands);

/* What stands for the value in help where the row's metavar is NULL; NULL for flags. */
const char *option_default_metavar(enum option_type type);

/* The parser's unit conversions, also for other texts (Dockerfile, Compose). -EINVAL when
 * malformed. */
int option_parse_duration_ms(const char *text, int64_t *ret) NODISCARD;
int option_parse_thousandths(const char *text, int64_t *ret) NODISCARD;
