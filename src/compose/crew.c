// SPDX-License-Identifier: Apache-2.0
#include "compose/crew.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"

#define ERROR_BYTES_MAX 65536
#define NOTHING_DONE 3 /* a child's exit status */

enum state { WAITING, RUNNING, DONE, SKIPPED, FAILED, LEFT_OUT };

size_t crew_add(struct crew *c, char *label_take, const char *doing, const char *done,
                int (*run)(const void *argument, struct error **err), const void *argument)
{
    c->tasks = xrealloc(c->tasks, (c->count + 1) * sizeof(*c->tasks));
    c->tasks[c->count] = (struct crew_task){.label = label_take,
                                            .doing = doing,
                                            .done = done,
                                            .run = run,
                                            .argument = argument,
                                            .fd = -1};
    return c->count++;
}

void crew_needs(struct crew *c, size_t task, size_t needed)
{
    struct crew_task *t = &c->tasks[task];
    t->needs = xrealloc(t->needs, (t->need_count + 1) * sizeof(*t->needs));
    t->needs[t->need_count++] = needed;
}

void crew_follows(struct crew *c, size_t task, size_t before)
{
    struct crew_task *t = &c->tasks[task];
    t->after = xrealloc(t->after, (t->after_count + 1) * sizeof(*t->after));
    t->after[t->after_count++] = before;
}

void crew_rescues(struct crew *c, size_t task, size_t of)
{
    crew_follows(c, task, of);
    c->tasks[task].rescues = true;
}

void crew_done(struct crew *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->tasks[i].label);
        free(c->tasks[i].needs);
        free(c->tasks[i].after);
        error_free(c->tasks[i].error);
        fd_close(c->tasks[i].fd);
    }
    free(c->tasks);
    *c = (struct crew){0};
}

/* In the child: its word goes through the pipe as JSON. */
static _Noreturn void run_child(const struct crew_task *t, int fd)
{
    struct error *err = NULL;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDOUT_FILENO); /* the engine's functions print IDs */
    }
    int r = t->run(t->argument, &err);
    (void)fflush(NULL);
    if (r < 0) {
        CLEANUP(json) json_t *json = error_to_json(err);
        CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
        IGNORE(write_all(fd, str_or(text, ""), strlen(str_or(text, ""))) < 0);
        _exit(1);
    }
    _exit(r == 1 ? NOTHING_DONE : 0);
}

static int start_task(struct crew_task *t, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    (void)fflush(NULL);
    t->begin_ns = clock_ns();
    t->pid = fork();
    if (t->pid == 0) {
        run_child(t, ends[1]);
    }
    fd_close(ends[1]);
    t->fd = ends[0];
    t->state = RUNNING;
    if (t->pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "starting a process");
    }
    return 0;
}

static void end_task(struct crew_task *t)
{
    char text[ERROR_BYTES_MAX];
    int status = 0;
    ssize_t n = read_all(t->fd, text, sizeof(text));
    t->fd = fd_close(t->fd);
    while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR) {
    }
    t->end_ns = clock_ns();
    bool ended = WIFEXITED(status);
    if (ended && WEXITSTATUS(status) == 0) {
        t->state = DONE;
    } else if (ended && WEXITSTATUS(status) == NOTHING_DONE) {
        t->state = SKIPPED;
    } else {
        t->state = FAILED;
        IGNORE(error_from_json(text, n < 0 ? 0 : (size_t)n, "a process of compose", &t->error) < 0);
    }
}

/* A line for each task, rewritten in place; `drawn` were written before. */
struct board {
    bool terminal;
    size_t drawn;
    int columns;
};

/* What was not needed has no line. */
static bool has_line(const struct crew_task *t)
{
    return t->doing && !(t->rescues && (t->state == WAITING || t->state == LEFT_OUT));
}

static const char *word_of(const struct crew_task *t)
{
    switch ((enum state)t->state) {
    case WAITING:
        return "Waiting";
    case RUNNING:
        return t->doing;
    case DONE:
        return t->done;
    case SKIPPED:
        return t->done && !t->run ? t->done : "Running";
    case FAILED:
        return "Error";
    case LEFT_OUT:
        return "Left out";
    }
    return "";
}

static void draw_line(const struct board *b, const struct crew_task *t, int width)
{
    static const char *const marks[] = {[WAITING] = " ", [RUNNING] = "⠿", [DONE] = "✔",
                                        [SKIPPED] = "✔", [FAILED] = "✘",  [LEFT_OUT] = " "};
    int64_t end = t->state == RUNNING ? clock_ns() : t->end_ns;
    double seconds = t->begin_ns ? (double)(end - t->begin_ns) / 1e9 : 0;
    int room = b->columns - 26;
    fprintf(stderr, " %s %-*.*s  %-12s %5.1fs\033[K\n", marks[t->state],
            width < room ? width : room, room > 8 ? room : 8, t->label, word_of(t), seconds);
}

static void draw(const struct crew *c, struct board *b)
{
    int width = 0;
    if (!b->terminal || c->quiet) {
        return;
    }
    if (b->drawn) {
        fprintf(stderr, "\033[%zuA", b->drawn);
    }
    b->drawn = 0;
    for (size_t i = 0; i < c->count; i++) {
        int n = (int)strlen(c->tasks[i].label);
        width = has_line(&c->tasks[i]) && n > width ? n : width;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (has_line(&c->tasks[i])) {
            draw_line(b, &c->tasks[i], width);
            b->drawn++;
        }
    }
    (void)fflush(stderr);
}

static void tell_end(const struct crew *c, const struct board *b, const struct crew_task *t)
{
    if (b->terminal || c->quiet || !t->doing) {
        return;
    }
    if (c->style == CREW_JSON) {
        CLEANUP(json)
        json_t *line = json_pack("{s:s,s:s,s:s}", "id", t->label, "status",
                                 t->state == FAILED ? "Error" : "Done", "text", word_of(t));
        CLEANUP(free) char *text = json_dumps(line, JSON_COMPACT);
        fprintf(stderr, "%s\n", str_or(text, ""));
    } else {
        fprintf(stderr, " %s  %s\n", t->label, word_of(t));
    }
}

/* 1: it may start; 0: not yet; -1: it never may. */
static int readiness(const struct crew *c, const struct crew_task *t)
{
    int ready = 1;
    bool needed = !t->rescues;
    for (size_t i = 0; i < t->need_count; i++) {
        int state = c->tasks[t->needs[i]].state;
        if (state == FAILED || state == LEFT_OUT) {
            return -1;
        }
        ready = state == DONE || state == SKIPPED ? ready : 0;
    }
    for (size_t i = 0; i < t->after_count; i++) {
        int state = c->tasks[t->after[i]].state;
        ready = state == WAITING || state == RUNNING ? 0 : ready;
        needed = needed || state == FAILED || state == LEFT_OUT;
    }
    return ready && !needed ? -1 : ready;
}

static int start_what_is_ready(struct crew *c, const struct board *b, struct error **err)
{
    int running = 0;
    for (size_t i = 0; i < c->count; i++) {
        running += c->tasks[i].state == RUNNING;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct crew_task *t = &c->tasks[i];
        int ready = t->state == WAITING ? readiness(c, t) : 0;
        if (ready < 0) {
            t->state = LEFT_OUT;
            i = (size_t)-1; /* others may need it: look again */
        } else if (ready > 0 && !t->run) {
            t->state = SKIPPED;
            tell_end(c, b, t);
            i = (size_t)-1; /* others may need it: look again */
        } else if (ready > 0 && running < (c->limit ? c->limit : CREW_LIMIT)) {
            int r = start_task(t, err);
            if (r < 0) {
                return r;
            }
            running++;
        }
    }
    return running;
}

static void wait_for_one(struct crew *c, struct board *b)
{
    CLEANUP(free) struct pollfd *fds = xcalloc(c->count + 1, sizeof(*fds));
    CLEANUP(free) size_t *tasks = xcalloc(c->count + 1, sizeof(*tasks));
    nfds_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->tasks[i].state == RUNNING) {
            tasks[count] = i;
            fds[count++] = (struct pollfd){.fd = c->tasks[i].fd, .events = POLLIN};
        }
    }
    int n = poll(fds, count, b->terminal && !c->quiet ? 100 : -1);
    for (nfds_t i = 0; n > 0 && i < count; i++) {
        if (fds[i].revents) {
            end_task(&c->tasks[tasks[i]]);
            tell_end(c, b, &c->tasks[tasks[i]]);
        }
    }
}

/* The first failure is the caller's; each other one has a line of its own. */
static int sum_up(struct crew *c, struct error **err)
{
    int result = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct crew_task *t = &c->tasks[i];
        if (t->state != FAILED) {
            continue;
        }
        if (result == 0) {
            result = -t->error->code;
            result = error_move(err, &t->error, result);
        } else {
            error_print(t->error, stderr);
        }
    }
    return result;
}

int crew_run(struct crew *c, struct error **err)
{
    struct board b = {.terminal = c->style == CREW_TERMINAL ||
                                  (c->style == CREW_AUTO && isatty(STDERR_FILENO)),
                      .columns = 80};
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 40) {
        b.columns = size.ws_col;
    }
    int running;
    while ((running = start_what_is_ready(c, &b, err)) > 0) {
        draw(c, &b);
        wait_for_one(c, &b);
    }
    draw(c, &b);
    return running < 0 ? running : sum_up(c, err);
}
