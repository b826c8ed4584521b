// SPDX-License-Identifier: Apache-2.0
/* The container's place in the network, by its mode. Reserved before the start, because /etc/hosts
 * names the address and a port in use should fail early; attached beside the child's set-up; kept
 * while the restart policy starts it again. */
#include <errno.h>
#include <fcntl.h>

#include "engine/monitor/monitor.h"
#include "engine/recover.h"
#include "net/files.h"

static struct net_request net_request(const struct monitor *m, pid_t pid)
{
    const struct container *c = m->container;
    return (struct net_request){
        .run_dir = m->engine.run_dir,
        .data_dir = m->engine.data_dir,
        .config_path = m->engine.config_path,
        .id = c->id,
        .network = c->network_mode,
        .ip = c->ip,
        .mac_address = c->mac_address,
        .pid = pid,
        .publish = &c->publish,
    };
}

static bool has_own_link(const struct monitor *m)
{
    const char *mode = m->container->network_mode;
    return !str_equal(mode, "none") && !str_equal(mode, "host") && !str_starts(mode, "container:");
}

/* The three files that the spec binds into the workload. A container in another's network namespace
 * has that one's hosts and resolv.conf: its spec names them. */
static int write_files(struct monitor *m, struct error **err)
{
    const struct container *c = m->container;
    CLEANUP(free) char *hostname = container_data_path(&m->engine, c->id, "hostname");
    int r = net_write_hostname(hostname, c->hostname, err);
    if (r < 0 || str_starts(c->network_mode, "container:")) {
        return r;
    }
    bool host = str_equal(c->network_mode, "host");
    CLEANUP(free) char *hosts = container_data_path(&m->engine, c->id, "hosts");
    CLEANUP(free) char *resolv = container_data_path(&m->engine, c->id, "resolv.conf");
    struct net_hosts h = {.hostname = c->hostname,
                          .address = m->network ? m->network->address : NULL,
                          .gateway = m->network ? m->network->gateway : NULL,
                          .extra = &c->add_hosts,
                          .host_path = host ? "/etc/hosts" : NULL};
    struct net_resolv v = {
        .dns = &c->dns, .search = &c->dns_search, .options = &c->dns_options, .host_network = host};
    r = net_write_hosts(hosts, &h, err);
    return r == 0 ? net_write_resolv(resolv, &v, err) : r;
}

int monitor_network_reserve(struct monitor *m, struct error **err)
{
    int r = 0;
    if (has_own_link(m) && !m->network) {
        struct net_request q = net_request(m, 0);
        CLEANUP(error) struct error *mine = NULL;
        r = net_reserve(&q, &m->network, &mine);
        if (r == -EADDRINUSE) { /* maybe by one whose monitor was killed */
            error_free(take_ptr(mine));
            container_recover_all(&m->engine);
            r = net_reserve(&q, &m->network, &mine);
        }
        r = r < 0 ? error_move(err, &mine, r) : 0;
    }
    return r < 0 ? r : write_files(m, err);
}

int monitor_network_beside(struct monitor *m, pid_t pid, struct error **err)
{
    if (str_equal(m->container->network_mode, "none")) {
        return net_loopback_up(pid, err);
    }
    if (!m->network) {
        return 0;
    }
    struct net_request q = net_request(m, pid);
    return net_attach(&q, m->network, err);
}

void monitor_network_detach(struct monitor *m)
{
    if (!m->network) {
        return;
    }
    struct net_request q = net_request(m, 0);
    CLEANUP(error) struct error *e = NULL;
    if (net_detach(&q, &e) < 0 && !m->failure) {
        m->failure = error_text(e); /* recorded at the exit; the next start detaches again */
    }
    net_attachment_free(m->network);
    m->network = NULL;
}
