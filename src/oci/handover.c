// SPDX-License-Identifier: Apache-2.0
#include "oci/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/file.h"

/* A socket's name holds 107 bytes: a longer path is reached through a descriptor of it. */
static int connect_to(int sock, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path, strlen(path) + 1);
        return connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    }
    CLEANUP(fd) int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", fd);
    return connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int handover_connect(const char *option, const char *path, struct error **err)
{
    CLEANUP(fd) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = sock < 0 ? -errno : connect_to(sock, path);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "connecting to %s '%s'", option, path)
                 : take_fd(&sock);
}

int handover_send(int sock, const char *name, int fd, struct error **err)
{
    ssize_t n = send_fds(sock, name, strlen(name), &fd, 1);
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n, "sending '%s' to the caller", name)
                 : 0;
}

int handover_pidfd(const char *path, pid_t pid, struct error **err)
{
    CLEANUP(fd) int sock = handover_connect("--pidfd-socket", path, err);
    if (sock < 0) {
        return sock;
    }
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return pidfd < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "opening process %d", pid)
                     : handover_send(sock, "pidfd", pidfd, err);
}

int handover_pid_file(const char *path, pid_t pid, struct error **err)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", pid);
    return file_write_atomic(AT_FDCWD, path, text, (size_t)len, 0644, FILE_NO_SYNC, err);
}
