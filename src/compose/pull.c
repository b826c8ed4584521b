// SPDX-License-Identifier: Apache-2.0
#include "compose/pull.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"

#define DAY_S (24 * 3600)
#define SECONDS_MAX (100ll * 365 * DAY_S)

/* "1w2d12h": seconds, or -1. */
static int64_t parse_interval(const char *text)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'w', 7 * DAY_S}, {'d', DAY_S}, {'h', 3600}, {'m', 60}, {'s', 1}};
    int64_t sum = 0;
    if (!*text) {
        return -1;
    }
    while (*text) {
        size_t digits = strspn(text, "0123456789");
        CLEANUP(free) char *number = xstrndup(text, digits);
        int64_t n = 0, of = 0;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
            of = text[digits] == units[i].unit ? units[i].seconds : of;
        }
        if (digits == 0 || of == 0 || str_to_i64(number, 10, &n) < 0 || n > SECONDS_MAX / of) {
            return -1;
        }
        sum += n * of;
        text += digits + 1;
    }
    return sum <= SECONDS_MAX ? sum : -1;
}

/* Of those that depend on the time; else -1. */
static int64_t interval_of(const char *policy)
{
    return str_equal(policy, "daily")     ? DAY_S
           : str_equal(policy, "weekly")  ? 7 * DAY_S
           : str_starts(policy, "every_") ? parse_interval(policy + strlen("every_"))
                                          : -1;
}

bool pull_policy_is_known(const char *policy)
{
    static const char *const plain[] = {"always", "never", "missing", "if_not_present", "build"};
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        if (str_equal(policy, plain[i])) {
            return true;
        }
    }
    return interval_of(policy) >= 0;
}

static char *note_path(const struct engine *e, const char *image)
{
    char *path = str_format("%s/compose-pulls/%s", e->data_dir, image);
    for (char *at = path + strlen(e->data_dir) + strlen("/compose-pulls/"); *at; at++) {
        *at = *at == '/' ? '%' : *at;
    }
    return path;
}

const char *pull_policy_now(const struct engine *e, const char *image, const char *policy)
{
    int64_t interval = policy ? interval_of(policy) : -1;
    CLEANUP(free) char *path = note_path(e, image);
    struct stat st;
    if (interval < 0) {
        return str_equal(policy, "always")  ? "always"
               : str_equal(policy, "never") ? "never"
                                            : "missing";
    }
    bool fresh = stat(path, &st) == 0 && time(NULL) - st.st_mtime < interval;
    return fresh ? "missing" : "always";
}

void pull_note(const struct engine *e, const char *image)
{
    CLEANUP(free) char *path = note_path(e, image);
    CLEANUP(free) char *folder = str_format("%s/compose-pulls", e->data_dir);
    IGNORE(mkdir_all(folder, 0700, NULL) < 0 ||
           file_write_atomic(AT_FDCWD, path, "", 0, 0600, FILE_NO_SYNC, NULL) <
               0); /* asked again */
}
