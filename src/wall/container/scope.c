// SPDX-License-Identifier: Apache-2.0
/* The wall's side of the conversation with cloison-systemd. */
#include "wall/container/scope.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"
#include "base/spawn.h"
#include "wall/systemd/protocol.h"

static int helper_start(struct scope_helper *h, struct error **err)
{
    static const char *const no_arguments[] = {NULL};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket");
    }
    const struct spawn_fd fds[] = {{ends[1], 0}};
    int r = program_spawn(SYSTEMD_PROGRAM, no_arguments, fds, ARRAY_SIZE(fds), &h->pid, err);
    fd_close(ends[1]);
    h->sock = ends[0];
    if (r < 0) {
        h->pid = 0;
        h->sock = fd_close(h->sock);
    }
    return r;
}

/* One request and its answer. */
static int ask(const struct scope_helper *h, const char *request, struct error **err)
{
    char answer[4096];
    ssize_t n = send(h->sock, request, strlen(request), MSG_NOSIGNAL);
    if (n < 0 && errno == EMSGSIZE) {
        return error_set(err, ERROR_INVALID_INPUT, EMSGSIZE, "too many properties for systemd");
    }
    do {
        n = recv(h->sock, answer, sizeof(answer), 0);
    } while (n < 0 && errno == EINTR);
    if (n == 2) { /* {} */
        return 0;
    }
    int r = error_from_json(answer, n < 0 ? 0 : (size_t)n, SYSTEMD_PROGRAM, err);
    return n > 0 ? r : error_hint(err, r, "it needs libsystemd (Debian package libsystemd0)");
}

void scope_leave(struct scope_helper *h)
{
    if (h->pid <= 0) {
        return;
    }
    /* Our child, until it executes its program, has this end open, too: closing would not do. */
    (void)shutdown(h->sock, SHUT_RDWR);
    h->sock = fd_close(h->sock);
    int status;
    IGNORE(program_wait(h->pid, &status) < 0); /* reaped by somebody else: gone as well */
    h->pid = 0;
}

int scope_start(struct scope_helper *h, const struct scope_plan *p, struct error **err)
{
    int r = helper_start(h, err);
    r = r < 0 ? r : ask(h, p->start, err);
    if (r < 0) {
        scope_leave(h);
    }
    return r;
}

int scope_settle(struct scope_helper *h, const struct scope_plan *p, struct error **err)
{
    int r = p->settle ? ask(h, p->settle, err) : 0;
    scope_leave(h);
    return r;
}

/* A request of its own: `request` is consumed. */
static int ask_once(json_t *request, struct error **err)
{
    struct scope_helper h = {0};
    CLEANUP(json) json_t *owned = request;
    CLEANUP(free) char *text = json_dumps(owned, JSON_COMPACT);
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a property of systemd is not valid UTF-8");
    }
    int r = helper_start(&h, err);
    r = r < 0 ? r : ask(&h, text, err);
    scope_leave(&h);
    return r;
}

int scope_change(const char *unit, json_t *properties, struct error **err)
{
    return json_array_size(properties) == 0
               ? 0
               : ask_once(json_pack("{s:s, s:s, s:O}", "verb", "set", "unit", unit, "properties",
                                    properties),
                          err);
}

int scope_stop(const char *unit, struct error **err)
{
    /* systemd's file of a unit made at run time is there as long as the unit is loaded. Mostly it
     * has seen the group's end by now. */
    CLEANUP(free) char *path = str_format("/run/systemd/transient/%s", unit);
    if (access(path, F_OK) < 0 && errno == ENOENT) {
        return 0;
    }
    return ask_once(json_pack("{s:s, s:s}", "verb", "stop", "unit", unit), err);
}
