// SPDX-License-Identifier: Apache-2.0
/* What each instance costs the host: several at once, for each count; a line through the points. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/human.h"
#include "base/signals.h"
#include "compare/comparison.h"
#include "compare/processes.h"
#include "compare/statistics.h"

#define SETTLE_MS 250
#define SETTLE_TRIES 40
#define SETTLE_CHANGE 0.005 /* two looks that differ by less: it has settled */

struct instance {
    struct launch launch;
    char *name;
};

struct crowd {
    struct instance *instances;
    size_t count;
    char *command;
};

static bool own_workload(const struct comparison *c)
{
    return c->ready_port || c->ready_log;
}

static int64_t available_bytes(void)
{
    CLEANUP(free) char *text = NULL;
    long long kib = 0;
    if (file_read(AT_FDCWD, "/proc/meminfo", 65536, &text, NULL, NULL) < 0) {
        return 0;
    }
    const char *at = strstr(text, "\nMemAvailable:");
    return at && sscanf(at, "\nMemAvailable: %lld", &kib) == 1 ? kib * 1024 : 0;
}

/* 1: one more is up; 0: it failed, which is in the document. */
static int one_more(struct comparison *c, const char *wall, struct crowd *crowd, struct error **err)
{
    const struct wall_run probe = {.image = c->probe_image,
                                   .entrypoint = "/.cloison-probe",
                                   .arguments = (const char *[]){"hold", NULL},
                                   .as_root = true,
                                   .detached = true};
    const struct wall_run own = {.image = c->image_name,
                                 .arguments = (const char *const *)c->command.items,
                                 .detached = c->ready_port != 0,
                                 .ready_log = c->ready_log,
                                 .native_in_image = true};
    struct instance *i = &crowd->instances[crowd->count];
    struct error *mine = NULL;
    int64_t ns = 0;
    free(take_ptr(crowd->command));
    int r = wall_begin(c, wall, own_workload(c) ? &own : &probe, &i->launch, &i->name,
                       &crowd->command, &mine);
    if (r < 0) {
        document_fail(c->doc, wall, "memory", mine->message);
        error_free(mine);
        free(take_ptr(i->name));
        return 0;
    }
    crowd->count++;
    bool native = str_equal(wall, WALL_NATIVE);
    r = own_workload(c) ? wait_ready(c, &i->launch, wall, i->name, &ns)
                        : launch_wait(&i->launch, native ? LAUNCH_FIRST : LAUNCH_STARTED,
                                      c->timeout_ms, &c->held);
    if (r == -EINTR) {
        return error_set(err, ERROR_INTERNAL, EINTR, "interrupted");
    }
    bool started =
        r == 1 && (native || own_workload(c) || i->launch.report[LAUNCH_STARTED].status == 0);
    if (!started) {
        wall_end(c, &i->launch, i->name);
        CLEANUP(free) char *why = launch_failure(&i->launch);
        document_fail(c->doc, wall, "memory", r == -ETIMEDOUT ? "not up before --timeout" : why);
    }
    return started;
}

static int total_pss(const struct comparison *c, const struct crowd *crowd, double *ret,
                     struct error **err)
{
    *ret = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        int64_t bytes = 0;
        int r = processes_pss(crowd->instances[i].launch.watcher, c->cloison, &bytes, err);
        if (r < 0) {
            return r;
        }
        *ret += (double)bytes;
    }
    return 0;
}

/* Until two looks agree: a machine goes on booting after its workload runs. */
static int settled_pss(struct comparison *c, struct crowd *crowd, double *ret, struct error **err)
{
    double before = 0;
    int r = total_pss(c, crowd, ret, err);
    for (int i = 0; i < SETTLE_TRIES && r >= 0; i++) {
        /* Nobody ends meanwhile; a wait for what does not come is a pause that ^C cuts short. */
        r = launch_wait(&crowd->instances[0].launch, LAUNCH_ENDED, SETTLE_MS, &c->held);
        if (r == -EINTR) {
            return error_set(err, ERROR_INTERNAL, EINTR, "interrupted");
        }
        before = *ret;
        r = total_pss(c, crowd, ret, err);
        double change = *ret - before;
        if (change < before * SETTLE_CHANGE && -change < before * SETTLE_CHANGE) {
            break;
        }
    }
    return r;
}

static long long file_bytes;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)path;
    (void)type;
    (void)where;
    file_bytes += (long long)st->st_blocks * 512;
    return 0;
}

static void add_disk(struct comparison *c, const char *wall, const struct crowd *crowd,
                     json_t *memory)
{
    CLEANUP(free) char *id = NULL;
    file_bytes = 0;
    if (!str_equal(wall, WALL_NATIVE)) {
        const char *const inspect[] = {"inspect", "--format", "{{.Id}}", crowd->instances[0].name,
                                       NULL};
        if (engine_command(c, inspect, &id, NULL) < 0) {
            return;
        }
        CLEANUP(free) char *folder = str_format("%s/containers/%s", c->data_dir, id);
        (void)nftw(folder, add_file, 16, FTW_PHYS | FTW_MOUNT);
    }
    (void)json_object_set_new(memory, "diskBytesEach", json_integer(file_bytes));
    if (str_equal(wall, "vm")) {
        CLEANUP(free) char *cache = str_format("%s/cache/vm", c->data_dir);
        file_bytes = 0;
        (void)nftw(cache, add_file, 16, FTW_PHYS | FTW_MOUNT);
        for (size_t i = 0; i < c->image->layers.count; i++) {
            const char *layer = c->image->layers.items[i];
            CLEANUP(free)
            char *disk = str_format("%.*s/layer.erofs", (int)(strrchr(layer, '/') - layer), layer);
            (void)nftw(disk, add_file, 1, FTW_PHYS | FTW_MOUNT); /* one of these, or the other */
        }
        (void)json_object_set_new(memory, "diskBytesCache", json_integer(file_bytes));
    }
}

bool room_for(double used, size_t count, int wanted, double free_bytes, double *ret_more)
{
    *ret_more = used / (double)count * (double)(wanted - (int)count);
    return *ret_more <= free_bytes / 2;
}

static double disk_free_bytes(const struct comparison *c)
{
    struct statvfs fs;
    return statvfs(c->data_dir, &fs) < 0 ? 0 : (double)fs.f_bavail * (double)fs.f_frsize;
}

/* Would so many fit? By what those that run have cost so far; half of what is free stays for
 * everybody else. Asked for each doubling: looking at all of them takes longer the more they are.
 */
static bool is_room(struct comparison *c, const char *wall, const struct crowd *crowd, int wanted)
{
    double pss = 0, more = 0;
    double disk = (double)crowd->count *
                  document_number(document_part(c->doc, "memory", wall), "diskBytesEach");
    if (crowd->count == 0 || (crowd->count & (crowd->count - 1)) != 0 ||
        total_pss(c, crowd, &pss, NULL) < 0) {
        return true;
    }
    const char *what = "memory";
    bool room = room_for(pss, crowd->count, wanted, (double)available_bytes(), &more);
    if (room && !isnan(disk)) {
        what = "disk";
        room = room_for(disk, crowd->count, wanted, disk_free_bytes(c), &more);
    }
    if (!room) {
        CLEANUP(free) char *size = human_binary_size((int64_t)more);
        CLEANUP(free)
        char *why = str_format("%d instances would take %s of %s more, over half of what is free",
                               wanted, size, what);
        document_fail(c->doc, wall, "memory", why);
    }
    return room;
}

/* What the engine reads back of the wall of the first instance. A wall that it cannot tell of yet
 * has no such part. */
static void add_isolation(struct comparison *c, const char *wall, const struct crowd *crowd)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *read = NULL;
    const char *const inspect[] = {
        "inspect", "--isolation", "--format", "json", crowd->instances[0].name, NULL};
    if (str_equal(wall, WALL_NATIVE) || engine_command(c, inspect, &text, NULL) < 0 ||
        json_parse(text, strlen(text), "isolation", &read, NULL) < 0) {
        return;
    }
    json_t *list = json_object_get(read, "Isolation");
    if (json_is_array(list)) {
        (void)json_object_set(json_object_get(c->doc, "isolation"), wall, list);
    }
}

static int measure_counts(struct comparison *c, const char *wall, struct crowd *crowd,
                          json_t *memory, struct error **err)
{
    json_t *points = json_object_get(memory, "points");
    double bytes = 0;
    /* Natively the user's own workload has one port and one folder: one instance. */
    bool one = own_workload(c) && str_equal(wall, WALL_NATIVE);
    for (size_t k = 0; k < (one ? 1 : c->count_count); k++) {
        while ((int)crowd->count < (one ? 1 : c->counts[k])) {
            CLEANUP(free) char *what = str_format("memory of %d", c->counts[k]);
            comparison_progress(c, wall, what);
            int r = is_room(c, wall, crowd, c->counts[k]) ? one_more(c, wall, crowd, err) : 0;
            if (r <= 0) {
                return r;
            }
            if (crowd->count == 1) {
                add_disk(c, wall, crowd, memory);
                add_isolation(c, wall, crowd);
            }
        }
        int r = settled_pss(c, crowd, &bytes, err);
        if (r < 0) {
            return r;
        }
        (void)json_array_append_new(
            points, json_pack("{s:i, s:f}", "count", (int)crowd->count, "bytes", bytes));
    }
    return 0;
}

static void sum_up(json_t *memory)
{
    const json_t *points = json_object_get(memory, "points");
    double x[COUNTS_MAX], y[COUNTS_MAX], available = (double)available_bytes();
    size_t n = json_array_size(points);
    for (size_t i = 0; i < n; i++) {
        x[i] = document_number(json_array_get(points, i), "count");
        y[i] = document_number(json_array_get(points, i), "bytes");
    }
    if (n == 0) {
        return;
    }
    struct line l = line_fit(x, y, n);
    json_object_set_new(memory, "bytesEach", json_real(l.slope));
    json_object_set_new(memory, "bytesFixed", json_real(l.intercept));
    json_object_set_new(memory, "availableBytes", json_real(available));
    if (l.slope > 0) {
        json_object_set_new(memory, "fits",
                            json_integer((json_int_t)((available - l.intercept) / l.slope)));
    }
    if (!l.has_error) {
        return;
    }
    json_object_set_new(memory, "bytesEachError", json_real(l.slope_error));
    if (l.slope > l.slope_error) {
        double least = (available - l.intercept) / (l.slope + l.slope_error);
        double most = (available - l.intercept) / (l.slope - l.slope_error);
        json_object_set_new(memory, "fitsLow", json_integer((json_int_t)least));
        json_object_set_new(memory, "fitsHigh", json_integer((json_int_t)most));
    }
}

int measure_memory(struct comparison *c, const char *wall, struct error **err)
{
    int most = c->counts[c->count_count - 1];
    struct crowd crowd = {.instances = xcalloc((size_t)most, sizeof(*crowd.instances))};
    json_t *memory = document_part(c->doc, "memory", wall);
    (void)json_object_set_new(memory, "points", json_array());
    int r = measure_counts(c, wall, &crowd, memory, err);
    (void)json_object_set_new(memory, "command", json_string(str_or(crowd.command, "")));
    if (document_wall_is_emulated(c->doc, wall)) {
        (void)json_object_set_new(memory, "emulated", json_true());
    }
    for (size_t i = 0; i < crowd.count; i++) {
        wall_end(c, &crowd.instances[i].launch, crowd.instances[i].name);
        launch_done(&crowd.instances[i].launch);
        free(crowd.instances[i].name);
    }
    free(crowd.instances);
    free(crowd.command);
    sum_up(memory);
    return r;
}
