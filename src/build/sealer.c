// SPDX-License-Identifier: Apache-2.0
#include "build/sealer.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/paths.h"

#define PROGRAM "cloison-image"
#define WORKER_FD 3
#define LINE_BYTES_MAX ((size_t)16 << 20)

struct question {
    json_int_t id;
    sealer_answered *answered;
    void *context;
    struct question *next;
};

struct sealer {
    pid_t pid;
    int sock;
    char *folder;
    struct strbuf in;
    json_int_t last_id;
    struct question *asked;
    size_t count;
};

static int spawn(const char *text, int sock, pid_t *ret_pid)
{
    CLEANUP(free) char *path = program_path(PROGRAM);
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code) {
        return code;
    }
    code = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, sock, WORKER_FD);
    char *const argv[] = {(char *)PROGRAM, (char *)text, NULL};
    code = code ? code : posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* One line out of what has come; NULL: not whole yet. */
static char *take_line(struct sealer *s)
{
    char *end = s->in.len ? memchr(s->in.data, '\n', s->in.len) : NULL;
    if (!end) {
        return NULL;
    }
    size_t len = (size_t)(end - s->in.data);
    char *line = xstrndup(s->in.data, len);
    memmove(s->in.data, s->in.data + len + 1, s->in.len - len - 1);
    s->in.len -= len + 1;
    return line;
}

static int gone(struct error **err)
{
    return error_set(err, ERROR_INTERNAL, EPIPE, "the program " PROGRAM " has ended");
}

/* Reads once: 1, or 0 when nothing more is there now. */
static int read_some(struct sealer *s, bool wait, struct error **err)
{
    char block[16384];
    ssize_t n;
    do {
        n = recv(s->sock, block, sizeof(block), wait ? 0 : MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    if (n <= 0) {
        return gone(err);
    }
    strbuf_add(&s->in, block, (size_t)n);
    return s->in.overflow ? gone(err) : 1;
}

/* Its first line, if that has come. */
static int read_hello(struct sealer *s, struct error **err)
{
    CLEANUP(free) char *line = take_line(s);
    CLEANUP(json) json_t *json = NULL;
    if (!line) {
        return 0;
    }
    int r = json_parse(line, strlen(line), PROGRAM, &json, err);
    const char *folder = json_string_value(json_object_get(json, "tmp"));
    s->folder = folder ? xstrdup(folder) : NULL;
    return r < 0 ? r : folder ? 0 : gone(err);
}

static int start(struct build *b, struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket");
    }
    struct sealer *s = xcalloc(1, sizeof(*s));
    s->sock = ends[0];
    s->in.max = LINE_BYTES_MAX;
    CLEANUP(json)
    json_t *request = json_pack("{s:s, s:s, s:s, s:i, s:b}", "verb", "build-worker", "dataDir",
                                b->engine.data_dir, "config", b->engine.config_path, "socket",
                                WORKER_FD, "import", b->options->cache_from.count > 0);
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    int code = spawn(text, ends[1], &s->pid);
    fd_close(ends[1]);
    if (code) {
        sealer_stop(s);
        return error_set_errno(err, ERROR_KERNEL, code, "executing '" PROGRAM "'");
    }
    b->sealer = s;
    return 0;
}

void sealer_expect(struct build *b)
{
    if (!b->sealer) {
        IGNORE(start(b, NULL) < 0); /* whoever needs it tries again */
    }
}

int sealer_need(struct build *b, struct error **err)
{
    int r = b->sealer ? 0 : start(b, err);
    while (r >= 0 && !b->sealer->folder) {
        r = read_some(b->sealer, true, err);
        r = r < 0 ? r : read_hello(b->sealer, err);
    }
    return r;
}

const char *sealer_folder(const struct sealer *s)
{
    return s->folder;
}

int sealer_fd(const struct sealer *s)
{
    return s->sock;
}

size_t sealer_asked(const struct sealer *s)
{
    return s->count;
}

int sealer_ask(struct sealer *s, json_t *request_take, sealer_answered *answered, void *context,
               struct error **err)
{
    CLEANUP(json) json_t *request = request_take;
    json_object_set_new(request, "id", json_integer(++s->last_id));
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(free) char *line = str_format("%s\n", str_or(text, "{}"));
    size_t len = strlen(line), sent = 0;
    while (sent < len) {
        ssize_t n = send(s->sock, line + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return gone(err);
        }
        sent += n < 0 ? 0 : (size_t)n;
    }
    struct question *q = xcalloc(1, sizeof(*q));
    *q = (struct question){s->last_id, answered, context, s->asked};
    s->asked = q;
    s->count++;
    return 0;
}

static void deliver(struct sealer *s, const json_t *answer)
{
    json_int_t id = json_integer_value(json_object_get(answer, "id"));
    for (struct question **at = &s->asked; *at; at = &(*at)->next) {
        struct question *q = *at;
        if (q->id != id) {
            continue;
        }
        CLEANUP(error) struct error *e = NULL;
        const json_t *error = json_object_get(answer, "error");
        IGNORE(error ? error_from_object(error, PROGRAM, &e) : 0); /* handed on */
        *at = q->next;
        s->count--;
        q->answered(q->context, answer, e);
        free(q);
        return;
    }
}

static int deliver_lines(struct sealer *s, struct error **err)
{
    for (char *line; (line = take_line(s));) {
        CLEANUP(free) char *owned = line;
        CLEANUP(json) json_t *answer = NULL;
        int r = json_parse(line, strlen(line), PROGRAM, &answer, err);
        if (r < 0) {
            return r;
        }
        deliver(s, answer);
        (void)owned;
    }
    return 0;
}

int sealer_read(struct sealer *s, struct error **err)
{
    int r = 1;
    while (r > 0) {
        r = read_some(s, false, err);
        int delivered = r < 0 ? 0 : deliver_lines(s, err);
        r = delivered < 0 ? delivered : r;
    }
    return r;
}

int sealer_wait(struct sealer *s, struct error **err)
{
    int r = 0;
    while (s->count && r >= 0) {
        r = read_some(s, true, err);
        r = r < 0 ? r : deliver_lines(s, err);
    }
    return r;
}

struct call {
    bool done;
    json_t *answer;
    struct error *error;
};

static void note_answer(void *context, const json_t *answer, const struct error *error)
{
    struct call *c = context;
    c->done = true;
    c->answer = json_deep_copy(answer);
    if (error) {
        IGNORE(error_set(&c->error, error->kind, error->code, "%s", error->message));
        IGNORE(error->hint ? error_hint(&c->error, 0, "%s", error->hint) : 0);
    }
}

int sealer_call(struct sealer *s, json_t *request, json_t **ret, struct error **err)
{
    struct call c = {0};
    int r = sealer_ask(s, request, note_answer, &c, err);
    while (r >= 0 && !c.done) {
        r = read_some(s, true, err);
        r = r < 0 ? r : deliver_lines(s, err);
    }
    CLEANUP(json) json_t *answer = c.answer;
    if (c.error) {
        return error_move(err, &c.error, -c.error->code);
    }
    if (r < 0) {
        return r;
    }
    *ret = json_incref(answer);
    return 0;
}

void sealer_stop(struct sealer *s)
{
    if (!s) {
        return;
    }
    fd_close(s->sock);
    int status;
    while (s->pid > 0 && waitpid(s->pid, &status, 0) < 0 && errno == EINTR) {
    }
    while (s->asked) {
        struct question *next = s->asked->next;
        free(s->asked);
        s->asked = next;
    }
    strbuf_done(&s->in);
    free(s->folder);
    free(s);
}
