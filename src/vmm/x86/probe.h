// SPDX-License-Identifier: Apache-2.0
/* Whether a KVM is true: some hosts, virtual machines themselves, offer one that emulates what runs
 * in the guest's kernel mode, a thousand times slower than the processor.
 *
 * A guest of three instructions counts to PROBE_ITERATIONS; the processor time that this may take
 * is limited. Side effects: a machine that is gone after. Spec: KVM api.rst. */
#pragma once

#include "base/error.h"

/* A processor does so many in a tenth of a millisecond, one that is emulated in software in ten. */
#define PROBE_ITERATIONS 300000
#define PROBE_CPU_MS 100   /* of this process */
#define PROBE_WALL_MS 3000 /* on a busy host */

/* ERROR_UNSUPPORTED says what is wrong with it. */
int kvm_probe(int kvm_fd, struct error **err) NODISCARD;
