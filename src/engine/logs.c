// SPDX-License-Identifier: Apache-2.0
#include "engine/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/options.h"
#include "engine/control.h"
#include "engine/recover.h"

#define PARTS_MAX 1000 /* --log-opt max-file's own limit */
#define BLOCK ((size_t)65536)

struct reader {
    const struct logs_options *options;
    char *path;         /* of the current part */
    int fd;             /* being read, or -1 */
    struct strbuf line; /* an entry whose end was not read yet */
    int64_t skip;       /* entries still to be left out for --tail */
    bool past_until;
};

int logs_time_parse(const char *text, struct timespec *ret, struct error **err)
{
    int64_t n = 0;
    if (time_parse(text, ret) == 0) {
        return 0;
    }
    if (strlen(text) == strlen("2026-01-02")) {
        CLEANUP(free) char *day = str_format("%sT00:00:00Z", text);
        if (time_parse(day, ret) == 0) {
            return 0;
        }
    }
    double seconds = 0;
    int used = 0;
    if (sscanf(text, "%lf%n", &seconds, &used) == 1 && !text[used] && seconds >= 0 &&
        seconds < 1e12) {
        ret->tv_sec = (time_t)seconds;
        ret->tv_nsec = (long)((seconds - (double)ret->tv_sec) * 1e9);
        return 0;
    }
    if (option_parse_duration_ms(text, &n) == 0) {
        (void)clock_gettime(CLOCK_REALTIME, ret);
        int64_t ms = (int64_t)ret->tv_sec * 1000 + ret->tv_nsec / 1000000 - n;
        *ret = (struct timespec){ms / 1000, ms % 1000 * 1000000};
        return 0;
    }
    return error_set(err, ERROR_USAGE, 0,
                     "'%s' is not a time: write 2026-01-02T15:04:05Z, seconds, or 10m", text);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_wanted(struct reader *r, const char *time)
{
    const struct logs_options *o = r->options;
    struct timespec t;
    if ((!o->since.tv_sec && !o->until.tv_sec) || time_parse(time, &t) < 0) {
        return true;
    }
    if (o->until.tv_sec && is_before(&o->until, &t)) {
        r->past_until = true;
        return false;
    }
    return !o->since.tv_sec || !is_before(&t, &o->since);
}

/* A line that is no entry (a write cut short by a full disk) is left out. */
static void print_entry(struct reader *r, const char *text, size_t len)
{
    CLEANUP(json) json_t *entry = json_loadb(text, len, 0, NULL);
    const char *time = json_string_value(json_object_get(entry, "time"));
    const char *stream = json_string_value(json_object_get(entry, "stream"));
    json_t *log = json_object_get(entry, "log");
    if (!log || !time || !is_wanted(r, time)) {
        return;
    }
    FILE *out = str_equal(stream, "stderr") ? stderr : stdout;
    if (r->options->timestamps) {
        fprintf(out, "%s ", time);
    }
    if (r->options->details) {
        fputc(' ', out); /* Docker's place for a driver's attributes: there are none */
    }
    (void)fwrite(json_string_value(log), 1, json_string_length(log), out); /* main checks stdout */
}

static void take_entry(struct reader *r, const char *text, size_t len)
{
    if (r->skip > 0) {
        r->skip--;
    } else {
        print_entry(r, text, len);
    }
}

/* Reads what there is: complete entries are printed, the rest waits in `line`. */
static int read_part(struct reader *r, struct error **err)
{
    char block[BLOCK];
    ssize_t n;
    while (!r->past_until && (n = read(r->fd, block, sizeof(block))) != 0) {
        if (n < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", r->path);
        }
        const char *p = block, *end = block + n, *newline;
        while ((newline = memchr(p, '\n', (size_t)(end - p)))) {
            strbuf_add(&r->line, p, (size_t)(newline - p));
            take_entry(r, str_or(r->line.data, ""), r->line.len);
            r->line.len = 0;
            p = newline + 1;
        }
        strbuf_add(&r->line, p, (size_t)(end - p));
    }
    fflush(stdout); /* a failure shows in main's own */
    return 0;
}

static int open_part(struct reader *r, int number)
{
    CLEANUP(free) char *rotated = str_format("%s.%d", r->path, number);
    fd_close(r->fd);
    r->fd = open(number ? rotated : r->path, O_RDONLY | O_CLOEXEC);
    r->line.len = 0;
    return r->fd;
}

static int64_t count_entries(struct reader *r, int oldest)
{
    char block[BLOCK];
    int64_t count = 0;
    for (int i = oldest; i >= 0; i--) {
        ssize_t n = 0;
        while (open_part(r, i) >= 0 && (n = read(r->fd, block, sizeof(block))) > 0) {
            do {
                for (const char *p = block; (p = memchr(p, '\n', (size_t)(block + n - p))); p++) {
                    count++;
                }
            } while ((n = read(r->fd, block, sizeof(block))) > 0);
            break;
        }
    }
    return count;
}

static int read_all_parts(struct reader *r, struct error **err)
{
    int oldest = 0, result = 0;
    while (oldest < PARTS_MAX && open_part(r, oldest + 1) >= 0) {
        oldest++;
    }
    if (r->options->tail >= 0) {
        r->skip = count_entries(r, oldest) - r->options->tail;
    }
    for (int i = oldest; i >= 0 && result == 0; i--) {
        if (open_part(r, i) >= 0) {
            result = read_part(r, err);
        }
    }
    return result;
}

/* The current part was renamed: what is left of it, then its successor. */
static int change_part(struct reader *r, struct error **err)
{
    struct stat now, read;
    while (fstat(r->fd, &read) == 0 && stat(r->path, &now) == 0 && now.st_ino != read.st_ino) {
        int result = read_part(r, err);
        if (result < 0 || open_part(r, 0) < 0) {
            return result;
        }
    }
    return 0;
}

static bool has_ended(const struct engine *e, const char *id)
{
    CLEANUP(container) struct container *c = NULL;
    return container_load(e, id, &c, NULL) < 0 || !container_is_up(c);
}

/* Until the log changes or the monitor says something; its end closes the connection. */
static int await_change(int watch, int *sock, struct error **err)
{
    char events[4096];
    struct frame f;
    struct pollfd fds[2] = {{watch, POLLIN, 0}, {*sock, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching the log");
    }
    if (fds[0].revents && read(watch, events, sizeof(events)) < 0 && errno != EINTR) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching the log");
    }
    if (fds[1].revents && frame_receive(*sock, &f) <= 0) {
        *sock = fd_close(*sock);
    }
    return 0;
}

static int follow(const struct engine *e, struct reader *r, const struct container *c, int watch,
                  struct error **err)
{
    int connected = control_connect(e, c, NULL);
    CLEANUP(fd) int sock = connected < 0 ? -1 : connected;
    for (;;) {
        bool ended = sock < 0 && has_ended(e, c->id); /* before the last read: nothing is missed */
        if (r->fd < 0) {
            IGNORE(open_part(r, 0) < 0); /* not there yet */
        }
        int result = r->fd >= 0 ? read_part(r, err) : 0;
        if (result == 0 && r->fd >= 0) {
            result = change_part(r, err);
        }
        if (result < 0 || ended || r->past_until) {
            return result;
        }
        if (sock < 0) { /* between a monitor's end and its successor, or nobody's: look again */
            connected = control_connect(e, c, NULL);
            sock = connected < 0 ? -1 : connected;
            continue;
        }
        result = await_change(watch, &sock, err);
        if (result < 0) {
            return result;
        }
    }
}

int engine_logs(const struct engine *e, const char *name, const struct logs_options *options,
                struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r < 0) {
        return r;
    }
    if (!str_equal(c->log_driver, "json-file")) {
        return error_set(err, ERROR_BUSY, 0, "'%s' keeps no log: its log driver is '%s'", c->name,
                         c->log_driver);
    }
    CLEANUP(free) char *file = str_format("%s-json.log", c->id);
    CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
    CLEANUP(free) char *path = container_data_path(e, c->id, file);
    CLEANUP(fd) int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, folder,
                                       IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
                                           IN_DELETE_SELF | IN_DELETE | IN_ONLYDIR) < 0) {
        return errno == ENOENT /* removed since it was found */
                   ? error_set(err, ERROR_NOT_FOUND, errno, "no such container: %s", c->name)
                   : error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", folder);
    }
    struct reader reader = {.options = options, .path = path, .fd = -1};
    r = read_all_parts(&reader, err);
    if (r == 0 && options->follow) {
        r = follow(e, &reader, c, watch, err);
    }
    fd_close(reader.fd);
    strbuf_done(&reader.line);
    return r;
}
