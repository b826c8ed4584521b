// SPDX-License-Identifier: Apache-2.0
#include "vmm/report.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/devices/balloon.h"

enum { REPORT_BYTES = 8192 }; /* MACHINE_CPUS_MAX vCPUs of 100 bytes, and the rest */

static uint64_t cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* a constant clock: cannot fail */
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void report_start(struct report_start *r)
{
    r->cpu_us = cpu_us();
}

const char *machine_end_name(enum machine_end end)
{
    static const char *const names[] = {
        [MACHINE_RUNS] = "running",    [MACHINE_POWER_OFF] = "power-off", [MACHINE_RESET] = "reset",
        [MACHINE_CRASHED] = "crashed", [MACHINE_FAILED] = "failed",
    };
    return names[end];
}

void report_write(const struct report_start *start, const struct machine *m, enum machine_end end)
{
    static char text[REPORT_BYTES];
    if (m->spec->report_fd < 0) {
        return;
    }
    int len = snprintf(text, sizeof(text),
                       "{\"end\":\"%s\",\"start_cpu_us\":%llu,\"cpu_us\":%llu,"
                       "\"released_bytes\":%llu,\"vcpus\":[",
                       machine_end_name(end), (unsigned long long)start->cpu_us,
                       (unsigned long long)cpu_us(),
                       (unsigned long long)(m->balloon ? balloon_released_bytes(m->balloon) : 0));
    for (unsigned i = 0; i < m->spec->cpus; i++) {
        const struct vcpu_counts *c = &m->vcpus[i].counts;
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "%s{\"port_exits\":%llu,\"memory_exits\":%llu,\"other_exits\":%llu}",
                        i ? "," : "", (unsigned long long)c->port, (unsigned long long)c->memory,
                        (unsigned long long)c->other);
    }
    len += snprintf(text + len, sizeof(text) - (size_t)len, "]}\n");
    IGNORE(write_all(m->spec->report_fd, text, (size_t)len) < 0); /* nobody listens */
}
