// SPDX-License-Identifier: Apache-2.0
/* cloison-names RUN_DIR: server.h tells its story. Started by net/names.c alone. It exits with 0
 * when it answers, a child of it goes on; else one JSON object on standard output (net/helper.h)
 * and 1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error_json.h"
#include "base/file.h"
#include "net/lease.h"
#include "net/names/server.h"

#define EVENTS 64
#define TICK_MS 250 /* timeouts are looked for so often */
#define CALLERS_BACKLOG 64

int server_watch(struct server *s, struct source *source, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = source};
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, source->fd, &e) < 0 ? -errno : 0;
}

void server_unwatch(struct source *source)
{
    source->fd = fd_close(source->fd); /* which takes it out of epoll */
}

/* Reads what inotify says has changed. */
static bool take_changes(struct server *s)
{
    _Alignas(struct inotify_event) char buffer[8192];
    bool any = false;
    ssize_t n;
    while ((n = read(s->changes.fd, buffer, sizeof(buffer))) > 0) {
        const struct inotify_event *e;
        for (char *at = buffer; at < buffer + n; at += sizeof(*e) + e->len) {
            e = (const void *)at;
            if (e->mask & IN_Q_OVERFLOW) {
                book_update_all(&s->book, s->dir);
            } else if (e->len && e->name[0] != '.' && str_ends(e->name, ".json")) {
                CLEANUP(free) char *id = xstrndup(e->name, strlen(e->name) - strlen(".json"));
                book_update(&s->book, s->dir, id);
            }
            any = true;
        }
    }
    return any;
}

static int follow(struct server *s, struct error **err)
{
    int r = take_changes(s) ? listen_follow(s, err) : 0;
    s->idle_since_ms = s->book.count ? 0 : s->idle_since_ms ? s->idle_since_ms : clock_ms();
    return r;
}

static void changed(struct server *s, struct source *source)
{
    IGNORE(follow(s, NULL)); /* whoever attached asks, and is told */
}

/* What a caller hands over, if anything: it has written before it reads our answer. */
static void take_offer(struct server *s, int fd)
{
    char id[LEASE_HOLDER_BYTES] = "";
    int fds[NET_NAMES_FDS] = {-1, -1, -1};
    size_t count = NET_NAMES_FDS;
    struct timeval patience = {.tv_sec = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ssize_t n = recv_fds(fd, id, sizeof(id) - 1, fds, &count);
    if (n > 0 && count == NET_NAMES_FDS) {
        offered_take(s, id, fds);
        return;
    }
    for (size_t i = 0; n > 0 && i < count; i++) {
        fd_close(fds[i]);
    }
}

/* Somebody who has attached a container waits until we know it: one byte, or the error. */
static void answer_caller(struct server *s, struct source *source)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(fd) int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
    take_offer(s, fd);
    int r = follow(s, &err);
    r = r < 0 ? r : listen_follow(s, &err); /* again, what could not be bound before */
    json_t *answer = r < 0 ? error_to_json(err) : json_object();
    CLEANUP(free) char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    (void)!send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL); /* it may be gone */
    s->idle_since_ms = s->idle_since_ms ? clock_ms() : 0;
}

static int watch_attachments(struct server *s, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net/attachments", s->run_dir);
    s->changes = (struct source){inotify_init1(IN_CLOEXEC | IN_NONBLOCK), changed};
    if (s->changes.fd < 0 ||
        inotify_add_watch(s->changes.fd, path, IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", path);
    }
    return 0;
}

static int listen_for_callers(struct server *s, struct error **err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/net/names.sock", s->run_dir);
    (void)unlink(at.sun_path);
    s->callers = (struct source){socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), answer_caller};
    if (s->callers.fd < 0 || bind(s->callers.fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(s->callers.fd, CALLERS_BACKLOG) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "listening at '%s'", at.sun_path);
    }
    return 0;
}

static int open_server(struct server *s, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net", s->run_dir);
    s->dir = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    int r = s->dir < 0 ? s->dir : lock_file(s->dir, "names.lock", LOCK_EXCLUSIVE, true, err);
    r = r < 0 ? r : watch_attachments(s, err); /* its descriptor keeps the lock */
    if (r < 0) {
        return r;
    }
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    book_update_all(&s->book, s->dir);
    r = listen_follow(s, err);
    r = r < 0 ? r : listen_for_callers(s, err);
    return r < 0 ? r
                 : server_watch(s, &s->changes, EPOLLIN) | server_watch(s, &s->callers, EPOLLIN);
}

static bool is_done(const struct server *s)
{
    return s->idle_since_ms && clock_ms() - s->idle_since_ms > LINGER_MS;
}

/* What has been torn down in this round is freed behind it: epoll may still name it. */
static void loop(struct server *s)
{
    struct epoll_event events[EVENTS];
    while (!is_done(s)) {
        bool waiting = s->forwards || s->streams || s->idle_since_ms;
        int n = epoll_wait(s->epoll, events, EVENTS, waiting ? TICK_MS : -1);
        if (n > 0) {
            IGNORE(follow(s, NULL)); /* before any question is answered */
        }
        for (int i = 0; i < n; i++) {
            struct source *source = events[i].data.ptr;
            if (source->fd >= 0) {
                source->ready(s, source);
            }
        }
        int64_t now = clock_ms();
        listen_sweep(s, now);
        forward_sweep(s, now);
    }
}

/* The starter waits for our exit; who goes on is nobody's child, in no session of anybody's. */
static void become_daemon(void)
{
    pid_t pid = fork();
    if (pid != 0) {
        _exit(pid < 0);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++) {
        (void)dup2(null, fd);
    }
    (void)setsid();
    (void)chdir("/");
    (void)prctl(PR_SET_NAME, "cloison-names", 0, 0, 0);
}

int main(int argc, char **argv)
{
    static struct server s;
    CLEANUP(error) struct error *err = NULL;
    size_t seed = 1;
    (void)!getrandom(&seed, sizeof(seed), 0); /* jansson would open /dev/urandom for its tables */
    json_object_seed(seed | 1);
    s.run_dir = argc == 2 ? argv[1] : "";
    int r = argc == 2 ? open_server(&s, &err)
                      : error_set(&err, ERROR_USAGE, EINVAL,
                                  "this program is started by '%s', not by hand", "cloison run");
    if (r < 0) {
        json_t *answer = error_to_json(err);
        IGNORE(json_dumpf(answer, stdout, JSON_COMPACT) < 0 || fflush(stdout) != 0);
        json_decref(answer);
        return 1;
    }
    become_daemon();
    if (names_lock_in(&err) >= 0) {
        loop(&s);
    }
    return 0;
}
