// SPDX-License-Identifier: Apache-2.0
#include "compare/probe/probe.h"

const struct probe_kind probe_kinds[] = {
    {"loop", "Processor: a loop of 1000 steps", "ns", PROBE_LOWER, probe_loop},
    {"syscall", "System call", "ns", PROBE_LOWER, probe_syscall},
    {"context-switch", "Context switch", "ns", PROBE_LOWER, probe_context_switch},
    {"memory-bandwidth", "Memory: copying", "MB/s", PROBE_HIGHER, probe_memory_bandwidth},
    {"page-fault", "Page fault", "ns", PROBE_LOWER, probe_page_fault},
    {"fork-exec", "Fork, exec and wait", "us", PROBE_LOWER, probe_fork_exec},
    {"metadata", "File: create, rename, remove", "us", PROBE_LOWER, probe_metadata},
    {"disk-write", "Disk: sequential write", "MB/s", PROBE_HIGHER, probe_write},
    {"disk-write-sync", "Disk: sequential write, fsync", "MB/s", PROBE_HIGHER, probe_write_sync},
    {"disk-read", "Disk: sequential read", "MB/s", PROBE_HIGHER, probe_read},
    {"disk-random-write", "Disk: random 4 KiB write", "us", PROBE_LOWER, probe_random_write},
    {"disk-random-sync", "Disk: random 4 KiB write, fsync", "us", PROBE_LOWER, probe_random_sync},
    {"disk-random-read", "Disk: random 4 KiB read", "us", PROBE_LOWER, probe_random_read},
    {"net-throughput", "Network: to the host", "MB/s", PROBE_HIGHER, probe_net_throughput},
    {"net-latency", "Network: there and back", "us", PROBE_LOWER, probe_net_latency},
    {0},
};
