// SPDX-License-Identifier: Apache-2.0
/* From the kernel's hand-over to a system in which a workload can be made: modules, file systems, a
 * root that can be pivoted away from, and the devices that the host announced.
 *
 * Once, by the machine's first process, in this order: boot_modules(), boot_root(), then the
 * finders. Side effects: everything. Spec: Linux filesystems/ramfs-rootfs-initramfs.rst. */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* Loads /modules/order, with the kernel's file systems of knowledge mounted. */
int boot_modules(struct error **err) NODISCARD;
/* Makes a tmpfs the root, with /proc, /sys, /dev, /run, /tmp and cgroup v2: the initramfs itself
 * cannot be pivoted away from. What it held is removed, for its memory. */
int boot_root(struct error **err) NODISCARD;

/* Waits, for a while, until the kernel has the port of this name; opens it. Returns the fd. */
int boot_open_port(const char *name, struct error **err) NODISCARD;
/* … the disk of this serial; gives "/dev/vda". The caller frees it. */
int boot_find_disk(const char *serial, char **ret, struct error **err) NODISCARD;
