// SPDX-License-Identifier: Apache-2.0
/* What cloison-probe tells from behind a wall. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "compare/comparison.h"
#include "compare/probe/probe.h"
#include "compare/processes.h"

#define PROBE_INSIDE "/.cloison-probe"

static const struct criterion start_warm = {"start", "Start to first instruction, warm", "ms",
                                            false};
static const struct criterion start_cold = {"start-cold", "Start to first instruction, cold", "ms",
                                            false};

/* Runs the probe to its end. 1: it did; 0: it failed, which is in the document. */
static int run_probe(struct comparison *c, const char *wall, const char *what,
                     const char *const *arguments, struct launch *l, char **ret_command,
                     struct error **err)
{
    const struct wall_run run = {.image = c->probe_image,
                                 .entrypoint = PROBE_INSIDE,
                                 .arguments = arguments,
                                 .as_root = true};
    CLEANUP(free) char *name = NULL;
    CLEANUP(error) struct error *mine = NULL;
    int r = wall_begin(c, wall, &run, l, &name, ret_command, &mine);
    if (r < 0) {
        document_fail(c->doc, wall, what, mine->message);
        return 0;
    }
    r = launch_wait(l, LAUNCH_FIRST, c->timeout_ms, &c->held);
    if (r > 0 && processes_execute(l->watcher, "qemu-system")) {
        (void)json_object_set_new(document_part(c->doc, "walls", wall), "emulated", json_true());
    }
    r = r == 0 || r == 1 ? launch_wait(l, LAUNCH_ENDED, c->timeout_ms, &c->held) : r;
    wall_end(c, l, name);
    if (r == -EINTR) {
        return error_set(err, ERROR_INTERNAL, EINTR, "interrupted");
    }
    if (r == -ETIMEDOUT) {
        document_fail(c->doc, wall, what, "it took longer than --timeout allows");
    } else if (l->report[LAUNCH_FIRST].ns < 0 || l->report[LAUNCH_ENDED].status != 0) {
        CLEANUP(free) char *why = launch_failure(l);
        document_fail(c->doc, wall, what, why);
    } else {
        return 1;
    }
    return 0;
}

static const struct probe_kind *kind_of(const char *name)
{
    for (const struct probe_kind *k = probe_kinds; k->name; k++) {
        if (str_equal(k->name, name)) {
            return k;
        }
    }
    return NULL;
}

/* "measure NAME VALUE", "failed NAME WHY"; a line that is neither is not ours. What comes from
 * behind the wall is text of a workload: a name counts only when it is in our table. */
static void take_line(struct comparison *c, const char *wall, const char *command, int round,
                      const char *line)
{
    char word[16], name[32];
    int at = 0;
    double value = 0;
    if (sscanf(line, "%15s %31s %n", word, name, &at) < 2 || at == 0 || !kind_of(name)) {
        return;
    }
    const struct probe_kind *k = kind_of(name);
    const struct criterion criterion = {k->name, k->title, k->unit, k->better == PROBE_HIGHER};
    if (str_equal(word, "measure") && sscanf(line + at, "%lf", &value) == 1 && value > 0) {
        document_add(c->doc, &criterion, wall, command, round, value);
    } else if (str_equal(word, "failed")) {
        document_fail(c->doc, wall, k->name, line + at);
    }
}

static void take_lines(struct comparison *c, const char *wall, const char *command, int round,
                       const char *output)
{
    CLEANUP(strv) struct strv lines = {0};
    strv_split(&lines, output, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        take_line(c, wall, command, round, lines.items[i]);
    }
}

static double first_ms(const struct launch *l)
{
    return (double)l->report[LAUNCH_FIRST].ns / 1e6;
}

int measure_probes(struct comparison *c, const char *wall, int round, struct error **err)
{
    bool native = str_equal(wall, WALL_NATIVE);
    CLEANUP(free) char *ms = str_format("%d", c->probe_ms);
    CLEANUP(free) char *port = str_format("%d", c->server_port);
    CLEANUP(free) char *command = NULL;
    /* Inside, the server is where the default route leads. */
    const char *const arguments[] = {
        "all", ms, native ? c->scratch : "/", port, native ? c->server_address : NULL, NULL};
    struct launch l = {0};
    int r = run_probe(c, wall, "probes", arguments, &l, &command, err);
    if (r > 0) {
        document_add(c->doc, &start_warm, wall, command, round, first_ms(&l));
        take_lines(c, wall, command, round, l.output);
    }
    launch_done(&l);
    return r < 0 ? r : 0;
}

static int drop_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    if (type == FTW_F) {
        CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        }
    }
    return 0;
}

static void drop_tree(const char *path)
{
    (void)nftw(path, drop_file, 16, FTW_PHYS | FTW_MOUNT);
}

void drop_caches(const struct comparison *c)
{
    CLEANUP(free) char *programs = xstrndup(c->probe, (size_t)(strrchr(c->probe, '/') - c->probe));
    CLEANUP(free) char *cache = str_format("%s/cache", c->data_dir);
    static const char *const names[] = {"cloison-monitor", "cloison-net", "cloison-guest",
                                        "cloison-vmm"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(free) char *path = str_format("%s/%s", programs, names[i]);
        drop_tree(path);
    }
    drop_tree(c->cloison);
    drop_tree(c->probe);
    drop_tree("/usr/bin/qemu-system-x86_64");
    drop_tree(cache);
    for (size_t i = 0; i < c->image->layers.count; i++) {
        drop_tree(c->image->layers.items[i]);
    }
}

int measure_cold(struct comparison *c, const char *wall, int round, struct error **err)
{
    CLEANUP(free) char *command = NULL;
    struct launch l = {0};
    drop_caches(c);
    int r = run_probe(c, wall, "cold start", (const char *[]){"first", NULL}, &l, &command, err);
    if (r > 0) {
        document_add(c->doc, &start_cold, wall, command, round, first_ms(&l));
    }
    launch_done(&l);
    return r < 0 ? r : 0;
}

int measure_facts(struct comparison *c, const char *wall, struct error **err)
{
    CLEANUP(free) char *command = NULL;
    CLEANUP(strv) struct strv lines = {0};
    struct launch l = {0};
    json_t *facts = document_part(c->doc, "facts", wall);
    const char *folder = str_equal(wall, WALL_NATIVE) ? c->scratch : "/";
    int r = run_probe(c, wall, "facts", (const char *[]){"facts", folder, NULL}, &l, &command, err);
    if (r > 0) {
        strv_split(&lines, l.output, '\n');
        (void)json_object_set_new(document_part(c->doc, "walls", wall), "command",
                                  json_string(command));
    }
    for (size_t i = 0; i < lines.count; i++) {
        char name[40];
        int at = 0;
        if (sscanf(lines.items[i], "fact %39s %n", name, &at) == 1 && at > 0) {
            (void)json_object_set_new(facts, name, json_string(lines.items[i] + at));
        }
    }
    launch_done(&l);
    return r;
}
