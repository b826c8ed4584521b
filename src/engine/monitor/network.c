// SPDX-License-Identifier: Apache-2.0
/* The container's place in its networks. Reserved before the start, because /etc/hosts names the
 * address and a port in use should fail early; attached beside the child's set-up; kept while the
 * restart policy starts it again. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "engine/monitor/monitor.h"
#include "engine/networks.h"
#include "engine/recover.h"
#include "net/proxy.h"

static int reserve(struct monitor *m, struct error **err)
{
    CLEANUP(network_need) struct network_need need = {0};
    CLEANUP(error) struct error *mine = NULL;
    int r = network_need(&m->engine, m->container, 0, &need, err);
    if (r < 0) {
        return r;
    }
    if (m->network) { /* again: it may have been connected to others meanwhile */
        r = net_refresh(&need.request, m->network, err);
        return r < 0 ? r : net_prepare(&need.request, m->network, err);
    }
    r = net_reserve(&need.request, &m->network, &mine);
    if (r == -EADDRINUSE) { /* maybe by one whose monitor was killed */
        error_free(take_ptr(mine));
        container_recover_all(&m->engine);
        r = net_reserve(&need.request, &m->network, &mine);
    }
    return r < 0 ? error_move(err, &mine, r) : net_prepare(&need.request, m->network, err);
}

static void connection_ready(struct monitor *m, struct source *s, uint32_t events)
{
    const struct loop_source *l = (const struct loop_source *)(void *)s;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) { /* a proxy that cannot be started is a connection that ends */
        IGNORE(net_proxy_start(m->engine.run_dir, m->container->id, l->container, fd, NULL));
    }
}

/* The sources borrow the descriptors. */
static void watch_loops(struct monitor *m)
{
    size_t count = m->network && !m->loops ? m->network->loop_count : 0;
    if (count) {
        m->loops = xcalloc(count, sizeof(*m->loops));
        m->loop_count = count;
    }
    for (size_t i = 0; i < count; i++) {
        m->loops[i].container = m->network->loops[i].container;
        source_add(m, &m->loops[i].source, m->network->loops[i].fd, EPOLLIN, connection_ready);
    }
}

static void forget_loops(struct monitor *m)
{
    for (size_t i = 0; i < m->loop_count; i++) {
        source_remove(m, &m->loops[i].source);
        m->network->loops[i].fd = -1; /* closed with its source */
    }
    free(m->loops);
    m->loops = NULL;
    m->loop_count = 0;
}

int monitor_network_reserve(struct monitor *m, struct error **err)
{
    int r = m->container->networks ? reserve(m, err) : 0;
    watch_loops(m);
    monitor_resolver_watch(m);
    return r < 0 ? r : network_write_files(&m->engine, m->container, m->network, false, err);
}

int monitor_network_beside(struct monitor *m, pid_t pid, struct error **err)
{
    CLEANUP(network_need) struct network_need need = {0};
    if (str_equal(m->container->network_mode, "none")) {
        return net_loopback_up(pid, err);
    }
    if (!m->network) {
        return 0;
    }
    int r = network_need(&m->engine, m->container, pid, &need, err);
    return r < 0 ? r : net_attach(&need.request, m->network, err);
}

void monitor_network_detach(struct monitor *m)
{
    if (!m->network) {
        return;
    }
    struct net_request q = {.place = {m->engine.run_dir, m->engine.data_dir, m->engine.config_path},
                            .id = m->container->id};
    CLEANUP(error) struct error *e = NULL;
    if (net_detach(&q, m->network, &e) < 0 && !m->failure) {
        m->failure = error_text(e); /* recorded at the exit; the next start detaches again */
    }
    forget_loops(m);
    net_attachment_free(m->network);
    m->network = NULL;
}
