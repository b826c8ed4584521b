// SPDX-License-Identifier: Apache-2.0
/* The specification's (v1's) resources as writes into the files of the hierarchies there are.
 *
 * Pure. Owns every conversion of units between v1 and v2 and the list of what neither can do.
 *
 *     CPU shares 2 … 262144 → weight 1 … 10000   10^((l² + 125 l) / 612 - 7/34), l = log2(shares),
 *                                                rounded up: 1024 is 100. What runc does from 1.3.2
 *                                                and crun from 1.23; the older linear formula made
 *                                                the default share 39, below everybody else's
 *     blkio weight 10 … 1000 → io.weight         1 + (w - 10) · 9999 / 990; io.bfq.weight as it is
 *     memory+swap → memory.swap.max              minus the memory limit
 *     quota, period → cpu.max "quota period"
 *
 * Specification: OCI runtime 1.2 config-linux.md#control-groups; cgroup-v2.rst; cgroup-v1/. */
#pragma once

#include "wall/container/cgroup.h"

uint64_t cgroup_weight_from_shares(uint64_t shares);
uint64_t cgroup_io_weight_from_blkio(uint32_t weight);

/* The controllers that these resources need; device rules are not among them. */
uint32_t cgroup_resources_need(const struct spec_resources *r);

/* The spec's device rules and, where something is denied at all, behind them those that every
 * workload needs; in the arena. There must be one rule at least. */
struct spec_device_rule *cgroup_device_rules(struct arena *a, const struct spec_resources *r,
                                             size_t *ret_count);
/* Appends the rules as writes for v1, or sets p->devices for a program. */
int cgroup_plan_devices(struct arena *a, const struct spec_resources *r, struct cgroup_plan *p,
                        struct error **err) NODISCARD;

/* Appends to p->writes what `r` asks of the groups in p->set. `what_exists` are the controllers
 * that this host has at all, for the error's words. */
int cgroup_convert(struct arena *a, const struct spec_resources *r, struct cgroup_plan *p,
                   struct error **err) NODISCARD;
