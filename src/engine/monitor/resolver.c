// SPDX-License-Identifier: Apache-2.0
/* Following the host's resolver: /etc/resolv.conf, what it is a link to, and what stands behind
 * systemd-resolved's stub. Their folders are watched by dnotify, which is old, but needs no
 * instance of inotify: the kernel gives a user 128 of those, fewer than he has containers. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/monitor/monitor.h"
#include "engine/networks.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define SETTLED_MS 200 /* a file is written in several steps; others in its folder change, too */

/* No folder, no dnotify in the kernel: not followed until the next start. */
static int watch(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fcntl(fd, F_NOTIFY,
                         DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | (int)DN_MULTISHOT) < 0) {
        fd = fd_close(fd);
    }
    return fd;
}

void monitor_resolver_watch(struct monitor *m)
{
    CLEANUP(free) char *target = realpath(RESOLV_CONF, NULL);
    char *slash = target ? strrchr(target, '/') : NULL;
    if (slash) {
        *slash = '\0';
    }
    const char *folders[RESOLVER_FOLDERS] = {"/etc", "/run/systemd/resolve",
                                             slash && !str_equal(target, "/etc") ? target : NULL};
    for (size_t i = 0; i < RESOLVER_FOLDERS; i++) {
        fd_close(m->resolver_fds[i]);
        m->resolver_fds[i] = folders[i] ? watch(folders[i]) : -1;
    }
}

void monitor_resolver_changed(struct monitor *m)
{
    m->resolver_due_ms = clock_ms() + SETTLED_MS;
}

/* Where the workload does not see the file itself. */
static int refresh(struct monitor *m)
{
    CLEANUP(free) char *path = container_data_path(&m->engine, m->container->id, "resolv.conf");
    return m->wall->refresh_file ? m->wall->refresh_file(m->workload, path, NULL) : 0;
}

void monitor_resolver_due(struct monitor *m)
{
    if (!m->resolver_due_ms || clock_ms() < m->resolver_due_ms) {
        return;
    }
    m->resolver_due_ms = 0;
    monitor_resolver_watch(m); /* the link may lead elsewhere now */
    if (m->workload && !m->exited) {
        /* Nobody is there to be told; the container goes on with what it has. */
        IGNORE(network_follow_resolver(&m->engine, m->container, m->network, NULL) < 0 ||
               refresh(m) < 0);
        monitor_quiet(m);
    }
}
