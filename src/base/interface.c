// SPDX-License-Identifier: Apache-2.0
#include "base/interface.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

struct ifreq interface_request(const char *name)
{
    struct ifreq r = {0};
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    return r;
}

void interface_mac(const struct ifreq *r, char ret[INTERFACE_MAC_BYTES])
{
    const uint8_t *m = (const uint8_t *)r->ifr_hwaddr.sa_data;
    (void)snprintf(ret, INTERFACE_MAC_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
                   m[3], m[4], m[5]);
}

int interface_call(int sock, unsigned long number, void *argument, const char *what,
                   struct error **err)
{
    return ioctl(sock, number, argument) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "the machine's network: %s", what)
               : 0;
}

int interface_set_up(int sock, const char *name, bool up, struct error **err)
{
    struct ifreq r = interface_request(name);
    r.ifr_flags = up ? IFF_UP : 0;
    return interface_call(sock, SIOCSIFFLAGS, &r, up ? "bringing it up" : "taking it down", err);
}
