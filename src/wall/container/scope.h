// SPDX-License-Identifier: Apache-2.0
/* The systemd cgroup driver: the workload's group is that of a transient scope.
 *
 * systemd makes the scope and so its group, delegated (Delegate=yes), and leaves the inside to us:
 * limits are written into the group's files as by the other driver, exactly, and told to systemd as
 * properties, so that it writes the same when it is reloaded or somebody asks `systemctl show`. The
 * workload's processes are right in the scope's group, as runc's are: Docker, Podman and the
 * kubelet read usage and limits there.
 *
 * A scope is never empty. The program that speaks to systemd (wall/systemd/protocol.h) is in it
 * first and leaves when the workload has moved in. docs/decisions/0014-systemd-driver.md has why.
 *
 *     scope_place_parse(), scope_plan_*()   pure: cgroupsPath and resources → names, requests
 *     scope_start()     the scope and its group exist; the helper holds it
 *       … the groups are limited, the child is cloned into them, its set-up ends …
 *     scope_settle()    properties that had to wait; the helper leaves
 *     scope_change()    later, from any process: properties of a running one
 *     scope_stop()      the unit is gone
 * On failure or at a crash of ours the helper ends with its socket, and with it an empty scope.
 *
 * Side effects: processes, and what systemd does. Specifications: man 5 systemd.resource-control;
 * https://systemd.io/CGROUP_DELEGATION; runc's docs/systemd.md for cgroupsPath and annotations. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

struct cgroup_set;

/* Where a cgroupsPath "slice:prefix:name" leads. */
struct scope_place {
    const char *slice; /* "machine-a.slice" */
    const char *unit;  /* "prefix-name.scope" */
    const char *group; /* "/machine.slice/machine-a.slice/prefix-name.scope" */
};

/* All that will be asked of systemd; in the plan's arena. */
struct scope_plan {
    struct scope_place place;
    const char *start;  /* the request "start" as JSON */
    const char *settle; /* the request "set" of what had to wait, or NULL */
};

/* An absent path is "system.slice:cloison:<id>"; an absent slice system.slice. */
int scope_place_parse(struct arena *a, const char *path, const char *id, struct scope_place *ret,
                      struct error **err) NODISCARD;

/* Fills everything but the place. Annotations "org.systemd.property.NAME" are properties, too. */
int scope_plan_make(struct arena *a, const struct spec *s, const char *id,
                    const struct cgroup_set *set, struct scope_plan *ret,
                    struct error **err) NODISCARD;

/* The resources as properties, for groups of these versions: a new reference. */
json_t *scope_properties(const struct spec_resources *r, const struct cgroup_set *set);

/* "uint64 5", "['a', 'b']" (GVariant's text format): appends [name, signature, value]. A name in
 * …Sec takes seconds and becomes …USec, as in unit files. */
int scope_property_parse(const char *name, const char *text, json_t *properties,
                         struct error **err) NODISCARD;

struct scope_helper {
    pid_t pid; /* 0: none */
    int sock;
};
int scope_start(struct scope_helper *h, const struct scope_plan *p, struct error **err) NODISCARD;
int scope_settle(struct scope_helper *h, const struct scope_plan *p, struct error **err) NODISCARD;
/* Ends the helper. None: nothing. */
void scope_leave(struct scope_helper *h);
/* `properties` is borrowed. */
int scope_change(const char *unit, json_t *properties, struct error **err) NODISCARD;
int scope_stop(const char *unit, struct error **err) NODISCARD;
