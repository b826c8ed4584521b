// SPDX-License-Identifier: Apache-2.0
/* One `cloison compare`: what was asked, what stands ready for it, and the document that it fills.
 *
 * It is measured as a user would measure: by the command line itself, whose every run stands in the
 * document as it was executed. Rounds are interleaved: in each, every wall is measured once, one
 * after the other, beginning with another one each time.
 *
 *     comparison_prepare → comparison_measure → comparison_done
 *
 * Side effects: images, containers, processes, files in the data folder; comparison_done() takes
 * them away, except the result. A signal (^C) ends it early: -EINTR, and the document keeps what
 * there was. */
#pragma once

#include <signal.h>

#include "compare/document.h"
#include "compare/launch.h"
#include "image/image.h"

#define COUNTS_MAX 16

struct comparison {
    /* asked; strings are borrowed from the request */
    const char *image_name, *data_dir, *run_dir, *config_path, *cloison;
    const char *ready_log, *co2_source;
    struct strv command, walls;
    struct strv run_options; /* of the engine's runs, as the user gave them */
    int repeat, probe_ms, timeout_ms, ready_port;
    int counts[COUNTS_MAX]; /* rising */
    size_t count_count;
    double co2; /* grams a kWh; NAN: not asked */

    /* found and made */
    struct image *image;
    struct strv environment;                   /* of the engine's commands, and of native probes */
    char *tag, *probe, *probe_image, *scratch; /* a name; a program; an image; a folder */
    int scratch_lock;
    unsigned name_count; /* containers' names given so far */
    pid_t server;
    int server_port; /* 0: none */
    char *server_address;

    sigset_t held, before; /* base/signals.h */
    json_t *doc;
    struct progress {
        bool shown;
        int done, total;
    } progress;
};

/* What is run behind a wall. */
struct wall_run {
    const char *image, *entrypoint; /* NULL entrypoint: the image's */
    const char *const *arguments;   /* NULL-terminated; NULL: none */
    bool detached, as_root;
    const char *ready_log;
    bool native_in_image; /* natively: with the image's files, else with ours */
};

/* comparison.c */
int comparison_prepare(struct comparison *c, struct error **err) NODISCARD;
int comparison_measure(struct comparison *c, struct error **err) NODISCARD;
void comparison_done(struct comparison *c);
bool comparison_has_failed(const struct comparison *c, const char *wall);
/* Removes the image with our probe, and what the vm wall keeps of it. One that is not there is
 * fine. */
void forget_probe_image(struct comparison *c, const char *image);
/* sweep.c: removes what killed comparisons left, then makes this one's folder, locked. */
int take_scratch(struct comparison *c, struct error **err) NODISCARD;
/* Tells the user how far it is: "round 3 of 7: start", behind this wall. */
void comparison_progress(struct comparison *c, const char *wall, const char *what);

/* walls.c: starts it. *ret_name (the container's, "" natively) and *ret_command (as the document
 * shows it) are the caller's. */
int wall_begin(struct comparison *c, const char *wall, const struct wall_run *run,
               struct launch *ret, char **ret_name, char **ret_command,
               struct error **err) NODISCARD;
/* Ends and removes it, whatever its state. */
void wall_end(struct comparison *c, struct launch *l, const char *name);
/* A command of the engine, its output without the newline in *ret. */
int engine_command(struct comparison *c, const char *const *arguments, char **ret,
                   struct error **err) NODISCARD;
/* Why a run failed, from what it printed and how it ended. The caller frees. */
char *launch_failure(const struct launch *l);

/* measure_probes.c: one round of all probes, with the start; a start with cold caches. */
int measure_probes(struct comparison *c, const char *wall, int round, struct error **err) NODISCARD;
int measure_cold(struct comparison *c, const char *wall, int round, struct error **err) NODISCARD;
/* What a start reads is dropped from the page cache, file by file: nobody else's files are. Pages
 * that a running process maps stay. */
void drop_caches(const struct comparison *c);
int measure_facts(struct comparison *c, const char *wall, struct error **err) NODISCARD;

/* measure_own.c: the user's own command, to its end, or until it is ready. */
int measure_own(struct comparison *c, const char *wall, int round, struct error **err) NODISCARD;
int measure_ready(struct comparison *c, const char *wall, int round, struct error **err) NODISCARD;
int measure_ready_cold(struct comparison *c, const char *wall, int round,
                       struct error **err) NODISCARD;
/* Waits until it is ready as the user says. As launch_wait(); *ret_ns since its start. */
int wait_ready(struct comparison *c, struct launch *l, const char *wall, const char *name,
               int64_t *ret_ns);

/* measure_memory.c: several instances at once, for each count. */
/* Whether `wanted` instances fit when `count` (1 or more) use `used` bytes and `free_bytes` are
 * free, half of which must stay. *ret_more: what they would take. Pure. */
bool room_for(double used, size_t count, int wanted, double free_bytes, double *ret_more);
int measure_memory(struct comparison *c, const char *wall, struct error **err) NODISCARD;

/* measure_energy.c: joules of all processor packages so far, by RAPL below `root`; NAN where it
 * cannot be read. */
#define ENERGY_ROOT "/sys/class/powercap"
double energy_joules(const char *root);
