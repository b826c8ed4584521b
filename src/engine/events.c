// SPDX-License-Identifier: Apache-2.0
#include "engine/events.h"

#include <fcntl.h>
#include <string.h>

static char *event_line(const struct container *c, const char *action, int exit_code)
{
    char when[TIME_TEXT_BYTES];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    time_text(&now, when);
    CLEANUP(json)
    json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "time", when, "action", action, "id", c->id,
                             "name", c->name, "image", c->image);
    if (json && str_equal(action, "die")) {
        json_object_set_new(json, "exitCode", json_integer(exit_code));
    }
    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

void event_write(const struct engine *e, const struct container *c, const char *action,
                 int exit_code)
{
    CLEANUP(free) char *path = str_format("%s/events.jsonl", e->run_dir);
    CLEANUP(free) char *text = event_line(c, action, exit_code);
    CLEANUP(free) char *line = str_format("%s\n", str_or(text, "{}"));
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    if (fd < 0 || write_all(fd, line, strlen(line)) < 0 || fstat(fd, &st) < 0 ||
        st.st_size < EVENTS_BYTES_MAX) {
        return;
    }
    CLEANUP(free) char *old = str_format("%s.1", path);
    (void)rename(path, old); /* two at once rename the same file: the second finds it small */
}
