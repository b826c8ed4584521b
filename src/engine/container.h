// SPDX-License-Identifier: Apache-2.0
/* A container as users know it: an object in the store, behind either wall.
 *
 * Durable, <data_dir>/containers/<id>/:
 *     container.json  what was asked and decided (struct container below); written once by create,
 *                     rewritten by rename, update and network changes
 *     config.json     the OCI runtime spec
 *     upper/, work/   the writable layer, or
 *     disk.img, disk/ a limited one, in an image of its own (engine/writable.h)
 *     volume/         a volume that is being filled, moved to <data_dir>/volumes when it is whole
 *     hosts, resolv.conf, hostname
 *     addresses.json  those that it had when it last ran (net/net.h)
 *     <id>-json.log   Docker's json-file log, and its rotated parts
 *     exit.json       the last end: {"exitCode","oomKilled","pidsLimitHit","error","startedAt",
 *                     "finishedAt","restartCount"}
 *                     (on a full disk the run folder's exit.json stays behind instead)
 * Names: <data_dir>/names/<name> is a symlink to ../containers/<id>, made with exclusive creation.
 * Volatile, <run_dir>/containers/<id>/ (tmpfs):
 *     monitor.lock    the monitor holds it exclusively for as long as it lives
 *     state.json      {"status","pid","pidStart","monitorPid","startedAt","restartCount","paused",
 *                     "health"}, written whole by whoever holds monitor.lock: at first
 *                     the starting command ("created"), then the monitor alone
 *     attach.sock     the monitor's socket: see engine/attach.h
 *     wall/           the wall's state_dir
 * Truth: a container runs when its monitor.lock is held and state.json says so; a state.json that
 * says "running" with the lock free is a monitor that was killed: container_load() tells
 * CONTAINER_DEAD and container_recover() (engine/recover.h) cleans up.
 *
 * Killed at any system call, a command leaves one of: a folder without container.json whose `lock`
 * is free (half-made or half-removed: container_list() sweeps it, and its name); a name that its
 * container does not bear (of a rename: it belongs to nobody, and goes likewise); a state.json
 * whose monitor.lock is free (a dead monitor; with "fresh":true the container was never handed to
 * its user, and goes). Nothing is synced on the way to a start: a power failure may lose the
 * container that was being started, and an empty container.json counts as none.
 *
 * All functions: no side effects but the files named; any process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

struct engine { /* where everything is; borrowed strings */
    const char *data_dir, *run_dir, *config_path;
};

enum container_status {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_RESTARTING,
    CONTAINER_EXITED,
    CONTAINER_DEAD, /* its monitor was killed: to be recovered */
};

struct container {
    char *id; /* 64 hex digits */
    char *name;
    char *wall;             /* "container", "vm" */
    char *image, *image_id; /* as asked, "sha256:…" */
    char *created;          /* RFC 3339 */
    struct strv args;       /* what is executed: entrypoint and command */
    struct strv layers;     /* overlay folders, topmost first */
    json_t *image_mounts;   /* [{"destination","image","id","layers":[folders]}], or NULL */
    json_t *request;        /* run_request_to_json(): for inspect */
    json_t *labels;         /* object of strings, image's and request's */
    bool remove, tty, open_stdin;
    bool stdin_once;      /* the first client's end of stdin is the workload's (-i without -d) */
    char *restart_policy; /* "no", "always", "unless-stopped", "on-failure" */
    int restart_max;
    char *stop_signal;
    int stop_timeout; /* seconds */
    char *log_driver;
    int64_t log_max_bytes;
    int log_max_files;
    char *network_mode;    /* "none", "host", "container:<id>", or the first network's name */
    json_t *networks;      /* what it is to be in, net_choices_to_json(); NULL: none of its own */
    char *network_rate;    /* "in=50mbit,out=10mbit", or NULL */
    struct strv publish;   /* -p texts */
    struct strv volumes;   /* "name:destination", as spec_from_image() listed them */
    struct strv anonymous; /* those of the names above that die with the container */
    struct strv dns, dns_search, dns_options, add_hosts;
    char *hostname;
    json_t *healthcheck;
    bool user_stopped; /* for unless-stopped: the user stopped it */

    /* volatile, from state.json and exit.json; filled by container_load() */
    enum container_status status;
    bool fresh; /* `run` has not yet handed it to its user */
    int pid, monitor_pid, exit_code, restart_count;
    int64_t pid_start; /* tells pid from its number's next owner: see base/process.h */
    bool oom_killed, pids_limit_hit;
    char *error;              /* why the last start failed, or NULL */
    char *started, *finished; /* RFC 3339 or NULL */
    char *health;             /* "starting", "healthy", "unhealthy", or NULL */
    json_t *health_log;       /* the last checks, as Docker's State.Health.Log; or NULL */
    int health_failures;      /* in a row */
    json_t *network;          /* net_attachment_load(): what it holds now; or NULL */
};

/* 12 random-looking digits are shown, 64 kept. */
#define CONTAINER_ID_DIGITS 64
#define CONTAINER_SHORT_ID_DIGITS 12

int container_load(const struct engine *e, const char *id, struct container **ret,
                   struct error **err) NODISCARD;
/* By name, full ID or unique prefix; ERROR_NOT_FOUND "no such container: x", or ambiguous. */
int container_find(const struct engine *e, const char *name, struct container **ret,
                   struct error **err) NODISCARD;
void container_free(struct container *c);
DEFINE_CLEANUP(container, struct container *, container_free)

/* Every container, newest first. Objects that vanish meanwhile are left out; what a killed command
 * or monitor left is cleaned up on the way (engine/recover.h). Free each and the array. */
int container_list(const struct engine *e, struct container ***ret, size_t *ret_count,
                   struct error **err) NODISCARD;
void container_list_free(struct container **list, size_t count);

int container_save(const struct engine *e, const struct container *c, struct error **err) NODISCARD;

char *container_data_path(const struct engine *e, const char *id, const char *file);
char *container_run_path(const struct engine *e, const char *id, const char *file);
const char *container_status_name(enum container_status s); /* Docker's words: "running", … */

/* Makes the container's folder, takes its lock and, with exclusive creation, its name. It exists
 * once container_save() has written container.json; the caller writes config.json before. Returns
 * the lock's fd. ERROR_EXISTS when the name is in use. */
int container_reserve(const struct engine *e, const struct container *c,
                      struct error **err) NODISCARD;
/* Removes it from the store: container.json first, so that a removal cut short is finished by the
 * next command. The caller holds its lock and has stopped it. */
int container_remove(const struct engine *e, const struct container *c,
                     struct error **err) NODISCARD;
/* Writes exit.json from the members that it has. Where the disk is full, often by the container's
 * own doing, it is kept in the run folder, so that its end is known all the same. */
int container_save_exit(const struct engine *e, const struct container *c,
                        struct error **err) NODISCARD;
/* Removes the run folder, but for an exit.json kept there. */
int container_clear_run(const struct engine *e, const char *id, struct error **err) NODISCARD;
/* Takes another name. The caller holds its lock. */
int container_rename(const struct engine *e, struct container *c, const char *name,
                     struct error **err) NODISCARD;

/* Takes away the names that a killed command left with no container, or with one that is now called
 * otherwise. */
void container_sweep_names(const struct engine *e);

/* Docker's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
int container_name_check(const char *name, struct error **err) NODISCARD;

/* Takes the object's lock (<data_dir>/containers/<id>/lock) and returns its fd: whatever makes,
 * starts, removes, renames or recovers the container holds it, and a starting monitor inherits it.
 * ERROR_NOT_FOUND when the container is gone; -EWOULDBLOCK with `wait` false when it is taken. */
int container_lock(const struct engine *e, const char *id, bool wait, struct error **err) NODISCARD;
/* Takes the lock, waiting, and reads the container as it is now: whoever found it without the lock
 * may have seen an older one. Returns the lock's fd. */
int container_hold(const struct engine *e, const char *id, struct container **ret,
                   struct error **err) NODISCARD;

/* Whether a monitor lives: its lock is held. */
bool container_is_monitored(const struct engine *e, const char *id);
/* Whether it was made from the image, or mounts it. */
bool container_uses_image(const struct container *c, const char *image_id);
/* Whether it is neither exited, created nor dead. */
bool container_is_up(const struct container *c);
