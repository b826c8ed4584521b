// SPDX-License-Identifier: Apache-2.0
/* A container of the OCI command line: its state folder, its lock, its status.
 *
 * <root>/<id>/         made exclusively: the id's uniqueness is the kernel's word
 *     creating.json    what it is, written before anything else is made …
 *     container.json   … and renamed so when it is created: the same content
 *     config.json      as it was at create: later changes of the bundle's do not matter
 *     wall.json, …     the wall's own (wall/wall.h)
 *     lock             whoever changes the container (create, start, pause, delete, …) holds it. By
 *                      fcntl(2), not flock(2): the first process, which waits for start, has all
 *                      descriptors of its creator, and must not hold a dead one's lock.
 * Reading takes no lock: every file is written whole.
 *
 *     create → creating → created ── start → running ⇄ paused
 *                 └───────────┴───────────────┴── its end → stopped ── delete → gone
 * A creator that died leaves a folder without container.json and without a lock on it: stopped.
 *
 * Side effects: files below root. One thread. OCI runtime 1.2, runtime.md#state. */
#pragma once

#include "base/json.h"
#include "oci/oci.h"

enum oci_status { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };
const char *oci_status_name(enum oci_status s);

struct oci_container {
    const struct oci_context *oci;
    char *id, *dir;
    int fd;                    /* of the folder */
    int lock;                  /* of the lock file, -1: not held */
    json_t *facts;             /* of container.json or creating.json */
    struct workload *workload; /* NULL: the wall never got so far */
    enum oci_status status;    /* as it was when opened */
    pid_t pid;                 /* of its first process; 0 when stopped */
};

enum oci_access {
    OCI_LOOK,   /* no lock */
    OCI_CHANGE, /* the lock is held until oci_container_close() */
};

/* "container does not exist: 'x'", which callers look for, with ERROR_NOT_FOUND; so too for a
 * folder without any facts in it, whose creator has hardly begun or died at once. */
int oci_container_open(const struct oci_context *oci, const char *id, enum oci_access access,
                       struct oci_container **ret, struct error **err) NODISCARD;
void oci_container_close(struct oci_container *c);
DEFINE_CLEANUP(oci_container, struct oci_container *, oci_container_close)

/* Reads the status anew. */
void oci_container_refresh(struct oci_container *c);
/* Gives the lock up, or takes it again (ERROR_NOT_FOUND when it was deleted meanwhile). */
void oci_container_unlock(struct oci_container *c);
int oci_container_lock(struct oci_container *c, struct error **err) NODISCARD;

/* The folder of a new one, locked, with creating.json and config.json in it; keeps the facts.
 * ERROR_EXISTS "container with given ID already exists: 'x'". */
int oci_container_new(const struct oci_context *oci, const char *id, json_t *facts_take,
                      const char *config, size_t config_len, struct oci_container **ret,
                      struct error **err) NODISCARD;
/* It is created: others may see it so. */
int oci_container_commit(struct oci_container *c, struct error **err) NODISCARD;
/* Removes the folder with everything in it. */
int oci_container_remove(struct oci_container *c, struct error **err) NODISCARD;
/* The workload's end, if it has one, and then the folder's. */
int oci_container_delete(struct oci_container *c, struct error **err) NODISCARD;

/* A pidfd of the first process, or -1 when it has ended. The caller closes it. */
int oci_container_pidfd(const struct oci_container *c);

/* The state as runc prints it: runtime.md#state and rootfs, created, owner. */
json_t *oci_container_state(const struct oci_container *c);

/* A word that may be a container's id: letters, digits and _+.-, not beginning with a dot. */
int oci_id_check(const char *id, struct error **err) NODISCARD;
