// SPDX-License-Identifier: Apache-2.0
/* Giving memory back once the workload runs. What the start needed is freed and the heap trimmed;
 * the pages of the program's own text, of which the loop needs a few, are dropped from this
 * process: they stay in the page cache and come back when touched. The stack below this frame, deep
 * while planning, is dropped likewise. */
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "engine/monitor/monitor.h"

extern const char __executable_start[], etext[]; /* of the linker: a static, fixed program */

#define PAGE ((uintptr_t)4096) /* the smallest: madvise() wants multiples of it */
#define STACK_DEPTH ((uintptr_t)256 << 10)

static const char *page_of(const char *at)
{
    return at - ((uintptr_t)at & (PAGE - 1));
}

static void drop_text(void)
{
    const char *from = page_of(__executable_start), *to = page_of(etext + PAGE - 1);
    (void)madvise((void *)from, (size_t)(to - from), MADV_DONTNEED); /* clean pages of a file */
}

static void drop_stack(void)
{
    const char *here = page_of(__builtin_frame_address(0));
    /* Two pages are left for the frames that this very call needs. */
    (void)madvise((void *)(here - STACK_DEPTH), STACK_DEPTH - 2 * PAGE, MADV_DONTNEED);
}

void monitor_quiet(struct monitor *m)
{
    struct container *c = m->container;
    json_decref(c->request);
    json_decref(c->labels);
    c->request = c->labels = NULL;
    (void)malloc_trim(0);
    drop_stack();
    drop_text();
}
