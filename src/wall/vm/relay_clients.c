// SPDX-License-Identifier: Apache-2.0
/* Clients connect to vm.sock, a SOCK_SEQPACKET socket in the state folder: one JSON request, with
 * the three descriptors of its streams for exec; one reply; for exec a second message, the end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/relay.h"

void relay_answer(int client, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT);
    if (text) {
        IGNORE(send(client, text, strlen(text), MSG_NOSIGNAL) < 0); /* it is gone: fine */
    }
    free(text);
    json_decref(take);
}

/* Another process in the machine, whose streams are these descriptors: "exec" or "files". */
static int exec(struct relay *r, int client, const char *name, json_t *request, const int *fds,
                size_t fd_count, struct error **err)
{
    uint32_t id = r->next_session++;
    const struct wall_io io = {fds[0], fds[1], fds[2]};
    struct session *s = fd_count == 3 ? relay_add_session(r, id, &io) : NULL;
    if (!s) {
        return error_set(err, ERROR_BUSY, 0, "too many processes are being executed");
    }
    int result = link_request(&r->link, id, name, json_incref(request), REQUEST_MS, NULL, err);
    if (result < 0) {
        *s = (struct session){0};
        return result;
    }
    s->client = client;
    return 0;
}

/* One request of the workload's that the agent answers. What there is of devices' rates is the
 * monitor's. */
static int ask_agent(struct relay *r, const char *name, json_t *request, json_t **ret_reply,
                     struct error **err)
{
    const json_t *throttles = json_object_get(request, "throttles");
    int result = throttles ? relay_limit_disks(r, throttles, err) : 0;
    (void)json_object_del(request, "throttles"); /* if there */
    int limit = REQUEST_MS + (str_equal(name, "start") ? r->settings->plan->hooks_ms : 0);
    return result < 0 ? result
                      : link_request(&r->link, WORKLOAD, name, json_incref(request), limit,
                                     ret_reply, err);
}

/* A file of the host's has another text; one that did not travel is none of the machine's. */
static int refresh_file(struct relay *r, const json_t *request, struct error **err)
{
    const struct plan *p = r->settings->plan;
    const char *source = "", *text = "";
    int result = json_get_str(request, "source", "file", &source, err);
    result = result < 0 ? result : json_get_str(request, "text", "file", &text, err);
    for (size_t i = 0; result >= 0 && i < p->file_count; i++) {
        if (str_equal(p->files[i].source, source)) {
            result = link_request(&r->link, WORKLOAD, "file",
                                  json_pack("{s:i, s:s}", "number", (int)i, "text", text),
                                  REQUEST_MS, NULL, err);
        }
    }
    return result;
}

/* Serves one request; the descriptors that came with it stay open only for an exec that runs. */
static void serve_client(struct relay *r, int client, const char *text, size_t len, const int *fds,
                         size_t fd_count)
{
    static const char *const plain[] = {"start",  "signal", "pause", "resume",
                                        "update", "stats",  "pids",  NULL};
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *request = NULL;
    CLEANUP(json) json_t *reply = NULL;
    const char *name = "";
    int result = json_parse(text, len, "request", &request, &err);
    result = result < 0 ? result : json_get_str(request, "request", "request", &name, &err);
    CLEANUP(free) char *copy = xstrdup(name);
    bool is_exec = result >= 0 && (str_equal(copy, "exec") || str_equal(copy, "files"));
    if (is_exec) {
        result = exec(r, client, copy, request, fds, fd_count, &err);
    } else if (result >= 0 && str_in(copy, plain)) {
        result = ask_agent(r, copy, request, &reply, &err);
    } else if (result >= 0 && str_equal(copy, "network-rate")) {
        result = relay_limit_network(r, request, &err);
    } else if (result >= 0 && str_equal(copy, "file")) {
        result = refresh_file(r, request, &err);
    } else if (result >= 0) {
        result = error_set(&err, ERROR_UNSUPPORTED, 0, "the vm wall knows no '%s'", copy);
    }
    for (size_t i = 0; i < fd_count && !(is_exec && result >= 0); i++) {
        fd_close(fds[i]);
    }
    relay_answer(client, result < 0 ? vm_error_to_json(err)
                         : reply    ? json_incref(reply)
                                    : json_pack("{s:b}", "ok", 1));
}

static void forget_client(struct relay *r, size_t i)
{
    for (size_t k = 0; k < SESSIONS_MAX; k++) {
        if (r->sessions[k].id != 0 && r->sessions[k].client == r->clients[i]) {
            r->sessions[k].client = -1;
        }
    }
    fd_close(r->clients[i]);
    r->clients[i] = 0;
}

void relay_hear_client(struct relay *r, size_t i)
{
    static char text[REQUEST_BYTES_MAX];
    int fds[3];
    size_t fd_count = ARRAY_SIZE(fds);
    ssize_t n = recv_fds(r->clients[i], text, sizeof(text), fds, &fd_count);
    if (n <= 0) {
        forget_client(r, i);
        return;
    }
    serve_client(r, r->clients[i], text, (size_t)n, fds, fd_count);
}

void relay_accept_client(struct relay *r)
{
    int fd = accept4(r->settings->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
        if (r->clients[i] == 0) {
            r->clients[i] = fd;
            return;
        }
    }
    fd_close(fd);
}
