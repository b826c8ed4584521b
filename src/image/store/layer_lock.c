// SPDX-License-Identifier: Apache-2.0
#include "image/store/layer_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "image/reference.h"
#include "image/store/interrupt.h"

static char *path_of(const char *chain_id)
{
    return str_format("tmp/lock-%s", digest_hex(chain_id));
}

/* flock(2) ends with EINTR at a signal that is watched for. */
static int take(int fd, bool wait, struct error **err)
{
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
        int r = interrupt_check(err);
        if (r < 0) {
            return r;
        }
        if (errno != EINTR) {
            return errno == EWOULDBLOCK ? -EWOULDBLOCK
                                        : error_set_errno(err, ERROR_KERNEL, errno, "flock");
        }
    }
    return 0;
}

int layer_lock(struct store *s, const char *chain_id, bool wait, struct error **err)
{
    CLEANUP(free) char *path = path_of(chain_id);
    for (;;) {
        struct stat st;
        CLEANUP(fd) int fd = open_file(s->fd, path, O_RDWR | O_CREAT, 0600, err);
        int r = fd < 0 ? fd : take(fd, wait, err);
        if (r < 0) {
            return r;
        }
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
            return take_fd(&fd);
        } /* else it was unlinked by whoever held it: there may be another of the name */
    }
}

void layer_unlock(struct store *s, const char *chain_id, int lock)
{
    if (lock >= 0) {
        CLEANUP(free) char *path = path_of(chain_id);
        (void)unlinkat(s->fd, path, 0); /* rubbish is cleared by the next writer */
        fd_close(lock);
    }
}
