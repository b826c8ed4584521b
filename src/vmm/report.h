// SPDX-License-Identifier: Apache-2.0
/* What a machine did, as one line of JSON on its report descriptor when it stops: why it ended, the
 * exits of each vCPU, what its start cost, what memory came back. docs/vm.md explains the fields.
 */
#pragma once

#include "vmm/machine.h"

struct report_start { /* taken just before the vCPUs start */
    uint64_t cpu_us;  /* processor time of the process */
};

void report_start(struct report_start *r);
/* Allocates nothing; after the lock-in. */
void report_write(const struct report_start *start, const struct machine *m, enum machine_end end);
const char *machine_end_name(enum machine_end end);
