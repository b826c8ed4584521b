// SPDX-License-Identifier: Apache-2.0
/* Asking the relay over vm.sock. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"
#include "wall/vm/workload.h"

enum { REPLY_BYTES_MAX = 64 * 1024, SOON_MS = 5000 };

json_t *vm_error_to_json(const struct error *e)
{
    return json_pack("{s:o}", "error", error_to_json(e));
}

int vm_error_from_json(const json_t *reply, struct error **err)
{
    const json_t *e = json_object_get(reply, "error");
    return e ? error_from_object(e, "the relay's answer", err) : 0;
}

/* The address of vm.sock by the folder's descriptor: its path may be longer than addresses are. */
int workload_socket(const char *state_dir, struct sockaddr_un *ret, int *ret_folder,
                    struct error **err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_folder = open_file(AT_FDCWD, state_dir, O_PATH | O_DIRECTORY, 0, err);
    (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/vm.sock", *ret_folder);
    return *ret_folder;
}

static int connect_relay(const struct workload *w, struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int folder = -1;
    if (cgroup_is_frozen(&w->groups)) {
        return error_set(err, ERROR_BUSY, 0, "its machine is paused");
    }
    int r = workload_socket(w->state_dir, &address, &folder, err);
    if (r < 0) {
        return r;
    }
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = error_set(err, ERROR_BUSY, errno, "its machine does not run");
        fd_close(sock);
        return r;
    }
    return sock;
}

int relay_receive(int sock, json_t **ret, struct error **err)
{
    CLEANUP(free) char *text = xmalloc(REPLY_BYTES_MAX);
    ssize_t n = recv(sock, text, REPLY_BYTES_MAX, 0);
    if (n <= 0) {
        return error_set(err, ERROR_KERNEL, n < 0 ? errno : EPIPE, "the machine has ended");
    }
    int r = json_parse(text, (size_t)n, "reply", ret, err);
    return r < 0 ? r : vm_error_from_json(*ret, err);
}

/* A connection on which the request is; the answer is still to come. */
static int send_request(const struct workload *w, json_t *request_take, const int *fds,
                        size_t fd_count, struct error **err)
{
    CLEANUP(json) json_t *request = request_take;
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(fd) int sock = connect_relay(w, err);
    if (sock < 0) {
        return sock;
    }
    ssize_t n = send_fds(sock, text, strlen(text), fds, fd_count);
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n, "asking the machine's relay")
                 : take_fd(&sock);
}

int relay_ask(const struct workload *w, json_t *request_take, const int *fds, size_t fd_count,
              json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    CLEANUP(fd) int sock = send_request(w, request_take, fds, fd_count, err);
    int r = sock < 0 ? sock : relay_receive(sock, &reply, err);
    if (r < 0) {
        return r;
    }
    if (ret) {
        *ret = take_ptr(reply);
    }
    return take_fd(&sock);
}

int relay_ask_plain(const struct workload *w, json_t *request_take, json_t **ret,
                    struct error **err)
{
    int sock = relay_ask(w, request_take, NULL, 0, ret, err);
    fd_close(sock);
    return sock < 0 ? sock : 0;
}

int relay_ask_soon(const struct workload *w, json_t *request_take, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    CLEANUP(fd) int sock = send_request(w, request_take, NULL, 0, err);
    struct pollfd p = {.fd = sock, .events = POLLIN};
    if (sock < 0) {
        return sock;
    }
    return poll(&p, 1, SOON_MS) > 0
               ? relay_receive(sock, &reply, err)
               : error_set(err, ERROR_BUSY, ETIMEDOUT, "its machine does not answer");
}
