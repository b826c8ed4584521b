// SPDX-License-Identifier: Apache-2.0
/* The small texts of a request that others read too: restart policies, environment files. */
#include <ctype.h>
#include <string.h>

#include "spec/request.h"

int restart_policy_parse(const char *text, const char **ret_policy, int *ret_max,
                         struct error **err)
{
    static const char *const policies[] = {"no", "always", "unless-stopped", "on-failure"};
    const char *name = text && *text ? text : "no";
    size_t len = strcspn(name, ":");
    int64_t max = 0;
    *ret_max = 0;
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
        if (strlen(policies[i]) != len || memcmp(policies[i], name, len) != 0) {
            continue;
        }
        *ret_policy = policies[i];
        if (!name[len]) {
            return 0;
        }
        if (!str_equal(policies[i], "on-failure")) {
            return error_set(err, ERROR_USAGE, 0,
                             "restart policy '%s': only on-failure has a maximum", name);
        }
        if (str_to_i64(name + len + 1, 10, &max) < 0 || max < 0 || max > INT32_MAX) {
            return error_set(err, ERROR_USAGE, 0, "restart policy '%s': '%s' is not a count", name,
                             name + len + 1);
        }
        *ret_max = (int)max;
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0, "invalid restart policy: '%s'", name);
    return error_hint(err, r, "no, always, unless-stopped or on-failure[:MAX]");
}

static int take_line(char *line, int number, const char *name, char *(*lookup)(const char *),
                     struct strv *ret, struct error **err)
{
    size_t key = strcspn(line, "=");
    if (key == 0) {
        return error_set(err, ERROR_USAGE, 0, "'%s' line %d: no variable name", name, number);
    }
    for (size_t i = 0; i < key; i++) {
        if (isspace((unsigned char)line[i])) {
            return error_set(err, ERROR_USAGE, 0,
                             "'%s' line %d: variable '%.*s' contains whitespace", name, number,
                             (int)key, line);
        }
    }
    if (line[key]) {
        strv_add(ret, line);
        return 0;
    }
    const char *value = lookup ? lookup(line) : "";
    if (value) {
        strv_addf(ret, "%s=%s", line, value);
    }
    return 0;
}

int env_file_parse(const char *text, const char *name, char *(*lookup)(const char *),
                   struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv lines = {0};
    if (str_starts(text, "\xef\xbb\xbf")) {
        text += 3; /* a byte order mark */
    }
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        char *line = lines.items[i] + strspn(lines.items[i], " \t");
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\r') {
            line[len - 1] = '\0';
        }
        if (!*line || *line == '#') {
            continue;
        }
        int r = take_line(line, (int)i + 1, name, lookup, ret, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
