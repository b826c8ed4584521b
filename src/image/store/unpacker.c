// SPDX-License-Identifier: Apache-2.0
#include "image/store/unpacker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"
#include "image/store/confine.h"

#define PROGRAM "the unpacker"
#define ANSWER_MAX ((size_t)256 << 20) /* the paths of five million folders */
#define FLUSH_AFTER_MS 200             /* small images are over by then */

/* What goes to the unpacker, with the stream's and the answer's end and, if any, the blob. */
struct job {
    struct pass_request request;
    bool has_blob;
    char path[NAME_MAX + 16];
};

/* The answer of one that has succeeded; behind it the paths, each with its NUL: the implied
 * folders, then the opaque ones. A failure is an error's JSON, which begins with '{'. */
struct answer {
    char first; /* 'R' */
    char digest[DIGEST_TEXT_BYTES], diff_id[DIGEST_TEXT_BYTES];
    int64_t blob_size, tar_size, size;
    enum layer_format format;
    uint64_t implied, opaque; /* how many */
};

static void add_paths(struct strbuf *b, const struct strv *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        strbuf_add(b, paths->items[i], strlen(paths->items[i]) + 1);
    }
}

static void send_result(int fd, const struct pass_result *r)
{
    CLEANUP(strbuf) struct strbuf b = {.max = ANSWER_MAX};
    struct answer a = {.first = 'R',
                       .blob_size = r->blob_size,
                       .tar_size = r->tar_size,
                       .size = r->size,
                       .format = r->format,
                       .implied = r->implied.count,
                       .opaque = r->opaque.count};
    memcpy(a.digest, r->digest, sizeof(a.digest));
    memcpy(a.diff_id, r->diff_id, sizeof(a.diff_id));
    strbuf_add(&b, &a, sizeof(a));
    add_paths(&b, &r->implied);
    add_paths(&b, &r->opaque);
    (void)write_all(fd, b.data, b.len); /* a parent that has gone needs no answer */
}

static void send_error(int fd, const struct error *e)
{
    CLEANUP(json) json_t *json = error_to_json(e);
    CLEANUP(free) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text) {
        (void)write_all(fd, text, strlen(text)); /* the same */
    }
}

static int run_job(const struct job *job, int stream, int blob, struct pass_result *ret,
                   struct error **err)
{
    int r = confine_inner(job->path, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int root = open_file(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, err);
    if (root < 0) {
        return root;
    }
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, stream, "the layer's stream");
    return pass_run(&job->request, &source.base, root, blob, ret, err);
}

/* The process of one layer. */
static void serve_job(const struct job *job, int stream, int answer, int blob)
{
    CLEANUP(error) struct error *err = NULL;
    struct pass_result result = {0};
    if (run_job(job, stream, blob, &result, &err) < 0) {
        send_error(answer, err);
    } else {
        send_result(answer, &result);
    }
    _exit(0); /* the answer tells; nothing is buffered */
}

/* Ends with the parent, whose end of the socket is the only one. */
static void serve(int sock)
{
    struct job job;
    for (;;) {
        int fds[3] = {-1, -1, -1};
        size_t count = ARRAY_SIZE(fds);
        ssize_t n = recv_fds(sock, &job, sizeof(job), fds, &count);
        if (n != sizeof(job) || count != 2 + (size_t)job.has_blob) {
            _exit(0);
        }
        pid_t pid = fork();
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* valid */
            fd_close(sock);
            serve_job(&job, fds[0], fds[1], job.has_blob ? fds[2] : -1);
        }
        for (size_t i = 0; i < count; i++) {
            fd_close(fds[i]); /* without a process the parent reads an empty answer */
        }
    }
}

/* Nothing that is open reaches the confined processes but their own ends. */
static void become_unpacker(int folder, int sock, pid_t parent)
{
    CLEANUP(error) struct error *err = NULL;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGCHLD, &ignore, NULL); /* valid: children reap themselves */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) {
        _exit(0);
    }
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0 || dup3(nowhere, STDIN_FILENO, O_CLOEXEC) < 0 ||
        dup3(nowhere, STDOUT_FILENO, O_CLOEXEC) < 0) {
        _exit(1);
    }
    if (confine_outer(folder, &err) < 0) {
        send_error(sock, err);
        _exit(1);
    }
    if (dup3(sock, 3, O_CLOEXEC) < 0 && sock != 3) {
        _exit(1);
    }
    if (close_range(4, ~0U, 0) < 0) {
        _exit(1);
    }
    (void)send(3, "R", 1, MSG_NOSIGNAL); /* else the parent has gone */
    serve(3);
}

int unpacker_start(int folder, int disk, struct unpacker *ret, struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket");
    }
    (void)fflush(NULL); /* nothing is written twice */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become_unpacker(folder, ends[1], parent);
    }
    int code = errno;
    fd_close(ends[1]);
    if (pid < 0) {
        fd_close(ends[0]);
        return error_set_errno(err, ERROR_KERNEL, code, "starting " PROGRAM);
    }
    *ret = (struct unpacker){
        .pid = pid, .sock = ends[0], .lock = PTHREAD_MUTEX_INITIALIZER, .disk = disk};
    return 0;
}

static int await_ready(struct unpacker *u, struct error **err)
{
    char text[4096];
    int r = 0;
    pthread_mutex_lock(&u->lock);
    if (!u->ready) {
        ssize_t n = recv(u->sock, text, sizeof(text), 0);
        u->ready = n == 1 && text[0] == 'R';
        r = u->ready ? 0 : error_from_json(text, n < 0 ? 0 : (size_t)n, PROGRAM, err);
        if (r >= 0 && u->disk >= 0) {
            flusher_start(&u->flusher, u->disk, FLUSH_AFTER_MS);
        }
    }
    pthread_mutex_unlock(&u->lock);
    return r;
}

/* It holds nothing that would be lost: no job runs any more. */
void unpacker_stop(struct unpacker *u)
{
    flusher_stop(&u->flusher);
    if (u->pid) {
        fd_close(u->sock);
        (void)kill(u->pid, SIGKILL); /* our own child, not yet waited for */
        while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        (void)pthread_mutex_destroy(&u->lock);
    }
    *u = (struct unpacker){0};
}

static bool has_answered(int answer)
{
    struct pollfd p = {.fd = answer, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Whoever answers before the end has failed, and reads no more. */
static int pump(struct source *source, int to, int answer, struct error **err)
{
    for (;;) {
        const char *bytes = NULL;
        ssize_t n = source->read(source, (const void **)&bytes, err);
        if (n <= 0) {
            return (int)n;
        }
        while (n > 0) {
            ssize_t sent = send(to, bytes, (size_t)n, MSG_NOSIGNAL);
            if (sent < 0 && errno != EINTR) {
                return 0; /* the answer tells why */
            }
            sent = sent < 0 ? 0 : sent;
            bytes += sent;
            n -= sent;
        }
        if (has_answered(answer)) {
            return 0;
        }
    }
}

static bool take_paths(const char **at, const char *end, uint64_t count, struct strv *ret)
{
    for (uint64_t i = 0; i < count; i++) {
        const char *nul = memchr(*at, '\0', (size_t)(end - *at));
        if (!nul) {
            return false;
        }
        strv_add(ret, *at);
        *at = nul + 1;
    }
    return true;
}

static int parse_answer(const struct strbuf *b, struct pass_result *ret, struct error **err)
{
    struct answer a;
    if (b->len < sizeof(a) || b->data[0] != 'R') {
        return error_from_json(str_or(b->data, ""), b->len, PROGRAM, err);
    }
    memcpy(&a, b->data, sizeof(a));
    const char *at = b->data + sizeof(a), *end = b->data + b->len;
    a.digest[DIGEST_TEXT_BYTES - 1] = a.diff_id[DIGEST_TEXT_BYTES - 1] = '\0';
    if (a.format > LAYER_ZSTD || !take_paths(&at, end, a.implied, &ret->implied) ||
        !take_paths(&at, end, a.opaque, &ret->opaque)) {
        return error_set(err, ERROR_INTERNAL, 0, PROGRAM " answers what makes no sense");
    }
    memcpy(ret->digest, a.digest, sizeof(ret->digest));
    memcpy(ret->diff_id, a.diff_id, sizeof(ret->diff_id));
    ret->blob_size = a.blob_size;
    ret->tar_size = a.tar_size;
    ret->size = a.size;
    ret->format = a.format;
    return 0;
}

/* Until its end: then the process writes nothing more, wherever. */
static int read_answer(int fd, struct strbuf *ret)
{
    char buffer[65536];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        strbuf_add(ret, buffer, n < 0 ? 0 : (size_t)n);
    }
    return 0;
}

static int send_job(const struct unpacker *u, const struct pass_request *request, const char *path,
                    const int fds[3], struct error **err)
{
    struct job job = {.request = *request, .has_blob = fds[2] >= 0};
    if ((size_t)snprintf(job.path, sizeof(job.path), "%s", path) >= sizeof(job.path)) {
        return error_set(err, ERROR_INTERNAL, ENAMETOOLONG, "the layer's folder '%s'", path);
    }
    ssize_t n = send_fds(u->sock, &job, sizeof(job), fds, job.has_blob ? 3 : 2);
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n, "asking " PROGRAM) : 0;
}

int unpacker_run(struct unpacker *u, const struct pass_request *request, struct source *source,
                 const char *path, int blob, struct pass_result *ret, struct error **err)
{
    int stream[2], answer[2];
    *ret = (struct pass_result){0};
    int r = await_ready(u, err);
    if (r < 0) {
        return r;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket");
    }
    CLEANUP(fd) int to = stream[0];
    CLEANUP(fd) int its_stream = stream[1];
    if (pipe2(answer, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int from = answer[0];
    CLEANUP(fd) int its_answer = answer[1];
    r = send_job(u, request, path, (int[]){its_stream, its_answer, blob}, err);
    if (r < 0) {
        return r;
    }
    its_stream = fd_close(its_stream);
    its_answer = fd_close(its_answer);
    CLEANUP(strbuf) struct strbuf text = {.max = ANSWER_MAX};
    r = pump(source, to, from, err);
    to = fd_close(to);
    int code = read_answer(from, &text);
    if (r < 0) {
        return r;
    }
    return code < 0 ? error_set_errno(err, ERROR_KERNEL, -code, "reading the answer of " PROGRAM)
                    : parse_answer(&text, ret, err);
}
