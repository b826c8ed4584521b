// SPDX-License-Identifier: Apache-2.0
/* The user's own command: to its end, or until it is ready. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "compare/comparison.h"

static const struct criterion own_time = {"own-time", "Your command: time", "ms", false};
static const struct criterion own_cpu = {"own-cpu", "Your command: processor time of the host",
                                         "ms", false};
static const struct criterion own_peak = {"own-peak", "Your command: peak memory, largest process",
                                          "MiB", false};
static const struct criterion own_energy = {"own-energy", "Your command: energy of the processors",
                                            "J", false};
static const struct criterion own_co2 = {"own-co2", "Your command: CO2, estimated", "mg", false};
static const struct criterion ready_time = {"ready", "Start to ready, warm", "ms", false};
static const struct criterion ready_cold = {"ready-cold", "Start to ready, cold", "ms", false};

/* A counter that went round meanwhile gives nothing. */
static void add_energy(struct comparison *c, const char *wall, const char *command, int round,
                       double joules)
{
    if (!(joules > 0)) {
        return;
    }
    document_add(c->doc, &own_energy, wall, command, round, joules);
    if (!isnan(c->co2)) { /* grams a kWh are milligrams a 3600 J */
        document_add(c->doc, &own_co2, wall, command, round, joules / 3600 * c->co2);
    }
}

static struct wall_run own_run(const struct comparison *c, bool detached)
{
    return (struct wall_run){.image = c->image_name,
                             .arguments = (const char *const *)c->command.items,
                             .detached = detached,
                             .native_in_image = true};
}

static int not_begun(struct comparison *c, const char *wall, const char *what, struct error *mine)
{
    document_fail(c->doc, wall, what, mine->message);
    error_free(mine);
    return 0;
}

int measure_own(struct comparison *c, const char *wall, int round, struct error **err)
{
    const struct wall_run run = own_run(c, false);
    CLEANUP(free) char *name = NULL;
    CLEANUP(free) char *command = NULL;
    struct launch l = {0};
    struct error *mine = NULL;
    double before = energy_joules(ENERGY_ROOT);
    int r = wall_begin(c, wall, &run, &l, &name, &command, &mine);
    if (r < 0) {
        return not_begun(c, wall, "your command", mine);
    }
    r = launch_wait(&l, LAUNCH_ENDED, c->timeout_ms, &c->held);
    double joules = energy_joules(ENERGY_ROOT) - before;
    wall_end(c, &l, name);
    const struct launch_report *end = &l.report[LAUNCH_ENDED];
    if (r == -ETIMEDOUT) {
        document_fail(c->doc, wall, "your command", "it took longer than --timeout allows");
    } else if (r != -EINTR && end->status != 0) {
        CLEANUP(free) char *why = launch_failure(&l);
        document_fail(c->doc, wall, "your command", why);
    } else if (r != -EINTR) {
        document_add(c->doc, &own_time, wall, command, round,
                     (double)l.report[LAUNCH_STARTED].ns / 1e6);
        document_add(c->doc, &own_cpu, wall, command, round, (double)end->cpu_us / 1e3);
        document_add(c->doc, &own_peak, wall, command, round, (double)end->peak_kib / 1024);
        add_energy(c, wall, command, round, joules);
    }
    launch_done(&l);
    return r == -EINTR ? error_set(err, ERROR_INTERNAL, EINTR, "interrupted") : 0;
}

/* --- ready ---------------------------------------------------------------------------------------
 */

#define ATTEMPT_MS 20 /* a machine that is not up yet answers nothing; then try anew */

static bool answers(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        return false;
    }
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
        return true;
    }
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t len = sizeof(code);
    return errno == EINPROGRESS && poll(&p, 1, ATTEMPT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0 && code == 0;
}

static int wait_port(struct comparison *c, struct launch *l, const char *wall, const char *name,
                     int64_t *ret_ns)
{
    CLEANUP(free) char *address = NULL;
    int64_t end = clock_ns() + (int64_t)c->timeout_ms * 1000000;
    if (!str_equal(wall, WALL_NATIVE)) {
        int r = launch_wait(l, LAUNCH_STARTED, c->timeout_ms, &c->held);
        if (r <= 0 || l->report[LAUNCH_STARTED].status != 0) {
            return r < 0 ? r : 0;
        }
        const char *const inspect[] = {"inspect", "--format", "{{.NetworkSettings.IPAddress}}",
                                       name, NULL};
        if (engine_command(c, inspect, &address, NULL) < 0) {
            return 0;
        }
    }
    while (!answers(str_or(address, "127.0.0.1"), c->ready_port)) {
        int r = launch_wait(l, LAUNCH_ENDED, 1, &c->held);
        if (r != -ETIMEDOUT) {
            return r < 0 ? r : 0;
        }
        if (clock_ns() > end) {
            return -ETIMEDOUT;
        }
    }
    *ret_ns = clock_ns();
    return 1;
}

/* The watcher tells its clock with each report; natively none may have come yet. */
static int64_t begin_of(const struct launch *l, int64_t otherwise)
{
    for (int i = 0; i < LAUNCH_EVENTS; i++) {
        if (l->report[i].ns >= 0) {
            return l->report[i].begin_ns;
        }
    }
    return otherwise;
}

int wait_ready(struct comparison *c, struct launch *l, const char *wall, const char *name,
               int64_t *ret_ns)
{
    int64_t here = clock_ns();
    if (c->ready_port) {
        int r = wait_port(c, l, wall, name, ret_ns);
        *ret_ns -= begin_of(l, here);
        return r;
    }
    int r = launch_wait(l, LAUNCH_READY, c->timeout_ms, &c->held);
    *ret_ns = l->report[LAUNCH_READY].ns;
    return r;
}

static void ready_failed(struct comparison *c, const char *wall, const struct launch *l, int r)
{
    CLEANUP(free) char *why = launch_failure(l);
    CLEANUP(free)
    char *text = r == -ETIMEDOUT ? xstrdup("it was not ready before --timeout")
                                 : str_format("it ended before it was ready: %s", why);
    document_fail(c->doc, wall, "your command's readiness", text);
}

static int ready_once(struct comparison *c, const struct criterion *criterion, const char *wall,
                      int round, struct error **err)
{
    struct wall_run run = own_run(c, c->ready_port != 0);
    CLEANUP(free) char *name = NULL;
    CLEANUP(free) char *command = NULL;
    struct launch l = {0};
    struct error *mine = NULL;
    int64_t ns = 0;
    run.ready_log = c->ready_log;
    if (c->ready_port && str_equal(wall, WALL_NATIVE) && answers("127.0.0.1", c->ready_port)) {
        document_fail(c->doc, wall, "your command's readiness",
                      "something else on this host answers on that port already");
        return 0;
    }
    int r = wall_begin(c, wall, &run, &l, &name, &command, &mine);
    if (r < 0) {
        return not_begun(c, wall, "your command's readiness", mine);
    }
    r = wait_ready(c, &l, wall, name, &ns);
    wall_end(c, &l, name);
    if (r == 1) {
        document_add(c->doc, criterion, wall, command, round, (double)ns / 1e6);
    } else if (r != -EINTR) {
        ready_failed(c, wall, &l, r);
    }
    launch_done(&l);
    return r == -EINTR ? error_set(err, ERROR_INTERNAL, EINTR, "interrupted") : 0;
}

int measure_ready(struct comparison *c, const char *wall, int round, struct error **err)
{
    return ready_once(c, &ready_time, wall, round, err);
}

int measure_ready_cold(struct comparison *c, const char *wall, int round, struct error **err)
{
    drop_caches(c);
    return ready_once(c, &ready_cold, wall, round, err);
}
