// SPDX-License-Identifier: Apache-2.0
/* Durations, sizes and times as Docker words them in lists. Pure, but for human_time()'s look at
 * the local time zone. The caller frees. */
#pragma once

#include <stdint.h>

/* "Less than a second", "5 seconds", "About a minute", "3 hours", "2 weeks". */
char *human_duration(int64_t seconds);

/* "0B", "4.86MB": powers of 1000, three digits. */
char *human_size(int64_t bytes);

/* "1.5GiB": powers of 1024, four digits. */
char *human_binary_size(int64_t bytes);

/* RFC 3339 as lists show it: "2026-01-02 15:04:05 +0100 CET"; the text itself when it is not one.
 */
char *human_time(const char *rfc3339);

/* A point in time as filters take it: RFC 3339, seconds since the epoch, or how long before now
 * ("24h"), as RFC 3339. NULL when it is none. */
char *human_moment(const char *text);

/* Seconds since an RFC 3339 time, never negative; -1 when it is not one. */
int64_t human_seconds_since(const char *rfc3339);
