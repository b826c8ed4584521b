// SPDX-License-Identifier: Apache-2.0
/* Device rules: which device nodes a workload may make, read and write.
 *
 * Rules hold in order, the last that matches wins, and what none matches is denied, as v1's devices
 * controller does. On v1 each is a line for devices.allow or devices.deny; on v2 all become one
 * program of type BPF_PROG_TYPE_CGROUP_DEVICE, which this module generates and attaches.
 *
 * Pure but for devices_attach(), which makes kernel objects. From the parent, any thread.
 * Specifications: OCI runtime 1.2 config-linux.md#allowed-device-list; cgroup-v1/devices.rst;
 * cgroup-v2.rst "Device controller"; man 2 bpf. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "spec/spec.h"

struct bpf_insn;

/* "c 1:3 rwm", "a *:* rwm". */
char *devices_rule_text(struct arena *a, const struct spec_device_rule *rule);

/* The program: *ret_count instructions in the arena. */
struct bpf_insn *devices_program(struct arena *a, const struct spec_device_rule *rules,
                                 size_t count, size_t *ret_count);

/* Loads the program and attaches it to the v2 group, in the place of one attached before. */
int devices_attach(const char *group, const struct spec_device_rule *rules, size_t count,
                   struct error **err) NODISCARD;
