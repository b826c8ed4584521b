// SPDX-License-Identifier: Apache-2.0
#include "net/proxy.h"

#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/spawn.h"

#define PROXY_FD 3

int net_proxy_start(const char *run_dir, const char *id, int container_port, int fd_take,
                    struct error **err)
{
    CLEANUP(fd) int fd = fd_take;
    CLEANUP(json) json_t *json = net_attachment_load(run_dir, id);
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    char port[16], addresses[NET_FAMILIES][NET_ADDRESS_BYTES] = {"", ""};
    int r = json ? net_attachment_from_json(json, &a, err)
                 : error_set(err, ERROR_NOT_FOUND, 0, "no network is attached");
    if (r < 0) {
        return r;
    }
    for (int f = 0; f < NET_FAMILIES; f++) {
        const struct net_endpoint *e = net_attachment_entry(a, f);
        if (e) {
            net_address_text(&e->addresses[f], addresses[f]);
        }
    }
    (void)snprintf(port, sizeof(port), "%d", container_port);
    const char *const arguments[] = {port, addresses[NET_IPV6], addresses[NET_IPV4], NULL};
    const struct spawn_fd fds[] = {{fd, PROXY_FD}};
    pid_t pid = 0;
    return program_spawn("cloison-proxy", arguments, fds, 1, &pid, err);
}
