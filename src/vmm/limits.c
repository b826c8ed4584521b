// SPDX-License-Identifier: Apache-2.0
#include "vmm/limits.h"

#include <errno.h>

#include "base/file.h"

int limits_open(struct limits *l, struct worker *worker, struct error **err)
{
    struct limiter *all[] = {&l->disk_read, &l->disk_write, &l->net_receive, &l->net_transmit};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(all); i++) {
        r = limiter_open(all[i], worker, err);
    }
    return r;
}

void limits_set(struct limits *l, const struct limit_values *values)
{
    limiter_set(&l->disk_read, &values->disk_read);
    limiter_set(&l->disk_write, &values->disk_write);
    limiter_set(&l->net_receive, &(struct limiter_rates){.bytes = values->net_receive_bytes});
    limiter_set(&l->net_transmit, &(struct limiter_rates){.bytes = values->net_transmit_bytes});
}

/* A number up to the separator or the end; *at is behind it. */
static int read_number(const char **at, const char *end, uint64_t *ret)
{
    const char *p = *at;
    *ret = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(*ret, 10u, ret) ||
            __builtin_add_overflow(*ret, (uint64_t)(*p - '0'), ret)) {
            return -EINVAL;
        }
    }
    if (p == *at || (p < end && *p != ' ')) {
        return -EINVAL;
    }
    *at = p < end ? p + 1 : p;
    return 0;
}

int limits_read(const char *text, size_t len, struct limit_values *ret)
{
    struct limit_values v;
    uint64_t *numbers[] = {&v.disk_read.bytes,   &v.disk_read.operations,
                           &v.disk_write.bytes,  &v.disk_write.operations,
                           &v.net_receive_bytes, &v.net_transmit_bytes};
    const char *at = text, *end = text + len;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (read_number(&at, end, numbers[i]) < 0) {
            return -EINVAL;
        }
    }
    if (at != end || (len > 0 && end[-1] == ' ')) {
        return -EINVAL;
    }
    *ret = v;
    return 0;
}
