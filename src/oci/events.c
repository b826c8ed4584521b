// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci events`: statistics and kills for memory, a line of JSON each. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "base/file.h"
#include "oci/container.h"

#define INTERVAL_DEFAULT_MS 5000

struct events_values {
    struct option_integer interval;
    bool stats;
};

static void print_event(const char *id, const char *type, json_t *data_take)
{
    CLEANUP(json)
    json_t *o = json_pack("{s:s,s:s,s:o*}", "type", type, "id", id, "data", data_take);
    CLEANUP(free) char *text = json_dumps(o, JSON_COMPACT);
    printf("%s\n", text);
    (void)fflush(stdout); /* main looks for errors */
}

/* What is watched while the first process lives. */
struct follow {
    struct oci_container *c;
    int watch; /* -1: the host cannot tell */
    short events;
    int64_t kills; /* seen so far */
};

/* v1 signals before the kill, and when the group goes away; v2 whenever any count changes. */
static void take_memory_event(struct follow *f)
{
    char bytes[512];
    struct wall_stats stats;
    (void)lseek(f->watch, 0, SEEK_SET); /* v2's file is read anew; v1's eventfd has no place */
    if (read(f->watch, bytes, sizeof(bytes)) < 0 ||
        f->c->oci->wall->stats(f->c->workload, &stats, NULL) < 0) {
        f->watch = fd_close(f->watch);
        return;
    }
    if (f->events == POLLIN || stats.oom_kills > f->kills) {
        print_event(f->c->id, "oom", NULL);
    }
    f->kills = stats.oom_kills;
}

static int follow_until_end(struct follow *f, int pidfd, int interval_ms, struct error **err)
{
    for (;;) {
        struct pollfd fds[2] = {{pidfd, POLLIN, 0}, {f->watch, f->events, 0}};
        int n = poll(fds, 2, interval_ms);
        if (n < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for events");
        }
        if (n == 0) {
            print_event(f->c->id, "stats", f->c->oci->wall->detail(f->c->workload));
        }
        if (n > 0 && fds[1].revents) {
            take_memory_event(f);
        }
        if (n > 0 && fds[0].revents) {
            return 0;
        }
    }
}

static int follow(struct oci_container *c, int interval_ms, struct error **err)
{
    struct follow f = {.c = c};
    struct wall_stats stats = {0};
    CLEANUP(fd) int pidfd = oci_container_pidfd(c);
    if (pidfd < 0) {
        return error_set(err, ERROR_BUSY, 0, "container not running: '%s'", c->id);
    }
    IGNORE(c->oci->wall->stats(c->workload, &stats, NULL)); /* without: none seen so far */
    f.kills = stats.oom_kills;
    f.watch = c->oci->wall->watch_memory(c->workload, &f.events, NULL);
    int r = follow_until_end(&f, pidfd, interval_ms, err);
    fd_close(f.watch);
    return r;
}

static int events_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    const struct events_values *v = values;
    int64_t interval_ms = v->interval.set ? v->interval.value : INTERVAL_DEFAULT_MS;
    if (interval_ms <= 0 || interval_ms > INT32_MAX) {
        return error_set(err, ERROR_USAGE, 0, "duration interval must be greater than 0");
    }
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_LOOK, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->status == OCI_STOPPED || !c->workload) {
        return error_set(err, ERROR_BUSY, 0, "container not running: '%s'", c->id);
    }
    if (v->stats) {
        print_event(c->id, "stats", c->oci->wall->detail(c->workload));
        return 0;
    }
    return follow(c, (int)interval_ms, err);
}

static const struct option events_options[] = {
    {0, "interval", OPTION_DURATION, offsetof(struct events_values, interval), "DURATION",
     "Print statistics this often (default 5s)"},
    {0, "stats", OPTION_FLAG, offsetof(struct events_values, stats), NULL,
     "Print the statistics once"},
    {0},
};

const struct command oci_events = {
    .name = "events",
    .group = "Commands",
    .summary = "Print statistics and kills for memory as they come",
    .arguments = "[OPTIONS] CONTAINER",
    .options = events_options,
    .values_size = sizeof(struct events_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = events_run,
};
