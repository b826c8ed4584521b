// SPDX-License-Identifier: Apache-2.0
/* The measures that `cloison compare` takes natively and behind each wall: one small static
 * program, cloison-probe, handed in beside the image's own files, so that it needs nothing of an
 * image.
 *
 *     cloison-probe all [MS [FOLDER [PORT]]]   every measure, each about MS milliseconds long
 *     cloison-probe hold                       says "first" and waits to be ended
 *     cloison-probe facts [FOLDER]             what the wall lets a root inside see and reach
 *     cloison-probe serve FD                   the other end of the network's measures
 *     cloison-probe exit                       ends: what fork-exec starts
 *
 * "first" on standard output is the program's first system call: who started it reads when it
 * comes. Then a line a measure: "measure NAME VALUE" or "failed NAME WHY". No library but C's; each
 * measure runs until its time is over and tells a mean of that time, so that clocks are read
 * seldom. Side effects: a file or two in FOLDER, gone at the end; processes, all waited for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_better { PROBE_LOWER, PROBE_HIGHER };

struct probe_context {
    uint64_t ns;        /* how long a measure runs */
    const char *folder; /* where files may be made */
    int port;           /* of `serve`; 0: no network */
    uint32_t address;   /* of `serve`, in network byte order; 0: the default route's gateway */
};

/* One measure. On failure it returns -errno; *ret is untouched. */
typedef int probe_measure(const struct probe_context *c, double *ret);

struct probe_kind {
    const char *name, *title, *unit; /* "syscall", "System call", "ns" */
    enum probe_better better;
    probe_measure *measure; /* NULL in who only reads the table: probe_kinds_find() */
};

/* All measures, in the order in which they are taken; name NULL ends. */
extern const struct probe_kind probe_kinds[];

probe_measure probe_loop, probe_syscall, probe_context_switch, probe_memory_bandwidth,
    probe_page_fault, probe_fork_exec, probe_metadata, probe_write, probe_write_sync, probe_read,
    probe_random_write, probe_random_sync, probe_random_read, probe_net_throughput,
    probe_net_latency;

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t probe_now(void);

/* Serves one client after another on a listening socket until it is ended. Returns -errno. */
int probe_serve(int listener);

/* The gateway of the default route in /proc/net/route's text, in network byte order; 0: none. */
uint32_t probe_gateway(const char *text);

/* Prints "fact NAME VALUE" lines: kernel, boot, seccomp, capabilities, devices, … In `folder` nodes
 * of devices are made, and removed. */
void probe_facts(const char *folder);
