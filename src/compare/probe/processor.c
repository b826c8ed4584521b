// SPDX-License-Identifier: Apache-2.0
/* Processor, kernel entries, processes. */
#include <errno.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare/probe/probe.h"

uint64_t probe_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Each step needs the one before: nothing to overlap, nothing to leave out. */
static uint64_t thousand_steps(uint64_t x)
{
    for (int i = 0; i < 1000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

int probe_loop(const struct probe_context *c, double *ret)
{
    uint64_t begin = probe_now(), now = begin, loops = 0;
    volatile uint64_t kept = 88172645463325252u;
    do {
        for (int i = 0; i < 100; i++) {
            kept = thousand_steps(kept);
        }
        loops += 100;
        now = probe_now();
    } while (now - begin < c->ns);
    *ret = (double)(now - begin) / (double)loops;
    return 0;
}

int probe_syscall(const struct probe_context *c, double *ret)
{
    uint64_t begin = probe_now(), now = begin, calls = 0;
    do {
        for (int i = 0; i < 1000; i++) {
            (void)syscall(SYS_getppid);
        }
        calls += 1000;
        now = probe_now();
    } while (now - begin < c->ns);
    *ret = (double)(now - begin) / (double)calls;
    return 0;
}

/* On one processor, so that each message is a switch. Where that cannot be asked for (a seccomp
 * profile of the user's), the scheduler decides. */
static void stay_here(void)
{
    cpu_set_t one;
    int cpu = sched_getcpu();
    CPU_ZERO(&one);
    if (cpu >= 0) {
        CPU_SET((size_t)cpu, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
    }
}

static void echo(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
    }
    _exit(0);
}

static int ping(const struct probe_context *c, int from, int to, double *ret)
{
    uint64_t begin = probe_now(), now = begin, switches = 0;
    char byte = 'p';
    do {
        for (int i = 0; i < 50; i++) {
            if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) {
                return -EPIPE;
            }
        }
        switches += 100;
        now = probe_now();
    } while (now - begin < c->ns);
    *ret = (double)(now - begin) / (double)switches;
    return 0;
}

static int close_pair(const int ends[2], int result)
{
    (void)close(ends[0]);
    (void)close(ends[1]);
    return result;
}

int probe_context_switch(const struct probe_context *c, double *ret)
{
    int there[2], back[2];
    cpu_set_t before;
    (void)sched_getaffinity(0, sizeof(before), &before);
    if (pipe(there) < 0) {
        return -errno;
    }
    if (pipe(back) < 0) {
        return close_pair(there, -errno);
    }
    stay_here();
    pid_t pid = fork();
    int r = pid < 0 ? -errno : 0;
    if (pid == 0) {
        (void)close(there[1]);
        (void)close(back[0]);
        echo(there[0], back[1]);
    }
    if (r == 0) {
        r = ping(c, back[0], there[1], ret);
    }
    (void)close_pair(there, 0);
    (void)close_pair(back, 0);
    (void)sched_setaffinity(0, sizeof(before), &before);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return r;
}

int probe_fork_exec(const struct probe_context *c, double *ret)
{
    char *const argv[] = {(char *)"cloison-probe", (char *)"exit", NULL};
    char *const environment[] = {NULL};
    uint64_t begin = probe_now(), now = begin, count = 0;
    do {
        pid_t pid = -1;
        int status = 0;
        int code = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environment);
        if (code) {
            return -code;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (status != 0) {
            return -ENOEXEC;
        }
        count++;
        now = probe_now();
    } while (now - begin < c->ns);
    *ret = (double)(now - begin) / (double)count / 1000;
    return 0;
}
