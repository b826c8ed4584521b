// SPDX-License-Identifier: Apache-2.0
/* The program cloison-fs, which serves folders and files of the host to one machine:
 *
 *     cloison-fs SOCKET FD…
 *     cloison-fs stream FD
 *
 * SOCKET is a descriptor of a connected stream socket, at whose other end the machine's monitor
 * speaks vhost-user; the others are the shares, O_PATH, each through a mount that says what may be
 * done with it (read-only, no devices). It confines itself, serves, and ends with its monitor.
 * With "stream" it runs inside a machine: one folder, for the host at the standard streams.
 * Exit status: 0; 125 with a line why it could not begin, 1 why it could not go on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "vmm/log.h"
#include "vmm/share/confine.h"
#include "vmm/share/stream.h"
#include "vmm/share/vhost.h"

enum { NOT_STARTED = 125 };

static int read_fd(const char *text, struct error **err)
{
    int64_t fd = -1;
    return str_to_i64(text, 10, &fd) == 0 && fd >= 0 && fd <= INT32_MAX
               ? (int)fd
               : error_set(err, ERROR_USAGE, 0, "'%s' is no descriptor", text);
}

static int begin(int argc, char **argv, struct fs_session *s, int *ret_socket, struct error **err)
{
    int shares[SHARES_MAX];
    unsigned count = 0;
    if (argc < 3 || argc > 2 + SHARES_MAX) {
        return error_set(err, ERROR_USAGE, 0, "usage: cloison-fs SOCKET FD… (1 to %d shares)",
                         SHARES_MAX);
    }
    bool is_stream = str_equal(argv[1], "stream");
    *ret_socket = is_stream ? STDIN_FILENO : read_fd(argv[1], err);
    int r = *ret_socket;
    for (int i = 2; r >= 0 && i < argc; i++) {
        r = shares[count++] = read_fd(argv[i], err);
    }
    if (r < 0) {
        return r;
    }
    r = fs_session_init(s, shares, count);
    s->tree.is_single = is_stream;
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "the shared folders")
                 : confine(is_stream, err);
}

int main(int argc, char **argv)
{
    static struct fs_session session;
    static struct vhost vhost;
    CLEANUP(error) struct error *err = NULL;
    int socket = -1;
    error_set_program("cloison-fs");
    if (begin(argc, argv, &session, &socket, &err) < 0) {
        error_print(err, stderr);
        return NOT_STARTED;
    }
    int r = session.tree.is_single ? stream_serve(&session, STDIN_FILENO, STDOUT_FILENO)
                                   : vhost_serve(&vhost, socket, &session);
    if (r < 0) {
        vmm_log("the shared folders' server cannot go on: %s", strerror(-r));
    }
    _exit(r < 0);
}
