// SPDX-License-Identifier: Apache-2.0
/* Namespaces: joined by path, made by the clone, and what is set in them. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/step.h"

STEP_DESCRIBE(namespace_join)
{
    describe_text(d, "%s namespace '%s'", s->namespace_.name, s->namespace_.path);
    describe_str(d, "namespace", s->namespace_.name);
    describe_str(d, "path", s->namespace_.path);
}

/* Whether the descriptor is the namespace this process is in already. */
static bool is_own(const struct apply *a, int fd, const char *file)
{
    struct stat theirs, own;
    return fstat(fd, &theirs) == 0 && fstatat(a->proc_fd, file, &own, 0) == 0 &&
           theirs.st_ino == own.st_ino && theirs.st_dev == own.st_dev;
}

STEP_CHILD(namespace_join)
{
    int fd = a->namespace_fds[s->namespace_.index];
    /* Our root would be pivoted away under the feet of everybody else. */
    if (s->namespace_.flag == CLONE_NEWNS && is_own(a, fd, "self/ns/mnt")) {
        return step_fail(a, -EINVAL, DETAIL_OWN_NAMESPACE, 0);
    }
    if (s->namespace_.flag == CLONE_NEWUSER && is_own(a, fd, "self/ns/user")) {
        return 0; /* the kernel refuses to join the user namespace one is in */
    }
    return setns(fd, s->namespace_.flag) < 0 ? -errno : 0;
}

STEP_DESCRIBE(namespace_new)
{
    describe_text(d, "new %s namespace", s->namespace_.name);
    describe_str(d, "namespace", s->namespace_.name);
}

STEP_DESCRIBE(time_offset)
{
    describe_text(d, "clock '%s' by %lld.%09u s", s->time_offset.clock,
                  (long long)s->time_offset.secs, s->time_offset.nanosecs);
    describe_str(d, "clock", s->time_offset.clock);
    describe_int(d, "secs", s->time_offset.secs);
    describe_int(d, "nanosecs", s->time_offset.nanosecs);
}

/* Made with unshare(), the namespace holds nobody yet, so it can still be set; the user namespace
 * that is to own it comes with it. */
STEP_CHILD(time_offset)
{
    if (!a->relay_unshared && unshare((int)a->plan->relay_namespaces) < 0) {
        return -errno;
    }
    a->relay_unshared = true;
    char text[80];
    int len = snprintf(text, sizeof(text), "%s %lld %u\n", s->time_offset.clock,
                       (long long)s->time_offset.secs, s->time_offset.nanosecs);
    int fd = openat(a->proc_fd, "self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = write_all(fd, text, (size_t)len);
    fd_close(fd);
    return r;
}

STEP_DESCRIBE(cgroup_namespace)
{
    describe_text(d, "new cgroup namespace");
    describe_str(d, "namespace", "cgroup");
}

STEP_CHILD(cgroup_namespace)
{
    return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

STEP_DESCRIBE(hostname)
{
    describe_text(d, "host name '%s'", s->text);
    describe_str(d, "name", s->text);
}

STEP_CHILD(hostname)
{
    return sethostname(s->text, strlen(s->text)) < 0 ? -errno : 0;
}

STEP_DESCRIBE(domainname)
{
    describe_text(d, "domain name '%s'", s->text);
    describe_str(d, "name", s->text);
}

STEP_CHILD(domainname)
{
    return setdomainname(s->text, strlen(s->text)) < 0 ? -errno : 0;
}

STEP_DESCRIBE(loopback)
{
    describe_text(d, "the interface 'lo'");
}

STEP_CHILD(loopback)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}
