// SPDX-License-Identifier: Apache-2.0
#include "build/network.h"

#include <fcntl.h>
#include <sched.h>

#include "base/file.h"
#include "net/files.h"
#include "net/net.h"

#define HOSTNAME "cloison-build"

struct build_network {
    int fd;
    char *path;
    struct net_attachment *attachment;
};

static struct net_request request_of(const struct engine *e, const char *id, const char *path)
{
    static struct net_choice bridge = {.network = (char *)"bridge"}; /* borrowed: never freed */
    static const struct net_choices choices = {&bridge, 1};
    return (struct net_request){.place = {e->run_dir, e->data_dir, e->config_path},
                                .id = id,
                                .networks = &choices,
                                .netns_path = path};
}

/* A fresh namespace that nobody is in: this process, of one thread, goes there and back. */
static int make_namespace(int *ret, struct error **err)
{
    CLEANUP(fd) int own = open_file(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0, err);
    if (own < 0) {
        return own;
    }
    if (unshare(CLONE_NEWNET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a network namespace");
    }
    *ret = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int code = errno;
    if (setns(own, CLONE_NEWNET) < 0) {
        abort(); /* we cannot go on in an empty network */
    }
    return *ret < 0 ? error_set_errno(err, ERROR_KERNEL, code, "opening a network namespace") : 0;
}

int network_make(struct build *b, struct build_network **ret, struct error **err)
{
    struct build_network *n = xcalloc(1, sizeof(*n));
    n->fd = -1;
    int r = make_namespace(&n->fd, err);
    if (r >= 0) {
        n->path = str_format("/proc/%d/fd/%d", getpid(), n->fd);
        struct net_request q = request_of(&b->engine, b->id, n->path);
        r = net_reserve(&q, &n->attachment, err);
        r = r < 0 ? r : net_attach(&q, n->attachment, err);
    }
    if (r < 0) {
        network_free(b, n);
        return error_wrap(err, r, "the network of RUN");
    }
    *ret = n;
    return 0;
}

const char *network_path(const struct build_network *n)
{
    return n->path;
}

void network_free(struct build *b, struct build_network *n)
{
    if (!n) {
        return;
    }
    if (n->path) {
        struct net_request q = request_of(&b->engine, b->id, NULL);
        IGNORE(net_detach(&q, n->attachment, NULL) < 0); /* the pair goes with the namespace */
    }
    net_attachment_free(n->attachment);
    fd_close(n->fd);
    free(n->path);
    free(n);
}

int network_files(const struct build *b, const char *mode, char **ret_hosts, char **ret_resolv,
                  struct error **err)
{
    bool host = str_equal(mode, "host"), own = str_equal(mode, "default");
    const struct net_attachment *a = own && b->network ? b->network->attachment : NULL;
    CLEANUP(free) char *hosts = str_format("%s/hosts-%s", b->run_dir, mode);
    CLEANUP(free) char *resolv = str_format("%s/resolv-%s", b->run_dir, mode);
    char address[NET_ADDRESS_BYTES] = "", gateway[NET_ADDRESS_BYTES] = "";
    CLEANUP(strv) struct strv addresses = {0};
    if (a && a->count) {
        net_address_text(&a->endpoints[0].addresses[NET_IPV4], address);
        net_address_text(&a->endpoints[0].network->pools[NET_IPV4].gateway, gateway);
        strv_add(&addresses, address);
    }
    struct net_hosts h = {.hostname = HOSTNAME,
                          .addresses = &addresses,
                          .gateway = gateway[0] ? gateway : NULL,
                          .extra = &b->options->run.add_hosts,
                          .host_path = host ? "/etc/hosts" : NULL};
    struct net_resolv v = {.dns = &b->options->run.dns, .host_network = host};
    int r = access(hosts, F_OK) == 0 ? 0 : net_write_hosts(hosts, &h, err);
    r = r < 0 || access(resolv, F_OK) == 0 ? r : net_write_resolv(resolv, &v, err);
    if (r == 0) {
        *ret_hosts = take_ptr(hosts);
        *ret_resolv = take_ptr(resolv);
    }
    return r;
}

void network_recover(const struct engine *e, const char *build_id)
{
    struct net_request q = request_of(e, build_id, NULL);
    IGNORE(net_recover(&q, NULL) < 0); /* the next one tries again */
}
