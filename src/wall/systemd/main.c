// SPDX-License-Identifier: Apache-2.0
/* cloison-systemd: the one program that links libsystemd. Executed by wall/container/scope.c, not
 * meant for people; what it is told and answers is in wall/systemd/protocol.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/error_json.h"
#include "base/json.h"
#include "base/str.h"
#include "wall/systemd/bus.h"
#include "wall/systemd/protocol.h"

static const struct {
    const char *name;
    int (*run)(sd_bus *bus, const json_t *request, struct error **err);
} verbs[] = {
    {"start", scope_bus_start},
    {"set", scope_bus_set},
    {"stop", scope_bus_stop},
};

static int run(sd_bus **bus, const json_t *request, struct error **err)
{
    const char *verb = json_string_value(json_object_get(request, "verb"));
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (str_equal(verb, verbs[i].name)) {
            int r = *bus ? 0 : systemd_bus_open(bus, err);
            return r < 0 ? r : verbs[i].run(*bus, request, err);
        }
    }
    return error_set(err, ERROR_INTERNAL, 0, "%s knows no verb '%s'", SYSTEMD_PROGRAM,
                     str_or(verb, ""));
}

static int answer(sd_bus **bus, const char *text, size_t len)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *request = NULL;
    int r = json_parse(text, len, "request", &request, &err);
    r = r < 0 ? r : run(bus, request, &err);
    CLEANUP(json) json_t *said = r < 0 ? error_to_json(err) : json_object();
    CLEANUP(free) char *line = said ? json_dumps(said, JSON_COMPACT) : NULL;
    return line && send(0, line, strlen(line), MSG_NOSIGNAL) >= 0 ? 0 : -1;
}

int main(void)
{
    static char text[SYSTEMD_MESSAGE_MAX];
    sd_bus *bus = NULL;
    size_t seed = 1;
    (void)getrandom(&seed, sizeof(seed), 0); /* jansson would open /dev/urandom for its tables */
    json_object_seed(seed | 1);
    for (;;) {
        ssize_t n = recv(0, text, sizeof(text), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == ENOTSOCK) {
            (void)fprintf(stderr, "%s is executed by cloison, not by hand\n", SYSTEMD_PROGRAM);
            return 125;
        }
        if (n <= 0 || answer(&bus, text, (size_t)n) < 0) {
            break;
        }
    }
    sd_bus_flush_close_unref(bus);
    return 0;
}
