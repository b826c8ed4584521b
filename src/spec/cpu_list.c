// SPDX-License-Identifier: Apache-2.0
#include "spec/cpu_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 65536 /* more CPUs than any kernel is built for */

struct range {
    long first, last;
};

static int parse_number(const char **text, long *ret)
{
    *ret = 0;
    if (!isdigit((unsigned char)**text)) {
        return -EINVAL;
    }
    while (isdigit((unsigned char)**text)) {
        *ret = *ret * 10 + (*(*text)++ - '0');
        if (*ret > NUMBER_MAX) {
            return -ERANGE;
        }
    }
    return 0;
}

/* One range, and the comma behind it: 1, or 0 at the end, or -errno. */
static int next_range(const char **text, struct range *ret)
{
    if (!**text) {
        return 0;
    }
    if (parse_number(text, &ret->first) < 0) {
        return -EINVAL;
    }
    ret->last = ret->first;
    if (**text == '-') {
        (*text)++;
        if (parse_number(text, &ret->last) < 0 || ret->last < ret->first) {
            return -EINVAL;
        }
    }
    if (**text == ',' && (*text)[1]) {
        (*text)++;
        return 1;
    }
    return **text ? -EINVAL : 1;
}

bool cpu_list_is_valid(const char *text)
{
    struct range range;
    int r = *text ? 1 : -EINVAL;
    while (r > 0) {
        r = next_range(&text, &range);
    }
    return r == 0;
}

static bool is_member(const char *whole, long number)
{
    struct range range;
    while (next_range(&whole, &range) > 0) {
        if (number >= range.first && number <= range.last) {
            return true;
        }
    }
    return false;
}

bool cpu_list_contains(const char *whole, const char *part)
{
    struct range range;
    while (next_range(&part, &range) > 0) {
        for (long n = range.first; n <= range.last; n++) {
            if (!is_member(whole, n)) {
                return false;
            }
        }
    }
    return true;
}
