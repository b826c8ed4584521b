// SPDX-License-Identifier: Apache-2.0
/* The little that needs no netlink: a device up or down by ioctl (man 7 netdevice). */
#pragma once

#include <stdbool.h>

/* Cuts the device off in this process' network namespace. False: there is none of this name; the
 * kernel has removed it with the namespace of its other end. */
bool net_device_down(const char *name);
/* Takes a device in that namespace down and its IPv4 address away: one that is made of a device of
 * the host's (macvlan, ipvlan) keeps another from having its addresses until the kernel has removed
 * the namespace, some time after its last user. The calling thread is there for a moment. */
void net_device_clear(int netns, const char *name);
