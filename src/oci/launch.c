// SPDX-License-Identifier: Apache-2.0
#include "oci/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/file.h"
#include "oci/handover.h"
#include "spec/user.h"

#define PASSWD_BYTES_MAX ((size_t)1 << 20)
#define PRESERVED_MAX 1024 /* far more than any caller hands on */

#define AT(member) offsetof(struct launch_options, member)
const struct option launch_rows[] = {
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Return when the program runs"},
    {0, "keep", OPTION_FLAG, AT(keep), NULL, "Do not delete the container when it has ended"},
    {0, "no-subreaper", OPTION_FLAG, AT(no_subreaper), NULL, "Accepted for callers: there is none"},
    /* create's begin here: LAUNCH_RUN_ROWS */
    {'b', "bundle", OPTION_STRING, AT(bundle), "FOLDER",
     "The bundle: config.json and the root (default: this folder)", COMPLETE_FOLDER},
    {'f', "config", OPTION_STRING, AT(config), "FILE", "Read this file instead of config.json",
     COMPLETE_FILE},
    {0, "console-socket", OPTION_STRING, AT(console_socket), "SOCKET",
     "Send the terminal's master to this UNIX socket", COMPLETE_FILE},
    {0, "pidfd-socket", OPTION_STRING, AT(pidfd_socket), "SOCKET",
     "Send a pidfd of the process to this UNIX socket", COMPLETE_FILE},
    {0, "pid-file", OPTION_STRING, AT(pid_file), "FILE", "Write the process's number to this file",
     COMPLETE_FILE},
    {0, "no-pivot", OPTION_FLAG, AT(no_pivot), NULL,
     "Move the root instead of pivot_root(2): on a ramdisk"},
    {0, "no-new-keyring", OPTION_FLAG, AT(no_new_keyring), NULL,
     "Keep the caller's session keyring"},
    {0, "preserve-fds", OPTION_INTEGER, AT(preserve_fds), "N", "Pass descriptors 3 to 3+N-1 on"},
    {0},
};

int launch_preserved_fds(const struct option_integer *preserve, struct spec *s,
                         struct spec_process *p, int *ret, struct error **err)
{
    int64_t listen = 0, listen_pid = 0;
    if (str_to_i64(str_or(getenv("LISTEN_FDS"), ""), 10, &listen) < 0 ||
        str_to_i64(str_or(getenv("LISTEN_PID"), ""), 10, &listen_pid) < 0 ||
        listen_pid != getpid()) {
        listen = 0;
    }
    int64_t extra = preserve->set ? preserve->value : 0;
    if (extra < 0 || listen < 0 || extra > PRESERVED_MAX || listen > PRESERVED_MAX) {
        return error_set(err, ERROR_USAGE, 0, "descriptors to preserve: %lld is not 0 to %d",
                         (long long)(extra ? extra : listen), PRESERVED_MAX);
    }
    if (listen) {
        spec_process_set_env(s->arena, p, arena_format(s->arena, "LISTEN_FDS=%d", (int)listen));
        spec_process_set_env(s->arena, p, "LISTEN_PID=1");
    }
    *ret = (int)(listen + extra);
    return 0;
}

static bool has_home(const struct spec_process *p)
{
    for (size_t i = 0; i < p->env_count; i++) {
        if (str_starts(p->env[i], "HOME=") && p->env[i][strlen("HOME=")]) {
            return true;
        }
    }
    return false;
}

void launch_set_home(struct arena *a, int root_fd, struct spec_process *p)
{
    if (has_home(p)) {
        return;
    }
    CLEANUP(free) char *passwd = xcalloc(1, PASSWD_BYTES_MAX + 1);
    CLEANUP(fd) int fd = open_in_root(root_fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    struct user_identity user = {.home = "/"};
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        read_all(fd, passwd, PASSWD_BYTES_MAX) > 0) {
        CLEANUP(free) char *uid = str_format("%u", p->uid);
        IGNORE(user_resolve(a, uid, passwd, NULL, NULL, &user, NULL)); /* unknown: "/" */
    }
    spec_process_set_env(a, p, arena_format(a, "HOME=%s", str_or(user.home, "/")));
}

void launch_limit_capabilities(const struct oci_context *oci, struct spec_process *p)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    struct spec_capabilities *c = &p->capabilities;
    if (!c->set || syscall(SYS_capget, &header, data) < 0) {
        return;
    }
    for (size_t i = 0; i < c->unknown_count; i++) {
        oci_log_warning(oci->log, "%s is no known capability", c->unknown[i]);
    }
    uint64_t ours = data[0].permitted | (uint64_t)data[1].permitted << 32;
    uint64_t asked = c->bounding | c->effective | c->permitted | c->inheritable | c->ambient;
    for (int n = 0; spec_capability_name(n); n++) {
        if (asked & ~ours & (uint64_t)1 << n) {
            oci_log_warning(oci->log, "%s cannot be granted: it is not ours",
                            spec_capability_name(n));
        }
    }
    c->bounding &= ours;
    c->permitted &= ours;
    c->effective &= c->permitted;
    c->inheritable &= ours;
    c->ambient &= c->permitted & c->inheritable; /* the kernel's condition */
}

static int read_bundle(struct launch *l, struct error **err)
{
    const char *path = str_or(l->options->bundle, ".");
    l->bundle = realpath(*path ? path : ".", NULL);
    if (!l->bundle) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "bundle '%s'", path);
    }
    const char *config = str_or(l->options->config, "config.json");
    CLEANUP(fd) int fd = open_file(AT_FDCWD, l->bundle, O_PATH | O_DIRECTORY, 0, err);
    int r = fd < 0 ? fd : file_read(fd, config, SPEC_BYTES_MAX, &l->config, &l->config_len, err);
    if (r < 0) {
        return error_wrap(err, r, "bundle '%s'", l->bundle);
    }
    r = spec_parse_text(l->config, l->config_len, config, &l->spec, err);
    return r < 0 ? r : spec_validate(l->spec, err);
}

/* The root must be a folder itself: what a link leads to may change between two looks. */
static int check_rootfs(struct launch *l, struct error **err)
{
    struct stat st;
    const char *path = l->spec->root_path;
    l->rootfs = path[0] == '/' ? xstrdup(path) : str_format("%s/%s", l->bundle, path);
    for (size_t len = strlen(l->rootfs); len > 1 && l->rootfs[len - 1] == '/'; len--) {
        l->rootfs[len - 1] = '\0'; /* behind a slash a link would be followed */
    }
    if (lstat(l->rootfs, &st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "rootfs '%s'", l->rootfs);
    }
    if (!S_ISDIR(st.st_mode)) {
        return error_set(err, ERROR_INVALID_INPUT, ENOTDIR, "invalid rootfs: '%s' is %s", l->rootfs,
                         S_ISLNK(st.st_mode) ? "a symbolic link" : "not a folder");
    }
    return 0;
}

static int check_terminal(const struct launch *l, struct error **err)
{
    bool detach = l->options->detach || l->remote_start;
    if (detach && l->spec->process.terminal && !l->options->console_socket) {
        return error_set(err, ERROR_USAGE, 0,
                         "cannot allocate tty if %s will detach without setting console socket",
                         error_program());
    }
    if ((!detach || !l->spec->process.terminal) && l->options->console_socket) {
        return error_set(err, ERROR_USAGE, 0,
                         "cannot use console socket if %s will not detach or allocate tty",
                         error_program());
    }
    return 0;
}

/* sd_notify(3): the service manager's socket, bound into the container under a name of its own. */
static void pass_notify_socket(struct spec *s)
{
    static const char inside[] = "/run/notify/notify.sock";
    const char *socket = getenv("NOTIFY_SOCKET");
    if (!socket || socket[0] != '/' || !s->process_set) {
        return; /* an abstract one is the network namespace's own */
    }
    struct spec_mount *m = arena_push(s->arena, s->mounts, s->mount_count);
    *m = (struct spec_mount){.destination = inside, .type = "bind", .source = socket};
    spec_add_string(s->arena, &m->options, &m->option_count, "bind");
    spec_process_set_env(s->arena, &s->process, arena_format(s->arena, "NOTIFY_SOCKET=%s", inside));
}

static int make_plan(struct launch *l, struct error **err)
{
    pass_notify_socket(l->spec);
    int preserved = 0;
    int r = launch_preserved_fds(&l->options->preserve_fds, l->spec, &l->spec->process, &preserved,
                                 err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *cache = str_format("%s/.cache", l->oci->root);
    CLEANUP(fd) int root_fd = open(l->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    launch_set_home(l->spec->arena, root_fd, &l->spec->process);
    launch_limit_capabilities(l->oci, &l->spec->process);
    const struct wall_params params = {
        .id = l->id,
        .spec = l->spec,
        .bundle = l->bundle,
        .state_dir = l->dir,
        .cache_dir = cache,
        .kernels_dir =
            "/var/lib/cloison/kernels", /* the engine's, where it keeps them by default */
        .rootfs = {.path = l->rootfs},
        .systemd_cgroup = l->oci->systemd_cgroup,
        .no_cgroups = l->oci->no_cgroups,
        .no_pivot = l->options->no_pivot,
        .no_new_keyring = l->options->no_new_keyring,
        .remote_start = l->remote_start,
        .preserve_fd_count = preserved,
    };
    return l->oci->wall->plan(&params, &l->plan, err);
}

int launch_begin(struct launch *l, struct error **err)
{
    l->console = l->master = -1;
    l->dir = str_format("%s/%s", l->oci->root, l->id);
    int r = oci_id_check(l->id, err);
    if (r >= 0) {
        r = read_bundle(l, err);
    }
    if (r >= 0 && !l->adopts) {
        r = check_terminal(l, err);
    }
    if (r >= 0) {
        r = check_rootfs(l, err);
    }
    return r < 0 ? r : make_plan(l, err);
}

void launch_done(struct launch *l)
{
    l->oci->wall->plan_free(l->plan);
    spec_free(l->spec);
    error_free(l->handover_error);
    fd_close(l->console);
    fd_close(l->master);
    free(l->bundle);
    free(l->rootfs);
    free(l->config);
    free(l->dir);
}

static json_t *facts_of(const struct launch *l)
{
    char created[TIME_TEXT_BYTES];
    time_now_text(created);
    const struct spec *s = l->spec;
    json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "ociVersion", s->oci_version, "bundle", l->bundle,
                          "rootfs", l->rootfs, "created", created);
    if (o && s->annotation_count) {
        json_t *annotations = json_object();
        for (size_t i = 0; i < s->annotation_count; i++) {
            (void)json_object_set_new(annotations, s->annotations[i].key,
                                      json_string(s->annotations[i].value)); /* memory: aborts */
        }
        (void)json_object_set_new(o, "annotations", annotations);
    }
    return o;
}

static void take_console(void *context, int master)
{
    struct launch *l = context;
    if (l->console < 0) {
        l->master = master;
        return;
    }
    IGNORE(handover_send(l->console, "/dev/ptmx", master, &l->handover_error)); /* told later */
    fd_close(master);
}

/* All that can fail once the workload exists; the caller undoes. */
static int hand_over(struct launch *l, struct oci_container *c, struct error **err)
{
    const struct launch_options *o = l->options;
    pid_t pid = l->oci->wall->pid(c->workload);
    int r = 0;
    if (l->handover_error) {
        return error_move(err, &l->handover_error, -EPIPE);
    }
    if (o->pidfd_socket) {
        r = handover_pidfd(o->pidfd_socket, pid, err);
    }
    if (r >= 0 && o->pid_file) {
        r = handover_pid_file(o->pid_file, pid, err);
    }
    return r < 0 ? r : oci_container_commit(c, err);
}

static void warn(void *context, const char *text)
{
    const struct launch *l = context;
    oci_log_warning(l->oci->log, "%s", text);
}

static int make_workload(struct launch *l, struct oci_container *c, struct error **err)
{
    const struct wall_io io = {0, 1, 2};
    const struct wall_callbacks callbacks = {
        .context = l, .console = take_console, .warning = warn};
    int r = l->oci->wall->create(l->plan, &io, &callbacks, &c->workload, err);
    if (r < 0) {
        return r;
    }
    r = hand_over(l, c, err);
    if (r < 0) {
        IGNORE(l->oci->wall->delete (take_ptr(c->workload), NULL)); /* the first error counts */
    }
    return r;
}

static int new_container(struct launch *l, struct oci_container **ret, struct error **err)
{
    json_t *facts = facts_of(l);
    if (!facts) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a path or an annotation is no UTF-8");
    }
    return oci_container_new(l->oci, l->id, facts, l->config, l->config_len, ret, err);
}

int launch_create(struct launch *l, struct oci_container **ret, struct error **err)
{
    const char *console = l->options->console_socket;
    if (console && (l->console = handover_connect("--console-socket", console, err)) < 0) {
        return l->console;
    }
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = new_container(l, &c, err);
    if (r < 0) {
        return r;
    }
    r = make_workload(l, c, err);
    if (r < 0) {
        IGNORE(oci_container_remove(c, NULL)); /* likewise */
        return r;
    }
    oci_container_refresh(c);
    *ret = take_ptr(c);
    return 0;
}

int launch_adopt(struct launch *l, wall_make *make, void *context, struct oci_container **ret,
                 struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = new_container(l, &c, err);
    if (r < 0) {
        return r;
    }
    r = l->oci->wall->adopt(l->plan, make, context, &c->workload, err);
    if (r >= 0) {
        r = hand_over(l, c, err);
    }
    if (r < 0) {
        if (c->workload) {
            IGNORE(l->oci->wall->delete (take_ptr(c->workload), NULL)); /* the first error counts */
        }
        IGNORE(oci_container_remove(c, NULL)); /* likewise */
        return r;
    }
    oci_container_refresh(c);
    *ret = take_ptr(c);
    return 0;
}
