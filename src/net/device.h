// SPDX-License-Identifier: Apache-2.0
/* The little that needs no netlink: a device up or down by ioctl (man 7 netdevice). */
#pragma once

#include <stdbool.h>

/* Cuts the device off in this process' network namespace. False: there is none of this name; the
 * kernel has removed it with the namespace of its other end. */
bool net_device_down(const char *name);
