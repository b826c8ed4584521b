// SPDX-License-Identifier: Apache-2.0
#include "net/device.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "net/net.h"

static int set_flags(int sock, const char *name, short set, short clear)
{
    struct ifreq q = {0};
    if (strlen(name) >= sizeof(q.ifr_name)) {
        return -ENAMETOOLONG;
    }
    memcpy(q.ifr_name, name, strlen(name));
    if (ioctl(sock, SIOCGIFFLAGS, &q) < 0) {
        return -errno;
    }
    q.ifr_flags = (short)((q.ifr_flags | set) & ~clear);
    return ioctl(sock, SIOCSIFFLAGS, &q) < 0 ? -errno : 0;
}

bool net_device_down(const char *name)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return sock >= 0 && set_flags(sock, name, 0, IFF_UP) != -ENODEV;
}

/* A socket belongs for its whole life to the network namespace in which it was made. */
static int socket_inside(int theirs, int ours)
{
    if (setns(theirs, CLONE_NEWNET) < 0) {
        return -errno;
    }
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = errno;
    if (setns(ours, CLONE_NEWNET) < 0) {
        abort(); /* this process must not go on in a container's network */
    }
    return sock < 0 ? -code : sock;
}

/* The namespace that we are in, to come back to. */
static int own_namespace(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

void net_device_clear(int netns, const char *name)
{
    CLEANUP(fd) int ours = own_namespace();
    CLEANUP(fd) int sock = ours < 0 ? -1 : socket_inside(netns, ours);
    struct ifreq q = {.ifr_addr.sa_family = AF_INET}; /* 0.0.0.0 */
    if (sock >= 0 && strlen(name) < sizeof(q.ifr_name)) {
        memcpy(q.ifr_name, name, strlen(name));
        (void)ioctl(sock, SIOCSIFADDR, &q);
        (void)set_flags(sock, name, 0, IFF_UP); /* the kernel removes it anyway, later */
    }
}

int net_loopback_up(pid_t pid, struct error **err)
{
    CLEANUP(free) char *path = str_format("/proc/%d/ns/net", (int)pid);
    CLEANUP(fd) int theirs = open_file(AT_FDCWD, path, O_RDONLY, 0, err);
    if (theirs < 0) {
        return theirs;
    }
    CLEANUP(fd) int ours = own_namespace();
    if (ours < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "opening the network namespace");
    }
    CLEANUP(fd) int sock = socket_inside(theirs, ours);
    int r = sock < 0 ? sock : set_flags(sock, "lo", IFF_UP, 0);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "bringing the loopback device up") : 0;
}
