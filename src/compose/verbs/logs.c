// SPDX-License-Identifier: Apache-2.0
/* `compose logs`: the containers' logs side by side, each line behind its container's name. Each
 * log is read by a child, whose lines come through a pipe. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "compose/verbs/verbs.h"
#include "engine/logs.h"

#define LINE_BYTES_MAX 65536

struct stream {
    const struct member *member;
    const char *color;
    char *prefix;
    pid_t pid;
    int fd;
    struct strbuf line;
};

static const char *const colors[] = {"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"};

static int start_stream(const struct follow *f, struct stream *s, struct error **err)
{
    int ends[2];
    bool is_known = !f->known || strv_contains(f->known, s->member->container->id);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    (void)fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        struct logs_options o = {.follow = f->follow,
                                 .timestamps = f->timestamps,
                                 .tail = f->tail,
                                 .since = is_known ? f->since : (struct timespec){0},
                                 .until = f->until};
        (void)signal(SIGINT, SIG_IGN); /* the parent ends us */
        (void)signal(SIGTERM, SIG_DFL);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO);
        setvbuf(stdout, NULL, _IOLBF, 0);
        int r = engine_logs(f->engine, s->member->container->id, &o, NULL);
        (void)fflush(NULL);
        _exit(r < 0);
    }
    fd_close(ends[1]);
    s->fd = ends[0];
    return s->pid < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "starting a process") : 0;
}

static void print_line(const struct stream *s, const char *text, size_t len)
{
    if (s->prefix && s->color) {
        printf("\033[%sm%s |\033[0m ", s->color, s->prefix);
    } else if (s->prefix) {
        printf("%s | ", s->prefix);
    }
    (void)fwrite(text, 1, len, stdout); /* main checks stdout */
    putchar('\n');
}

/* False at its end. */
static bool read_stream(struct stream *s)
{
    char block[16384];
    ssize_t n = read(s->fd, block, sizeof(block));
    if (n < 0 && errno == EINTR) {
        return true;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (block[i] == '\n' || s->line.len >= LINE_BYTES_MAX) {
            print_line(s, str_or(s->line.data, ""), s->line.len);
            s->line.len = 0;
        }
        if (block[i] != '\n') {
            strbuf_addc(&s->line, block[i]);
        }
    }
    if (n <= 0 && s->line.len) {
        print_line(s, s->line.data, s->line.len);
        s->line.len = 0;
    }
    return n > 0;
}

static void end_stream(struct stream *s)
{
    s->fd = fd_close(s->fd);
    if (s->pid > 0) {
        (void)kill(s->pid, SIGTERM);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        s->pid = 0;
    }
}

static void name_streams(const struct follow *f, struct stream *streams)
{
    int width = 0;
    bool colored = !f->no_color && isatty(STDOUT_FILENO);
    for (size_t i = 0; i < f->count; i++) {
        const struct member *m = f->members[i];
        streams[i].prefix = f->no_prefix ? NULL : str_format("%s-%d", m->service, m->number);
        int n = (int)strlen(str_or(streams[i].prefix, ""));
        width = n > width ? n : width;
        streams[i].color = colored ? colors[i % ARRAY_SIZE(colors)] : NULL;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (streams[i].prefix) {
            char *wide = str_format("%-*s", width, streams[i].prefix);
            free(streams[i].prefix);
            streams[i].prefix = wide;
        }
    }
}

static bool has_failed(const struct follow *f, size_t index)
{
    CLEANUP(container) struct container *c = NULL;
    return container_load(f->engine, f->members[index]->container->id, &c, NULL) == 0 &&
           c->exit_code != 0;
}

/* Until all have ended, a signal or a byte has come, or one has ended as stop_on_… say. */
static void pump(struct follow *f, struct stream *streams)
{
    CLEANUP(free) struct pollfd *fds = xcalloc(f->count + 1, sizeof(*fds));
    fds[f->count] = (struct pollfd){.fd = f->wake_fd, .events = POLLIN};
    for (size_t open = f->count; open > 0 || f->wake_fd >= 0;) {
        for (size_t i = 0; i < f->count; i++) {
            fds[i] = (struct pollfd){.fd = streams[i].fd, .events = POLLIN};
        }
        if (poll(fds, f->count + 1, -1) < 0 || fds[f->count].revents) {
            return;
        }
        for (size_t i = 0; i < f->count; i++) {
            if (!fds[i].revents || read_stream(&streams[i])) {
                continue;
            }
            end_stream(&streams[i]);
            open--;
            if (f->stop_on_exit || (f->stop_on_failure && has_failed(f, i))) {
                f->ended = (ssize_t)i;
                return;
            }
        }
        (void)fflush(stdout);
    }
}

int logs_follow(struct follow *f, struct error **err)
{
    struct stream *streams = xcalloc(f->count + 1, sizeof(*streams));
    int r = 0;
    for (size_t i = 0; i < f->count; i++) {
        streams[i] = (struct stream){.member = f->members[i], .fd = -1};
    }
    name_streams(f, streams);
    for (size_t i = 0; i < f->count && r == 0; i++) {
        r = start_stream(f, &streams[i], err);
    }
    if (r == 0) {
        pump(f, streams);
    }
    for (size_t i = 0; i < f->count; i++) {
        end_stream(&streams[i]);
        free(streams[i].prefix);
        strbuf_done(&streams[i].line);
    }
    free(streams);
    (void)fflush(stdout);
    return r;
}

static int parse_times(const struct compose_request *r, struct follow *f, struct error **err)
{
    const char *since = asked_text(r, "since"), *until = asked_text(r, "until");
    const char *tail = asked_text(r, "tail");
    int result = since ? logs_time_parse(since, &f->since, err) : 0;
    if (result == 0 && until) {
        result = logs_time_parse(until, &f->until, err);
    }
    f->tail = -1;
    if (result == 0 && tail && !str_equal(tail, "all") && str_to_i64(tail, 10, &f->tail) < 0) {
        result = error_set(err, ERROR_USAGE, 0, "--tail: '%s' is no number", tail);
    }
    return result;
}

int verb_logs(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    int64_t index = asked_integer(r, "index", 0);
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    CLEANUP(free) const struct member **chosen = xcalloc(s.members.count + 1, sizeof(*chosen));
    struct follow f = {.engine = &r->engine,
                       .members = chosen,
                       .follow = asked_flag(r, "follow"),
                       .timestamps = asked_flag(r, "timestamps"),
                       .no_color = asked_flag(r, "no-color"),
                       .no_prefix = asked_flag(r, "no-log-prefix"),
                       .ended = -1,
                       .wake_fd = -1};
    for (size_t i = 0; i < s.members.count && result == 0; i++) {
        const struct member *m = &s.members.items[i];
        if (is_asked_for(&r->arguments, m->service) && !m->one_off &&
            (!index || m->number == index)) {
            chosen[f.count++] = m;
        }
    }
    if (result == 0) {
        result = parse_times(r, &f, err);
    }
    return result < 0 ? result : logs_follow(&f, err);
}
