// SPDX-License-Identifier: Apache-2.0
#include "engine/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/clock.h"

#define END_MS 10000 /* of a process that is on its way out of the kernel already */

static int not_running(const struct container *c, struct error **err)
{
    return error_set(err, ERROR_BUSY, 0, "container %s is not running", c->name);
}

int control_connect(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(free) char *folder = container_run_path(e, c->id, NULL);
    CLEANUP(fd) int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return not_running(c, err);
    }
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/attach.sock", dir);
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket");
    }
    while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) {
            return not_running(c, err);
        }
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "connecting to the monitor of '%s'",
                                   c->name);
        }
    }
    return take_fd(&fd);
}

/* A process that is killed closes its sockets a moment before it gives up monitor.lock: who looked
 * in between would take it for one that lives. */
static void await_monitors_end(const struct container *c)
{
    CLEANUP(fd)
    int fd = c->monitor_pid > 0 ? (int)syscall(SYS_pidfd_open, c->monitor_pid, 0) : -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    IGNORE(fd >= 0 && poll(&p, 1, END_MS) < 0); /* interrupted: the lock will tell */
}

int control_ask(const struct container *c, int sock, enum frame_type type, const void *data,
                size_t len, struct error **err)
{
    struct frame f;
    int r = frame_send(sock, type, data, len);
    while (r >= 0) {
        r = frame_receive(sock, &f);
        if (r == 0) {
            r = -EPIPE;
        } else if (r > 0 && f.type == FRAME_OK) {
            return 0;
        } else if (r > 0 && f.type == FRAME_FAILED) {
            return frame_to_error(&f, err);
        }
    }
    if (r == -EPIPE || r == -ECONNRESET) {
        await_monitors_end(c);
        return not_running(c, err);
    }
    return error_set_errno(err, ERROR_BUSY, -r, "asking the container's monitor");
}

int control_request(const struct engine *e, const struct container *c, enum frame_type type,
                    const void *data, size_t len, struct error **err)
{
    CLEANUP(fd) int sock = control_connect(e, c, err);
    return sock < 0 ? sock : control_ask(c, sock, type, data, len, err);
}

/* Of a monitor that has gone: it may have ended before it took up the connection. */
static int code_left(const struct engine *e, const struct container *c)
{
    CLEANUP(container) struct container *now = NULL;
    await_monitors_end(c);
    return container_load(e, c->id, &now, NULL) == 0 ? now->exit_code : 137;
}

int control_await_exit(const struct engine *e, const struct container *c, int sock, bool final,
                       int timeout_ms, struct frame_exit *ret, struct error **err)
{
    int64_t end = clock_ms() + timeout_ms;
    struct frame f;
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : end - clock_ms();
        struct pollfd p = {.fd = sock, .events = POLLIN};
        int n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)(left > 0 ? left : 0));
        if (n < 0 && errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the container");
        }
        if (n == 0) {
            return 0;
        }
        int r = n > 0 ? frame_receive(sock, &f) : 1;
        if (r <= 0) {
            *ret = (struct frame_exit){.code = code_left(e, c), .final = 1};
            return 1;
        }
        if (n > 0 && f.type == FRAME_EXIT && f.len == sizeof(*ret)) {
            memcpy(ret, f.data, sizeof(*ret));
            if (ret->final || !final) {
                return 1;
            }
        }
    }
}

int control_explain(const struct container *c, int result, struct error **mine, struct error **err)
{
    CLEANUP(fd) int fd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    /* ESRCH: its namespaces are gone, which the end of the process follows. */
    bool ended = fd < 0 || poll(&p, 1, result == -ESRCH ? END_MS : 0) > 0;
    return ended ? not_running(c, err) : error_move(err, mine, result);
}
