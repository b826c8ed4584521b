// SPDX-License-Identifier: Apache-2.0
#include "build/run_job.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/network.h"
#include "build/rootfs.h"
#include "engine/cgroup_driver.h"
#include "spec/host.h"
#include "wall/wall.h"

#define HOSTNAME "cloison-build"

struct run { /* what one RUN has in hand */
    struct build *b;
    struct stage *s;
    struct build_step *step;
    int output;
    char *id, *folder; /* of the workload; the step's on tmpfs */
    char *hosts, *resolv, *hostname;
    char *passwd, *group;
    struct strv layers;
    struct step_folders layer;
    struct spec *spec;
    struct run_mounts *mounts;
    struct stubs *stubs;
};

static void run_done(struct run *r)
{
    run_mounts_free(r->mounts);
    spec_free(r->spec);
    step_folders_done(&r->layer);
    strv_done(&r->layers);
    char *texts[] = {r->id, r->folder, r->hosts, r->resolv, r->hostname, r->passwd, r->group};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        free(texts[i]);
    }
}

static bool cgroup_is_v2(void)
{
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* As `run` would ask for it. */
static void fill_request(const struct run *r, struct run_request *q)
{
    const struct build_step *step = r->step;
    *q = r->b->options->run;
    q->image = "the stage";
    q->entrypoint = "";
    q->command = step->args;
    q->env = step->env;
    q->user = step->user;
    q->workdir = step->cwd;
    q->privileged = step->insecure;
    q->hostname = HOSTNAME;
    q->networks = (struct strv){0};
    strv_add(&q->networks, str_equal(step->network, "host") ? "host" : "none");
}

static int make_spec(struct run *r, struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct run_request q;
    struct image_config config = {0};
    struct spec_environment env = {0};
    CLEANUP(strv) struct strv volumes = {0};
    fill_request(r, &q);
    spec_environment_host(a, &q, &env);
    env.id = r->id;
    env.name = r->id;
    env.passwd = r->passwd;
    env.group = r->group;
    env.hosts_path = r->hosts;
    env.resolv_path = r->resolv;
    env.cgroup_v2 = cgroup_is_v2();
    env.cgroup_namespace = access("/proc/self/ns/cgroup", F_OK) == 0;
    int e = cgroup_driver_is_systemd(r->b->engine.config_path, &env.systemd_cgroup, err);
    e = e < 0 ? e : spec_from_image(&q, &config, &env, &r->spec, &volumes, err);
    strv_done(&q.networks);
    return e;
}

/* All steps of a build share its network namespace, so that each costs none. */
static void join_network(struct run *r)
{
    struct spec_linux *l = &r->spec->linux_;
    for (size_t i = 0; i < l->namespace_count && r->b->network; i++) {
        if (l->namespaces[i].type == SPEC_NS_NETWORK && str_equal(r->step->network, "default")) {
            l->namespaces[i].path = arena_strdup(r->spec->arena, network_path(r->b->network));
        }
    }
}

static int prepare(struct run *r, struct error **err)
{
    struct build *b = r->b;
    r->id = str_format("%s-%d", b->id, r->step->number);
    r->folder = str_format("%s/s%d", b->run_dir, r->step->number);
    CLEANUP(free) char *wall = str_format("%s/wall", r->folder);
    rootfs_layers(r->s, &r->layers);
    if (!r->layers.count) {
        return error_set(err, ERROR_NOT_FOUND, 0, "RUN has no program to run in an empty stage");
    }
    bool machine = str_equal(b->options->run.wall, "vm");
    if (machine && str_equal(r->step->network, "default")) {
        int no = error_set(err, ERROR_UNSUPPORTED, 0,
                           "a step in a virtual machine has no part in the build's network");
        return error_hint(err, no, "RUN --network=none, or build with --network none");
    }
    int e = mkdir_all(wall, 0700, err);
    e = e < 0 ? e : step_folders_make(b, r->step, &r->layer, err);
    e = e < 0 ? e : network_files(b, r->step->network, &r->hosts, &r->resolv, err);
    if (e < 0) {
        return e;
    }
    CLEANUP(fd) int root = rootfs_mount(&r->layers, NULL, NULL, r->folder, err);
    if (root < 0) {
        return root;
    }
    r->passwd = rootfs_read(root, "/etc/passwd");
    r->group = rootfs_read(root, "/etc/group");
    e = make_spec(r, err);
    if (e < 0) {
        return e;
    }
    join_network(r);
    e = run_mounts_add(b, r->s, r->step, r->folder, r->spec, &r->mounts, err);
    e = e < 0 ? e : spec_validate(r->spec, err);
    if (e >= 0) {
        r->stubs = stubs_note(root, r->spec);
    }
    return e;
}

static int await_end(pid_t pid)
{
    int status = 0;
    job_kills(pid);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 255;
        }
    }
    job_kills(0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The exit status, or a negative errno. */
static int live(struct run *r, const struct wall_ops *wall, struct plan *plan, bool *ret_oom,
                struct error **err)
{
    CLEANUP(fd) int in = open_file(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
    if (in < 0) {
        return in;
    }
    struct wall_io io = {in, r->output, r->output};
    struct wall_callbacks callbacks = {0};
    struct workload *w = NULL;
    int e = wall->create(plan, &io, &callbacks, &w, err);
    if (e < 0) {
        return e;
    }
    pid_t pid = wall->pid(w);
    int status =
        job_is_stopped() ? error_set(err, ERROR_BUSY, EINTR, "interrupted") : wall->start(w, err);
    if (status < 0) {
        (void)kill(pid, SIGKILL);
        (void)await_end(pid);
    } else {
        bool pids = false;
        status = await_end(pid);
        if (wall->limits_hit) {
            wall->limits_hit(w, ret_oom, &pids);
        }
    }
    struct error *second = NULL;
    e = wall->delete (w, status < 0 ? &second : err);
    error_free(second);
    return e < 0 && status >= 0 ? e : status;
}

/* What a machine has written is on a disk of its own: its upper folder becomes ours. */
static int fetch_layer(struct run *r, const struct wall_ops *wall, struct plan *plan,
                       struct error **err)
{
    CLEANUP(fd) int upper = -1;
    int e = wall->browse(plan, WALL_TREE_UPPER, &upper, err);
    CLEANUP(fd) int from = e < 0 ? -1 : openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e >= 0 && from < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's files");
    }
    CLEANUP(fd)
    int to = e < 0 ? e : open_file(AT_FDCWD, r->layer.diff, O_RDONLY | O_DIRECTORY, 0, err);
    if (to < 0) {
        return to;
    }
    e = copy_content(from, to, NULL);
    return e < 0 ? error_set_errno(err, ERROR_KERNEL, -e, "what the machine has written") : 0;
}

static int execute(struct run *r, bool *ret_oom, struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct plan *plan = NULL;
    CLEANUP(free) char *state_dir = str_format("%s/wall", r->folder);
    CLEANUP(free) char *cache_dir = str_format("%s/cache", r->b->engine.data_dir);
    CLEANUP(free) char *kernels_dir = str_format("%s/kernels", r->b->engine.data_dir);
    struct wall_params params = {
        .id = r->id,
        .spec = r->spec,
        .bundle = r->folder,
        .state_dir = state_dir,
        .cache_dir = cache_dir,
        .kernels_dir = kernels_dir,
        .rootfs = {.layers = (const char *const *)r->layers.items,
                   .layer_count = r->layers.count,
                   .upper = r->layer.diff,
                   .work = r->layer.work,
                   .is_volatile = true},
        .systemd_cgroup = cgroups_path_is_systemd(r->spec->linux_.cgroups_path),
    };
    int e = wall_find(r->b->options->run.wall, &wall, err);
    e = e < 0 ? e : wall->plan(&params, &plan, err);
    if (e < 0) {
        return e;
    }
    int status = live(r, wall, plan, ret_oom, err);
    if (status == 0 && wall->browse) {
        status = fetch_layer(r, wall, plan, err);
    }
    wall->plan_free(plan);
    return status;
}

int run_job(struct build *b, struct stage *s, struct build_step *step, int output,
            json_t **ret_result, struct error **err)
{
    struct run r = {.b = b, .s = s, .step = step, .output = output};
    bool oom = false;
    int status = prepare(&r, err);
    status = status < 0 ? status : execute(&r, &oom, err);
    if (status >= 0) {
        stubs_remove(r.stubs, r.layer.diff);
        *ret_result = json_pack("{s:i, s:b}", "exit", status, "oom", oom);
    }
    if (job_is_stopped() && status >= 0) {
        status = error_set(err, ERROR_BUSY, EINTR, "interrupted");
    }
    run_done(&r);
    return status < 0 ? status : 0;
}
