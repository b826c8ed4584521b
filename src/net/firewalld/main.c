// SPDX-License-Identifier: Apache-2.0
/* cloison-firewalld add|remove DEVICE: puts a bridge of ours into firewalld's zone `trusted`, as
 * Docker puts its own into one of the same effect: what firewalld would drop of a container's is
 * then for our table to decide. A device that somebody has put into another zone stays there.
 * Executed by cloison-net where firewalld's table is; alone links libsystemd for it. Silent when
 * all went well; else one JSON object on standard output (net/helper.h) and exit 1. Side effect:
 * that zone, until firewalld is reloaded or started anew. Spec: man 5 firewalld.dbus. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/error_json.h"
#include "base/str.h"

#define SERVICE "org.fedoraproject.FirewallD1"
#define PATH "/org/fedoraproject/FirewallD1"
#define ZONE "trusted"
#define PATIENCE_US 10000000 /* a reload takes firewalld some seconds */

struct bus_error {
    sd_bus_error e;
};
static void bus_error_cleanup(struct bus_error *e)
{
    sd_bus_error_free(&e->e);
}
DEFINE_CLEANUP(bus, sd_bus *, sd_bus_flush_close_unref)

/* Its errors begin with a word. These say that nothing is to be done. */
static bool is_well(const char *message)
{
    static const char *const words[] = {"ALREADY_ENABLED", "ZONE_ALREADY_SET", "ZONE_CONFLICT",
                                        "UNKNOWN_INTERFACE", "NOT_ENABLED"};
    for (size_t i = 0; message && i < ARRAY_SIZE(words); i++) {
        if (str_starts(message, words[i])) {
            return true;
        }
    }
    return false;
}

static int ask(const char *method, const char *device, struct error **err)
{
    CLEANUP(bus) sd_bus *bus = NULL;
    CLEANUP(bus_error) struct bus_error e = {SD_BUS_ERROR_NULL};
    int r = sd_bus_open_system(&bus);
    if (r < 0) {
        return error_set_errno(err, ERROR_UNSUPPORTED, -r, "connecting to the system bus");
    }
    (void)sd_bus_set_method_call_timeout(bus, PATIENCE_US);
    r = sd_bus_call_method(bus, SERVICE, PATH, SERVICE ".zone", method, &e.e, NULL, "ss", ZONE,
                           device);
    if (r >= 0 || is_well(e.e.message)) {
        return 0;
    }
    return error_set(err, ERROR_KERNEL, -r, "firewalld: %s '%s', zone '%s': %s", method, device,
                     ZONE, str_or(e.e.message, strerror(-r)));
}

int main(int argc, char **argv)
{
    CLEANUP(error) struct error *err = NULL;
    bool add = argc == 3 && str_equal(argv[1], "add");
    bool remove = argc == 3 && str_equal(argv[1], "remove");
    int r = add || remove ? ask(add ? "addInterface" : "removeInterface", argv[2], &err)
                          : error_set(&err, ERROR_USAGE, EINVAL,
                                      "usage: cloison-firewalld add|remove DEVICE; this program is "
                                      "cloison's own, as its source tells");
    if (r < 0) {
        json_t *answer = error_to_json(err);
        IGNORE(json_dumpf(answer, stdout, JSON_COMPACT) < 0 || fflush(stdout) != 0);
        json_decref(answer);
    }
    return r < 0;
}
