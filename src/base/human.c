// SPDX-License-Identifier: Apache-2.0
#include "base/human.h"

#include <time.h>

#include "base/file.h"
#include "base/options.h"
#include "base/str.h"

char *human_duration(int64_t seconds)
{
    int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600;
    if (seconds < 1) {
        return xstrdup("Less than a second");
    }
    if (seconds < 60) {
        return str_format("%lld second%s", (long long)seconds, seconds == 1 ? "" : "s");
    }
    if (minutes < 60) {
        return minutes == 1 ? xstrdup("About a minute")
                            : str_format("%lld minutes", (long long)minutes);
    }
    if (hours < 48) {
        return hours == 1 ? xstrdup("About an hour") : str_format("%lld hours", (long long)hours);
    }
    static const struct {
        int below_days, days;
        const char *name;
    } units[] = {{14, 1, "days"}, {60, 7, "weeks"}, {730, 30, "months"}, {0, 365, "years"}};
    int64_t days = hours / 24;
    size_t i = 0;
    while (units[i].below_days && days >= units[i].below_days) {
        i++;
    }
    return str_format("%lld %s", (long long)(days / units[i].days), units[i].name);
}

static char *scaled(int64_t bytes, double step, int digits, const char *const *units)
{
    double size = (double)bytes;
    size_t i = 0;
    while (size >= step && units[i + 1]) {
        size /= step;
        i++;
    }
    return str_format("%.*g%s", digits, size, units[i]);
}

char *human_size(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB", NULL};
    return scaled(bytes, 1000, bytes < 1000 ? 4 : 3, units);
}

char *human_binary_size(int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};
    return scaled(bytes, 1024, 4, units);
}

char *human_time(const char *rfc3339)
{
    struct timespec t;
    struct tm local;
    char text[64];
    if (time_parse(rfc3339, &t) < 0 || !localtime_r(&t.tv_sec, &local) ||
        !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &local)) {
        return xstrdup(rfc3339);
    }
    return xstrdup(text);
}

int64_t human_seconds_since(const char *rfc3339)
{
    struct timespec then, now;
    if (!rfc3339 || time_parse(rfc3339, &then) < 0) {
        return -1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t seconds = now.tv_sec - then.tv_sec - (now.tv_nsec < then.tv_nsec);
    return seconds < 0 ? 0 : seconds;
}

char *human_moment(const char *text)
{
    struct timespec t = {0};
    int64_t n = 0;
    char out[TIME_TEXT_BYTES];
    if (time_parse(text, &t) < 0) {
        if (str_to_i64(text, 10, &n) >= 0) {
            t.tv_sec = n;
        } else if (option_parse_duration_ms(text, &n) >= 0) {
            clock_gettime(CLOCK_REALTIME, &t);
            t.tv_sec -= n / 1000;
        } else {
            return NULL;
        }
    }
    time_text(&t, out);
    return xstrdup(out);
}
