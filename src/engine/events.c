// SPDX-License-Identifier: Apache-2.0
#include "engine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

static char *event_line(const struct container *c, const char *action, json_t *attributes)
{
    char when[TIME_TEXT_BYTES];
    time_now_text(when);
    CLEANUP(json) json_t *all = c->labels ? json_copy(c->labels) : json_object();
    json_object_set_new(all, "image", json_string(str_or(c->image, "")));
    json_object_set_new(all, "name", json_string(c->name));
    json_object_update(all, attributes);
    CLEANUP(json)
    json_t *json = json_pack("{s:s,s:s,s:s,s:O}", "time", when, "action", action, "id", c->id,
                             "attributes", all);
    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

void event_write(const struct engine *e, const struct container *c, const char *action,
                 json_t *attributes_take)
{
    CLEANUP(json) json_t *attributes = attributes_take;
    CLEANUP(free) char *path = str_format("%s/events.jsonl", e->run_dir);
    CLEANUP(free) char *text = event_line(c, action, attributes);
    CLEANUP(free) char *line = str_format("%s\n", str_or(text, "{}"));
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    if (fd < 0 || write_all(fd, line, strlen(line)) < 0 || fstat(fd, &st) < 0 ||
        st.st_size < EVENTS_BYTES_MAX) {
        return;
    }
    CLEANUP(free) char *old = str_format("%s.1", path);
    (void)rename(path, old); /* two at once rename the same file: the second finds it small */
}

struct journal {
    const struct events_options *options;
    event_reader *reader;
    void *context;
    char *path;
    FILE *file; /* being read, or NULL */
    char *line;
    size_t room;
    bool skip; /* the past is not wanted */
};

static void journal_cleanup(struct journal *j)
{
    if (j->file) {
        fclose(j->file);
    }
    free(j->line);
    free(j->path);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* A line that is no event (cut short by a full disk) is left out. */
static int take_line(struct journal *j, size_t len, struct error **err)
{
    const struct events_options *o = j->options;
    CLEANUP(json) json_t *event = json_loadb(j->line, len, 0, NULL);
    const char *time = json_string_value(json_object_get(event, "time"));
    struct timespec t;
    if (j->skip || !time || time_parse(time, &t) < 0 ||
        (o->since.tv_sec && is_before(&t, &o->since)) ||
        (o->until.tv_sec && is_before(&o->until, &t))) {
        return 0;
    }
    return j->reader(j->context, event, err);
}

/* What there is in the open part; half a line waits for its other half. */
static int read_part(struct journal *j, struct error **err)
{
    int r = 0;
    ssize_t len;
    while (r >= 0 && j->file && (len = getline(&j->line, &j->room, j->file)) > 0) {
        if (j->line[len - 1] != '\n') {
            (void)fseek(j->file, -len, SEEK_CUR); /* a regular file */
            break;
        }
        r = take_line(j, (size_t)len, err);
    }
    if (j->file) {
        clearerr(j->file);
    }
    return r;
}

static void open_part(struct journal *j, const char *suffix)
{
    CLEANUP(free) char *path = str_format("%s%s", j->path, suffix);
    if (j->file) {
        fclose(j->file);
    }
    j->file = fopen(path, "re");
}

/* Reads on; where the file was renamed meanwhile, what is left of it and then its successor. */
static int read_on(struct journal *j, struct error **err)
{
    struct stat now, open;
    int r = read_part(j, err);
    while (r >= 0 && stat(j->path, &now) == 0 &&
           (!j->file || (fstat(fileno(j->file), &open) == 0 && open.st_ino != now.st_ino))) {
        r = read_part(j, err);
        open_part(j, "");
        r = r < 0 ? r : read_part(j, err);
    }
    return r;
}

/* Milliseconds until then, -1 for ever. */
static int time_left(const struct timespec *until)
{
    struct timespec now;
    if (!until->tv_sec) {
        return -1;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (until->tv_sec - now.tv_sec) * 1000 + (until->tv_nsec - now.tv_nsec) / 1000000 + 1;
    return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static int follow(struct journal *j, int watch, struct error **err)
{
    char changes[4096];
    int r = 0;
    int left;
    while (r >= 0 && (left = time_left(&j->options->until)) != 0) {
        struct pollfd waiting = {watch, POLLIN, 0};
        if (poll(&waiting, 1, left) < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", j->path);
        }
        if (waiting.revents && read(watch, changes, sizeof(changes)) < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", j->path);
        }
        r = read_on(j, err);
    }
    return r;
}

int events_read(const struct engine *e, const struct events_options *options, event_reader *reader,
                void *context, struct error **err)
{
    CLEANUP(journal)
    struct journal j = {.options = options, .reader = reader, .context = context};
    j.path = str_format("%s/events.jsonl", e->run_dir);
    j.skip = !options->since.tv_sec && !options->until.tv_sec;
    int r = mkdir_all(e->run_dir, 0711, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, e->run_dir,
                                       IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", e->run_dir);
    }
    open_part(&j, ".1");
    r = read_part(&j, err);
    open_part(&j, "");
    r = r < 0 ? r : read_on(&j, err);
    j.skip = false;
    return r < 0 || !options->follow ? r : follow(&j, watch, err);
}
