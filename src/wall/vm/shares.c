// SPDX-License-Identifier: Apache-2.0
/* What the machine gets of each folder is a mount of its own, detached, read-only where the spec
 * says so: whatever happens in the server, the host's kernel lets nothing more be done. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/paths.h"
#include "wall/vm/vm.h"

static int open_share(const struct vm_share *s, struct error **err)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
                                                MOUNT_ATTR_NOEXEC |
                                                (s->read_only ? MOUNT_ATTR_RDONLY : 0)};
    CLEANUP(fd)
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, s->source,
                            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                            sizeof(attributes)) < 0) {
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_KERNEL, errno,
                               "sharing '%s' with the machine", s->source);
    }
    return take_fd(&tree);
}

/* cloison-fs SOCKET FD… */
static int start_server(int socket, const int *shares, size_t count, int log, pid_t *ret_pid,
                        struct error **err)
{
    CLEANUP(free) char *path = program_path("cloison-fs");
    CLEANUP(strv) struct strv arguments = {0};
    struct vm_numbers n = {.first = VM_FD_FIRST};
    strv_add(&arguments, path);
    strv_addf(&arguments, "%d", vm_number(&n, socket));
    for (size_t i = 0; i < count; i++) {
        strv_addf(&arguments, "%d", vm_number(&n, shares[i]));
    }
    int r = vm_start_program(path, arguments.items, &n, log, ret_pid, err);
    free(n.fds);
    return r;
}

int vm_shares_start(const struct plan *plan, int log, int *ret_socket, pid_t *ret_pid,
                    struct error **err)
{
    int shares[VM_SHARES_MAX], ends[2] = {-1, -1}, r = 0;
    size_t count = 0;
    for (; count < plan->share_count && r >= 0; count += r >= 0) {
        r = shares[count] = open_share(&plan->shares[count], err);
    }
    if (r >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "the shared folders' socket");
    }
    r = r < 0 ? r : start_server(ends[1], shares, count, log, ret_pid, err);
    fd_close(ends[1]);
    for (size_t i = 0; i < count; i++) {
        fd_close(shares[i]);
    }
    if (r < 0) {
        fd_close(ends[0]);
        return r;
    }
    *ret_socket = ends[0];
    return 0;
}
