// SPDX-License-Identifier: Apache-2.0
#include "compare/comparison.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/signals.h"
#include "net/settings.h"

/* --- what the host is ----------------------------------------------------------------------------
 */

static void describe_host(const struct comparison *c)
{
    CLEANUP(free) char *info = NULL;
    CLEANUP(free) char *load = NULL;
    CLEANUP(free) char *boot = NULL;
    struct utsname u = {0};
    char model[128] = "unknown";
    IGNORE(file_read(AT_FDCWD, "/proc/cpuinfo", 1 << 20, &info, NULL, NULL) < 0);
    IGNORE(file_read_line(AT_FDCWD, "/proc/loadavg", &load, NULL) < 0);
    IGNORE(file_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot, NULL) < 0);
    const char *at = info ? strstr(info, "model name\t: ") : NULL;
    if (at) {
        (void)sscanf(at, "model name\t: %127[^\n]", model);
    }
    (void)uname(&u); /* cannot fail with a valid address */
    json_t *host =
        json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:b}", "boot", str_or(boot, ""), "processor",
                  model, "processors", (int)sysconf(_SC_NPROCESSORS_ONLN), "memoryBytes",
                  (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "kernel", u.release,
                  "load", str_or(load, ""), "kvm", access("/dev/kvm", R_OK | W_OK) == 0);
    (void)json_object_set_new(c->doc, "host", host);
}

static void describe_asked(const struct comparison *c)
{
    json_t *counts = json_array();
    char text[TIME_TEXT_BYTES];
    for (size_t i = 0; i < c->count_count; i++) {
        (void)json_array_append_new(counts, json_integer(c->counts[i]));
    }
    time_now_text(text);
    json_t *settings = json_pack("{s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "repeat", c->repeat,
                                 "probeMs", c->probe_ms, "timeoutMs", c->timeout_ms, "readyPort",
                                 c->ready_port, "walls", json_from_strv(&c->walls), "counts",
                                 counts, "runOptions", json_from_strv(&c->run_options));
    if (c->ready_log) {
        (void)json_object_set_new(settings, "readyLog", json_string(c->ready_log));
    }
    if (!isnan(c->co2)) {
        (void)json_object_set_new(settings, "co2GramsPerKWh", json_real(c->co2));
        (void)json_object_set_new(settings, "co2Source", json_string(str_or(c->co2_source, "")));
    }
    (void)json_object_set_new(c->doc, "created", json_string(text));
    (void)json_object_set_new(c->doc, "command", json_from_strv(&c->command));
    (void)json_object_set_new(c->doc, "settings", settings);
    (void)json_object_set_new(c->doc, "image",
                              json_pack("{s:s, s:s, s:I}", "name", c->image_name, "id",
                                        c->image->id, "sizeBytes",
                                        (json_int_t)c->image->size_bytes));
}

/* --- what stands ready ---------------------------------------------------------------------------
 */

static void make_environment(struct comparison *c)
{
    strv_addf(&c->environment, "CLOISON_DATA_ROOT=%s", c->data_dir);
    strv_addf(&c->environment, "CLOISON_RUN_ROOT=%s", c->run_dir);
    strv_addf(&c->environment, "CLOISON_CONFIG=%s", c->config_path);
    strv_addf(&c->environment, "PATH=%s", str_or(getenv("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin"));
}

/* The image with our probe in it: a layer more, the same behind every wall, needing nothing of the
 * image, no shell, no library. */
static int make_probe_image(struct comparison *c, struct error **err)
{
    CLEANUP(free) char *name = str_format("cloison-compare-%s", c->tag);
    CLEANUP(free) char *where = str_format("%s:/.cloison-probe", name);
    CLEANUP(free) char *image = str_format("%s:probe", name);
    const char *const create[] = {"create", "--pull=never", "--network",       "none", "--name",
                                  name,     c->image_name,  "/.cloison-probe", NULL};
    const char *const copy[] = {"cp", "-q", c->probe, where, NULL};
    const char *const commit[] = {"commit", name, image, NULL};
    int r = engine_command(c, create, NULL, err);
    if (r < 0) {
        return r;
    }
    r = engine_command(c, copy, NULL, err);
    r = r < 0 ? r : engine_command(c, commit, NULL, err);
    if (r >= 0) {
        c->probe_image = take_ptr(image);
    }
    IGNORE(engine_command(c, (const char *[]){"rm", "-v", name, NULL}, NULL, NULL) < 0);
    return r < 0 ? error_wrap(err, r, "handing the probe in") : 0;
}

static bool has_wall(const struct comparison *c)
{
    return c->walls.count > 1 || !strv_contains(&c->walls, WALL_NATIVE);
}

/* Where the containers' default route leads, if there is a container; so that natively the same
 * server answers at the same address. */
static int server_listen(struct comparison *c, struct error **err)
{
    CLEANUP(net_settings) struct net_settings s = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    char text[NET_ADDRESS_BYTES] = "127.0.0.1";
    int on = 1, r = 0;
    if (has_wall(c)) {
        r = net_settings_load(c->config_path, &s, err);
        if (r < 0) {
            return r;
        }
        net_address_text(&s.bridge->pools[NET_IPV4].gateway, text);
    }
    (void)inet_pton(AF_INET, text, &a.sin_addr); /* of our own making */
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&a, len) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        return error_set_errno(err, ERROR_NETWORK, errno, "listening on %s", text);
    }
    c->server_address = xstrdup(text);
    c->server_port = ntohs(a.sin_port);
    return take_fd(&fd);
}

static int start_server(struct comparison *c, struct error **err)
{
    CLEANUP(fd) int fd = server_listen(c, err);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(free) char *number = str_format("%d", fd);
    c->server = fork();
    if (c->server < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "starting a process");
    }
    if (c->server == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setpgid(0, 0); /* ^C is not for it */
        (void)fcntl(fd, F_SETFD, 0);
        (void)execl(c->probe, "cloison-probe", "serve", number, NULL);
        _exit(127);
    }
    return 0;
}

int comparison_prepare(struct comparison *c, struct error **err)
{
    c->doc = document_new();
    c->scratch_lock = -1;
    c->tag = random_hex(4);
    c->probe = program_path("cloison-probe");
    make_environment(c);
    signals_hold(&c->held, &c->before);
    int r = image_ensure(c->data_dir, c->config_path, c->image_name, "missing", NULL, false,
                         &c->image, err);
    r = r < 0 ? r : take_scratch(c, err);
    if (r < 0) {
        return r;
    }
    /* The store's lock is for the engine's commands, some of which want it for themselves. */
    c->image->lock_fd = fd_close(c->image->lock_fd);
    describe_host(c);
    describe_asked(c);
    r = has_wall(c) ? make_probe_image(c, err) : 0;
    return r < 0 ? r : start_server(c, err);
}

/* --- measuring -----------------------------------------------------------------------------------
 */

#define BAR 20

void comparison_progress(struct comparison *c, const char *wall, const char *what)
{
    struct progress *p = &c->progress;
    if (!p->shown) {
        return;
    }
    int filled = p->total > 0 ? BAR * p->done / p->total : 0;
    fprintf(stderr, "\r[%.*s%.*s] %3d %%  %s, %s\033[K", filled, "####################",
            BAR - filled, "....................", p->total > 0 ? 100 * p->done / p->total : 0, wall,
            what);
}

bool comparison_has_failed(const struct comparison *c, const char *wall)
{
    return json_is_true(
        json_object_get(json_object_get(json_object_get(c->doc, "walls"), wall), "failed"));
}

/* What is done once in each round behind each wall. */
struct measure {
    const char *what;
    int (*take)(struct comparison *c, const char *wall, int round, struct error **err);
};

#define MEASURES_MAX 4

static size_t choose_measures(const struct comparison *c, struct measure ret[MEASURES_MAX])
{
    size_t n = 0;
    ret[n++] = (struct measure){"start and probes", measure_probes};
    ret[n++] = (struct measure){"cold start", measure_cold};
    if (c->ready_port || c->ready_log) {
        ret[n++] = (struct measure){"until ready", measure_ready};
        ret[n++] = (struct measure){"until ready, cold", measure_ready_cold};
    } else if (c->command.count > 0) {
        ret[n++] = (struct measure){"your command", measure_own};
    }
    return n;
}

static int measure_round(struct comparison *c, int round, struct error **err)
{
    struct measure measures[MEASURES_MAX];
    size_t n = choose_measures(c, measures);
    for (size_t m = 0; m < n; m++) {
        for (size_t i = 0; i < c->walls.count; i++) {
            const char *wall = c->walls.items[(i + (size_t)round) % c->walls.count];
            if (comparison_has_failed(c, wall)) {
                continue;
            }
            CLEANUP(free)
            char *what = str_format("round %d of %d: %s", round + 1, c->repeat, measures[m].what);
            comparison_progress(c, wall, what);
            int r = measures[m].take(c, wall, round, err);
            if (r < 0) {
                return r;
            }
            c->progress.done++;
        }
    }
    return 0;
}

/* The first run behind each wall: not counted, since it makes what is made once. A wall that cannot
 * do this is left out, with its reason in the document. */
static int try_walls(struct comparison *c, struct error **err)
{
    for (size_t i = 0; i < c->walls.count; i++) {
        const char *wall = c->walls.items[i];
        comparison_progress(c, wall, "first run");
        json_t *w = document_part(c->doc, "walls", wall);
        int r = measure_facts(c, wall, err);
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            (void)json_object_set_new(w, "failed", json_true());
        }
        c->progress.done++;
    }
    return 0;
}

static int measure_rounds(struct comparison *c, struct error **err)
{
    int r = try_walls(c, err);
    for (int i = 0; i < c->repeat && r >= 0; i++) {
        r = measure_round(c, i, err);
    }
    return r;
}

int comparison_measure(struct comparison *c, struct error **err)
{
    struct measure measures[MEASURES_MAX];
    c->progress.total = (int)c->walls.count * (2 + c->repeat * (int)choose_measures(c, measures));
    int r = measure_rounds(c, err);
    for (size_t i = 0; i < c->walls.count && r >= 0; i++) {
        if (!comparison_has_failed(c, c->walls.items[i])) {
            r = measure_memory(c, c->walls.items[i], err);
        }
        c->progress.done++;
    }
    if (c->progress.shown) {
        fputs("\r\033[K", stderr);
    }
    (void)json_object_set_new(c->doc, "interrupted", json_boolean(r == -EINTR));
    document_sum_up(c->doc);
    return r;
}

/* --- the end -------------------------------------------------------------------------------------
 */

void forget_probe_image(struct comparison *c, const char *image)
{
    IGNORE(engine_command(c, (const char *[]){"rmi", "-f", image, NULL}, NULL, NULL) < 0);
}

void comparison_done(struct comparison *c)
{
    if (c->probe_image) {
        forget_probe_image(c, c->probe_image);
    }
    if (c->server > 0) {
        (void)kill(c->server, SIGKILL);
        while (waitpid(c->server, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (c->scratch) {
        IGNORE(remove_tree(AT_FDCWD, c->scratch, NULL) < 0);
        fd_close(c->scratch_lock);
    }
    image_free(c->image);
    json_decref(c->doc);
    strv_done(&c->environment);
    strv_done(&c->command);
    strv_done(&c->run_options);
    strv_done(&c->walls);
    char *const texts[] = {c->tag, c->probe, c->probe_image, c->scratch, c->server_address};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        free(texts[i]);
    }
}
