// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "compare/probe/probe.h"

#define COPY_BYTES ((size_t)16 << 20) /* more than most caches of one processor hold */
#define FAULT_BYTES ((size_t)4 << 20)
#define PAGE_BYTES 4096

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int probe_memory_bandwidth(const struct probe_context *c, double *ret)
{
    char *both = map(2 * COPY_BYTES);
    if (!both) {
        return -errno;
    }
    memset(both, 1, 2 * COPY_BYTES); /* the pages are there before the clock starts */
    uint64_t begin = probe_now(), now = begin, copies = 0;
    do {
        memcpy(both + COPY_BYTES, both, COPY_BYTES);
        __asm__ volatile("" : : "r"(both) : "memory"); /* or the copy could be left out */
        copies++;
        now = probe_now();
    } while (now - begin < c->ns);
    *ret = (double)copies * (double)COPY_BYTES * 1000 / (double)(now - begin);
    (void)munmap(both, 2 * COPY_BYTES);
    return 0;
}

int probe_page_fault(const struct probe_context *c, double *ret)
{
    uint64_t spent = 0, faults = 0;
    do {
        volatile char *p = map(FAULT_BYTES);
        if (!p) {
            return -errno;
        }
        /* Small pages, whatever the host's setting: a fault of 2 MiB is another measure. */
        (void)madvise((void *)p, FAULT_BYTES, MADV_NOHUGEPAGE);
        uint64_t begin = probe_now();
        for (size_t i = 0; i < FAULT_BYTES; i += PAGE_BYTES) {
            p[i] = 1;
        }
        spent += probe_now() - begin;
        faults += FAULT_BYTES / PAGE_BYTES;
        (void)munmap((void *)p, FAULT_BYTES);
    } while (spent < c->ns);
    *ret = (double)spent / (double)faults;
    return 0;
}
