// SPDX-License-Identifier: Apache-2.0
/* The machine's rate limits: of all its disks together and of its network card, each way.
 *
 * limits_open() with the machine; devices borrow the limiters; limits_set() from the worker.
 * limits_read() understands the line that the control socket brings: six numbers in the order of
 * struct limit_values, separated by single spaces. Pure. */
#pragma once

#include "vmm/devices/limiter.h"

struct limit_values { /* a second; 0: no limit */
    struct limiter_rates disk_read, disk_write;
    uint64_t net_receive_bytes, net_transmit_bytes; /* as the guest sees it */
};

struct limits {
    struct limiter disk_read, disk_write, net_receive, net_transmit;
};

#define LIMITS_TEXT_MAX 160 /* six numbers of at most 20 digits, and spaces */

int limits_open(struct limits *l, struct worker *worker, struct error **err) NODISCARD;
void limits_set(struct limits *l, const struct limit_values *values);
/* 0 or -EINVAL. */
int limits_read(const char *text, size_t len, struct limit_values *ret) NODISCARD;
