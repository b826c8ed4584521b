// SPDX-License-Identifier: Apache-2.0
/* Whether a KVM is true: some hosts, virtual machines themselves, offer one that emulates what runs
 * in the guest's kernel mode, a thousand times slower than the processor.
 *
 * A guest executes an instruction that every processor with virtual machines has and KVM's emulator
 * has not: that alone decides on such hosts. Then it counts to PROBE_ITERATIONS in a limited time
 * of this process, lest another emulator knows the instruction. Side effects: a machine that is
 * gone after. Spec: KVM api.rst. */
#pragma once

#include "base/error.h"

/* A processor does so many in a third of a millisecond, one that is emulated in software in seven,
 * KVM's own emulator in four hundred. */
#define PROBE_ITERATIONS 1000000
#define PROBE_CPU_MS 100   /* of this process */
#define PROBE_WALL_MS 3000 /* on a busy host */

/* ERROR_UNSUPPORTED says what is wrong with it. */
int kvm_probe(int kvm_fd, struct error **err) NODISCARD;
