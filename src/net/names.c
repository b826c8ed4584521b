// SPDX-License-Identifier: Apache-2.0
#include "net/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error_json.h"
#include "base/file.h"
#include "net/helper.h"

#define PROGRAM "cloison-names"
#define TRIES 5
#define ANSWER_MAX 4096
#define NOBODY "-" /* nothing is handed over */

/* Asks the one that runs whether it knows what is attached, and hands it the sockets, if any: 1: it
 * does; 0: there is none; or the error that it met. */
static int ask(const char *run_dir, const char *id, const int *fds, struct error **err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char answer[ANSWER_MAX];
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/net/names.sock", run_dir);
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        return 0;
    }
    /* One that has just ended says so below. */
    IGNORE(send_fds(fd, id, strlen(id), fds, fds ? NET_NAMES_FDS : 0) < 0);
    ssize_t n = read_all(fd, answer, sizeof(answer));
    if (n == 2) {
        return 1; /* {} */
    }
    return n <= 0 ? 0 /* it was about to end */ : error_from_json(answer, (size_t)n, PROGRAM, err);
}

int net_names_serve(const struct net_place *place, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/net", place->run_dir);
    int r = ask(place->run_dir, NOBODY, NULL, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    CLEANUP(fd) int dir = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, err);
    CLEANUP(fd)
    int lock = dir < 0 ? -1 : lock_file(dir, "names.start", LOCK_EXCLUSIVE, true, err);
    r = dir < 0 ? dir : lock < 0 ? lock : 0;
    for (int i = 0; i < TRIES && r >= 0; i++) {
        r = ask(place->run_dir, NOBODY, NULL, err); /* somebody else may have been faster */
        if (r == 1) {
            return 0;
        }
        const char *const arguments[] = {place->run_dir, NULL};
        r = r < 0 ? r : net_program_run(PROGRAM, arguments, NULL, 0, err);
    }
    return r < 0 ? r : error_set(err, ERROR_BUSY, EAGAIN, "'%s' does not stay", PROGRAM);
}

int net_names_offer(const char *run_dir, const char *id, const int fds[NET_NAMES_FDS],
                    struct error **err)
{
    int r = ask(run_dir, id, fds, err);
    return r == 0 ? error_set(err, ERROR_BUSY, EAGAIN, "'%s' does not run", PROGRAM) : r;
}
