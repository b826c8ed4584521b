// SPDX-License-Identifier: Apache-2.0
/* The program cloison-probe: see probe.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/probe/probe.h"

#define MS_DEFAULT 100
#define MS_MAX 60000

/* -1 when it is no number in [0, max]. */
static long number(const char *text, long max)
{
    char *end = NULL;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    return errno || end == text || *end || v < 0 || v > max ? -1 : (long)v;
}

static int take_all(const struct probe_context *c)
{
    for (const struct probe_kind *k = probe_kinds; k->name; k++) {
        double value = 0;
        if (c->port == 0 && strncmp(k->name, "net-", 4) == 0) {
            continue;
        }
        int r = k->measure(c, &value);
        if (r < 0) {
            printf("failed %s %s\n", k->name, strerror(-r));
        } else {
            printf("measure %s %.6g\n", k->name, value);
        }
        (void)fflush(stdout);
    }
    return 0;
}

static int all(int argc, char **argv)
{
    long ms = argc > 2 ? number(argv[2], MS_MAX) : MS_DEFAULT;
    long port = argc > 4 ? number(argv[4], 65535) : 0;
    struct probe_context c = {.folder = argc > 3 ? argv[3] : "/", .port = (int)port};
    if (ms < 1 || port < 0 || (argc > 5 && inet_pton(AF_INET, argv[5], &c.address) != 1)) {
        (void)fputs("cloison-probe: all [MS [FOLDER [PORT [ADDRESS]]]]\n", stderr);
        return 125;
    }
    c.ns = (uint64_t)ms * 1000000;
    return take_all(&c);
}

/* Until it is ended. As the first process of a PID namespace it has no default for SIGTERM. */
static void over(int signal)
{
    _exit(signal == SIGTERM ? 0 : 1);
}

static void hold(void)
{
    (void)signal(SIGTERM, over);
    for (;;) {
        (void)pause();
    }
}

static int serve(const char *fd)
{
    long n = number(fd, 1024);
    (void)signal(SIGPIPE, SIG_IGN);
    return n < 0 || probe_serve((int)n) < 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "exit") == 0) {
        return 0;
    }
    if (strcmp(mode, "serve") == 0 && argc == 3) {
        return serve(argv[2]);
    }
    if (write(STDOUT_FILENO, "first\n", 6) != 6) {
        return 1;
    }
    if (strcmp(mode, "first") == 0) {
        return 0;
    }
    if (strcmp(mode, "all") == 0) {
        return all(argc, argv);
    }
    if (strcmp(mode, "hold") == 0) {
        hold();
    }
    if (strcmp(mode, "facts") == 0) {
        probe_facts(argc > 2 ? argv[2] : "/");
        return 0;
    }
    (void)fputs("cloison-probe: all, first, hold, facts, serve FD or exit\n", stderr);
    return 125;
}
