// SPDX-License-Identifier: Apache-2.0
/* A container as users know it: an object in the store, behind either wall.
 *
 * Durable, <data_dir>/containers/<id>/:
 *     container.json  what was asked and decided (struct container below); written once by create,
 *                     rewritten by rename, update and network changes
 *     config.json     the OCI runtime spec
 *     upper/, work/   the writable layer
 *     hosts, resolv.conf, hostname
 *     <id>-json.log   Docker's json-file log, and its rotated parts
 *     exit.json       the last end: {"exitCode","oomKilled","pidsLimitHit","error","startedAt",
 *                     "finishedAt","restartCount"}
 * Names: <data_dir>/names/<name> is a symlink to ../containers/<id>, made with exclusive creation.
 * Volatile, <run_dir>/containers/<id>/ (tmpfs):
 *     monitor.lock    the monitor holds it exclusively for as long as it lives
 *     state.json      {"status","pid","pidStart","monitorPid","startedAt","restartCount","paused",
 *                     "health","network":…}, written whole by the monitor alone
 *     attach.sock     the monitor's socket: see engine/attach.h
 *     wall/           the wall's state_dir
 * Truth: a container runs when its monitor.lock is held and state.json says so; a state.json that
 * says "running" with the lock free is a monitor that was killed: container_status() tells "dead"
 * and container_recover() cleans up (kills the workload, detaches the network, records exit 137).
 *
 * All functions: no side effects but the files named; any process. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
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
    struct strv layers;     /* overlay folders, topmost first */
    json_t *request;        /* run_request_to_json(): for inspect */
    json_t *labels;         /* object of strings, image's and request's */
    bool remove, tty, open_stdin;
    char *restart_policy; /* "no", "always", "unless-stopped", "on-failure" */
    int restart_max;
    char *stop_signal;
    int stop_timeout; /* seconds */
    char *log_driver;
    int64_t log_max_bytes;
    int log_max_files;
    char *network_mode;  /* "bridge", "none", "host", "container:<id>" */
    struct strv publish; /* -p texts */
    struct strv volumes; /* "name:destination", anonymous ones marked in request */
    json_t *healthcheck;
    bool user_stopped; /* for unless-stopped: the user stopped it */

    /* volatile, from state.json and exit.json; filled by container_load() */
    enum container_status status;
    int pid, monitor_pid, exit_code, restart_count;
    bool oom_killed, pids_limit_hit;
    char *error;              /* why the last start failed, or NULL */
    char *started, *finished; /* RFC 3339 or NULL */
    char *health;             /* "starting", "healthy", "unhealthy", or NULL */
    json_t *network;          /* net_attachment_to_json(), or NULL */
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

/* Every container, newest first. Objects that vanish meanwhile are left out. Free each and the
 * array. */
int container_list(const struct engine *e, struct container ***ret, size_t *ret_count,
                   struct error **err) NODISCARD;
void container_list_free(struct container **list, size_t count);

int container_save(const struct engine *e, const struct container *c, struct error **err) NODISCARD;

char *container_data_path(const struct engine *e, const char *id, const char *file);
char *container_run_path(const struct engine *e, const char *id, const char *file);
const char *container_status_name(enum container_status s); /* Docker's words: "running", … */

/* Takes the object's lock (<data_dir>/containers/<id>/lock): every change of state holds it. */
int container_lock(const struct engine *e, const char *id, struct error **err) NODISCARD;
