// SPDX-License-Identifier: Apache-2.0
/* wall-run: runs an OCI bundle through the container wall, without the engine: for the tests of the
 * wall. The program's end is wall-run's; errors are printed as the engine does.
 *
 *     wall-run [options] BUNDLE
 *         --id ID             (wall-run-<pid>)
 *         --explain, --json   print the plan and end
 *         --layers A:B        an overlay of these folders instead of root.path
 *         --upper U --work W  its writable part
 *         --idmap             id-map a root folder
 *         --exec FILE         when it runs, also this process.json; its end is wall-run's
 *         --remote            start from another process
 *         --systemd-cgroup    the systemd cgroup driver
 *         --update FILE       when it runs, update it with this resources object, then start --exec
 *         --delete            delete what an earlier one left, by its ID
 *         --no-pivot, --timing, --preserve N, --show-state */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/wall.h"

struct arguments {
    const char *id, *bundle, *upper, *work, *exec, *update;
    struct strv layers;
    bool explain, json, idmap, remote, no_pivot, timing, show_state, delete, systemd_cgroup;
    int preserve;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tell_phase(void *context, const char *phase)
{
    int64_t *begun = context;
    fprintf(stderr, "%6lld us %s\n", (long long)(now_us() - *begun), phase);
}

/* Copies what the terminal says to standard output, in a process of its own. */
static void show_console(void *context, int master)
{
    (void)context;
    if (fork() == 0) {
        char buffer[4096];
        ssize_t n;
        while ((n = read(master, buffer, sizeof(buffer))) > 0 &&
               write_all(1, buffer, (size_t)n) >= 0) {
        }
        _exit(0);
    }
    fd_close(master);
}

static int await(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 125;
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int start(const struct arguments *a, struct workload *w, const char *state_dir,
                 struct error **err)
{
    if (!a->remote) {
        return wall_container.start(w, err);
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct workload *other;
        int r = wall_container.open(state_dir, &other, err);
        if (r >= 0) {
            r = wall_container.start(other, err);
            wall_container.close(other);
        }
        if (r < 0) {
            error_print(*err, stderr);
        }
        _exit(r < 0 ? error_exit_status(*err) : 0);
    }
    int status = await(pid);
    return status ? error_set(err, ERROR_INTERNAL, 0, "the other process said %d", status) : 0;
}

static int run_exec(const struct arguments *a, struct workload *w, struct error **err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(json) json_t *o = NULL;
    struct spec_process process = {0};
    int r = json_load_path(AT_FDCWD, a->exec, 1 << 20, &o, err);
    if (r >= 0) {
        r = spec_parse_process(arena, o, a->exec, &process, err);
    }
    if (r < 0) {
        return r;
    }
    struct wall_exec exec = {.process = &process, .io = {0, 1, 2}, .console = show_console};
    pid_t pid = 0;
    r = wall_container.exec(w, &exec, &pid, err);
    return r < 0 ? r : await(pid);
}

static int update(const struct arguments *a, struct workload *w, struct error **err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(json) json_t *o = NULL;
    struct spec_resources resources = {0};
    int r = json_load_path(AT_FDCWD, a->update, 1 << 20, &o, err);
    if (r >= 0) {
        r = spec_parse_resources(arena, o, a->update, &resources, err);
    }
    return r < 0 ? r : wall_container.update(w, &resources, err);
}

static const char *state_name(enum wall_state s)
{
    static const char *const names[] = {"created", "running", "paused", "stopped"};
    return names[s];
}

/* The exit status, or a negative errno. */
static int live(const struct arguments *a, struct plan *plan, const char *state_dir,
                struct error **err)
{
    int64_t begun = now_us();
    struct wall_callbacks callbacks = {
        .context = &begun, .console = show_console, .timing = a->timing ? tell_phase : NULL};
    struct wall_io io = {0, 1, 2};
    struct workload *w = NULL;
    int r = wall_container.create(plan, &io, &callbacks, &w, err);
    if (r < 0) {
        return r;
    }
    pid_t pid = wall_container.pid(w);
    if (a->show_state) {
        fprintf(stderr, "state: %s\n", state_name(wall_container.state(w)));
    }
    int status = start(a, w, state_dir, err);
    if (a->timing) {
        tell_phase(&begun, "exec");
    }
    if (a->show_state) {
        fprintf(stderr, "state: %s\n", state_name(wall_container.state(w)));
    }
    if (status >= 0 && a->update) {
        r = update(a, w, err);
        status = r < 0 ? r : status;
    }
    if (status < 0 || a->exec) {
        status = status < 0 ? status : run_exec(a, w, err);
        (void)kill(pid, SIGKILL); /* its own end does not matter */
        (void)await(pid);
    } else {
        int ended = await(pid);
        status = status < 0 ? status : ended;
    }
    if (a->timing) {
        tell_phase(&begun, "end");
    }
    struct error *second = NULL;
    r = wall_container.delete(w, status < 0 ? &second : err);
    error_free(second);
    if (a->timing) {
        tell_phase(&begun, "delete");
    }
    return r < 0 && status >= 0 ? r : status;
}

static int run(const struct arguments *a, struct error **err)
{
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(fd) int bundle = open_file(AT_FDCWD, a->bundle, O_PATH | O_DIRECTORY, 0, err);
    int r = bundle < 0 ? bundle : spec_load_path(bundle, "config.json", &spec, err);
    if (r >= 0) {
        r = spec_validate(spec, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *state_dir = str_format("/run/cloison-wall-run/%s", a->id);
    CLEANUP(free) char *path = realpath(a->bundle, NULL);
    struct wall_params params = {
        .id = a->id,
        .spec = spec,
        .bundle = path,
        .state_dir = state_dir,
        .cache_dir = "/run/cloison-wall-run",
        .rootfs = {.path = a->layers.count ? NULL : spec->root_path,
                   .layers = (const char *const *)a->layers.items,
                   .layer_count = a->layers.count,
                   .upper = a->upper,
                   .work = a->work,
                   .is_volatile = a->upper,
                   .idmap = a->idmap},
        .systemd_cgroup = a->systemd_cgroup,
        .no_pivot = a->no_pivot,
        .remote_start = a->remote,
        .preserve_fd_count = a->preserve,
    };
    struct plan *plan = NULL;
    r = wall_container.plan(&params, &plan, err);
    if (r < 0) {
        return r;
    }
    if (a->explain) {
        CLEANUP(strbuf) struct strbuf text = {0};
        r = wall_container.describe(plan, a->json ? WALL_JSON : WALL_TEXT, &text, err);
        fputs(str_or(text.data, ""), stdout);
    } else if ((r = mkdir_all(state_dir, 0700, err)) >= 0) {
        r = live(a, plan, state_dir, err);
        (void)rmdir(state_dir); /* not empty: the tests see it */
    }
    wall_container.plan_free(plan);
    return r;
}

static int delete_left(const struct arguments *a, struct error **err)
{
    CLEANUP(free) char *state_dir = str_format("/run/cloison-wall-run/%s", a->id);
    struct workload *w = NULL;
    int r = wall_container.open(state_dir, &w, err);
    if (r < 0) {
        return r;
    }
    r = wall_container.delete(w, err);
    return r < 0 ? r : remove_tree(AT_FDCWD, state_dir, err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"id", 1, NULL, 'i'},       {"delete", 0, NULL, 'd'},     {"explain", 0, NULL, 'e'},
        {"json", 0, NULL, 'j'},     {"layers", 1, NULL, 'l'},     {"upper", 1, NULL, 'u'},
        {"work", 1, NULL, 'w'},     {"idmap", 0, NULL, 'm'},      {"exec", 1, NULL, 'x'},
        {"remote", 0, NULL, 'r'},   {"no-pivot", 0, NULL, 'n'},   {"timing", 0, NULL, 't'},
        {"preserve", 1, NULL, 'p'}, {"show-state", 0, NULL, 's'}, {"systemd-cgroup", 0, NULL, 'c'},
        {"update", 1, NULL, 'U'},   {NULL, 0, NULL, 0},
    };
    CLEANUP(free) char *id = str_format("wall-run-%d", getpid());
    struct arguments a = {.id = id};
    int64_t number = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        a.id = c == 'i' ? optarg : a.id;
        a.explain |= c == 'e' || c == 'j';
        a.json |= c == 'j';
        a.upper = c == 'u' ? optarg : a.upper;
        a.work = c == 'w' ? optarg : a.work;
        a.exec = c == 'x' ? optarg : a.exec;
        a.idmap |= c == 'm';
        a.remote |= c == 'r';
        a.no_pivot |= c == 'n';
        a.timing |= c == 't';
        a.show_state |= c == 's';
        a.delete |= c == 'd';
        a.systemd_cgroup |= c == 'c';
        a.update = c == 'U' ? optarg : a.update;
        if (c == 'l') {
            strv_split(&a.layers, optarg, ':');
        }
        if (c == '?' || (c == 'p' && str_to_i64(optarg, 10, &number) < 0)) {
            return 125;
        }
    }
    a.preserve = (int)number;
    a.bundle = optind < argc ? argv[optind] : ".";
    struct error *err = NULL;
    int r = a.delete ? delete_left(&a, &err) : run(&a, &err);
    int status = r < 0 ? error_exit_status(err) : r;
    if (r < 0) {
        error_print(err, stderr);
    }
    error_free(err);
    strv_done(&a.layers);
    return status;
}
