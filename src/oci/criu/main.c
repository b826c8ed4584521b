// SPDX-License-Identifier: Apache-2.0
/* cloison-criu: what checkpoint and restore have CRIU's library do. A program of its own, since a
 * static one cannot load libraries; executed when asked alone.
 *
 * Descriptor 3 is the request, an object as src/oci/criu_request.c writes it; descriptor 4 takes
 * the answer, {"pid": 1234} or {"error": "…"}. 0, 1, 2 are the restored process's.
 * CRIU's C API: https://criu.org/C_API */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/json.h"

#define REQUEST 3
#define ANSWER 4
#define LIBRARY "libcriu.so.2"
#define LOG_LEVEL 4

static void *library;
static const json_t *request;

static _Noreturn void answer(json_t *o)
{
    CLEANUP(free) char *text = json_dumps(o, JSON_COMPACT);
    int r = write_all(ANSWER, text, strlen(text));
    _exit(r < 0 ? 1 : 0);
}

static _Noreturn void fail(const char *what, const char *why)
{
    answer(json_pack("{s:o}", "error", json_sprintf("%s: %s", what, why)));
}

/* A function of the library, by its name. */
static void *function(const char *name)
{
    void *f = dlsym(library, name);
    if (!f) {
        fail("this CRIU library is too old", name);
    }
    return f;
}

static const char *text_of(const char *key)
{
    return json_string_value(json_object_get(request, key));
}

static void set_flag(const char *name, const char *key)
{
    void (*set)(bool) = (void (*)(bool))function(name);
    set(json_is_true(json_object_get(request, key)));
}

static void set_number(const char *name, int value)
{
    void (*set)(int) = (void (*)(int))function(name);
    set(value);
}

static void set_text(const char *name, const char *value)
{
    int (*set)(const char *) = (int (*)(const char *))function(name);
    if (value && set(value) < 0) {
        fail(name, "refused");
    }
}

static int open_folder(const char *key)
{
    int fd = open(text_of(key), O_RDONLY | O_DIRECTORY); /* CRIU's own process gets it */
    if (fd < 0) {
        fail(text_of(key), strerror(errno));
    }
    return fd;
}

/* The dump names each mount by its place inside; the restore says what to put there. */
static void set_mounts(bool restores)
{
    int (*add)(const char *, const char *) =
        (int (*)(const char *, const char *))function("criu_add_ext_mount");
    const char *inside;
    json_t *outside;
    json_object_foreach(json_object_get(request, "mounts"), inside, outside)
    {
        if (add(inside, restores ? json_string_value(outside) : inside) < 0) {
            fail(inside, "CRIU does not take the mount");
        }
    }
}

/* A namespace that others made is named by its inode in the dump; the restore enters the one that
 * lies at the path then. */
static void set_namespace(const json_t *n, bool restores)
{
    const char *file = json_string_value(json_object_get(n, "file"));
    const char *name = json_string_value(json_object_get(n, "name"));
    CLEANUP(free)
    char *own = str_format("/proc/%d/ns/%s",
                           (int)json_integer_value(json_object_get(request, "pid")), file);
    const char *path = restores ? json_string_value(json_object_get(n, "path")) : own;
    struct stat st;
    int fd = open(path, O_RDONLY); /* CRIU's own process gets it */
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail(path, strerror(errno));
    }
    CLEANUP(free)
    char *external = str_format("%s[%llu]:%s", file, (unsigned long long)st.st_ino, name);
    int (*add_external)(const char *) = (int (*)(const char *))function("criu_add_external");
    int (*add_fd)(int, const char *) = (int (*)(int, const char *))function("criu_add_inherit_fd");
    if ((restores ? add_fd(fd, name) : add_external(external)) < 0) {
        fail(path, "CRIU does not take the namespace");
    }
}

static void set_namespaces(bool restores)
{
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(request, "namespaces"), i, n)
    {
        set_namespace(n, restores);
    }
}

/* The descriptors 0, 1, 2 that the process had: "pipe:[1234]", now ours. */
static void set_inherited(void)
{
    int (*add)(int, const char *) = (int (*)(int, const char *))function("criu_add_inherit_fd");
    const json_t *list = json_object_get(request, "descriptors");
    for (size_t i = 0; i < json_array_size(list) && i < 3; i++) {
        const char *was = json_string_value(json_array_get(list, i));
        if (was && (str_starts(was, "pipe:") || str_starts(was, "socket:"))) {
            (void)add((int)i, was); /* CRIU says so later when it needs it */
        }
    }
}

static void set_cgroup_root(void)
{
    int (*add)(const char *, const char *) =
        (int (*)(const char *, const char *))function("criu_add_cg_root");
    const char *path = text_of("cgroup");
    if (path && add(NULL, path) < 0) { /* in every hierarchy */
        fail(path, "CRIU does not take the control group");
    }
}

static void set_cgroups_mode(void)
{
    static const char *const modes[] = {"ignore", "none", "props", "soft", "full", "strict"};
    const char *wanted = str_or(text_of("cgroupsMode"), "soft");
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (str_equal(wanted, modes[i])) {
            set_number("criu_set_manage_cgroups", 1);
            set_number("criu_set_manage_cgroups_mode", (int)i);
            return;
        }
    }
    fail("--manage-cgroups-mode is not soft, full, strict or ignore", wanted);
}

/* "address:port"; an IPv6 address may have brackets. */
static void set_page_server(const char *text)
{
    int (*set)(const char *, int) =
        (int (*)(const char *, int))function("criu_set_page_server_address_port");
    const char *colon = text ? strrchr(text, ':') : NULL;
    uint64_t port;
    if (!text) {
        return;
    }
    if (!colon || str_to_u64(colon + 1, 10, &port) < 0 || port > UINT16_MAX) {
        fail("--page-server is not ADDRESS:PORT", text);
    }
    size_t len = (size_t)(colon - text);
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    CLEANUP(free) char *address = xstrndup(text + brackets, len - 2 * (size_t)brackets);
    (void)set(address, (int)port); /* libcriu 3.17 gives -ENOMEM in any case */
}

static void set_options(bool restores)
{
    set_number("criu_set_images_dir_fd", open_folder("imageDir"));
    set_number("criu_set_work_dir_fd", open_folder("workDir"));
    set_text("criu_set_log_file", text_of("logFile"));
    set_number("criu_set_log_level", LOG_LEVEL);
    set_flag("criu_set_tcp_established", "tcpEstablished");
    set_flag("criu_set_ext_unix_sk", "extUnixSk");
    set_flag("criu_set_shell_job", "shellJob");
    set_flag("criu_set_file_locks", "fileLocks");
    set_flag("criu_set_auto_dedup", "autoDedup");
    set_flag("criu_set_link_remap", "linkRemap");
    set_text("criu_set_service_binary", text_of("program"));
    set_text("criu_set_lsm_profile", text_of("lsmProfile"));
    set_text("criu_set_lsm_mount_context", text_of("lsmMountContext"));
    set_page_server(text_of("pageServer"));
    set_cgroups_mode();
    set_cgroup_root();
    set_mounts(restores);
    set_namespaces(restores);
}

/* CRIU's numbers say less than its log. */
static _Noreturn void failure(const char *what)
{
    answer(json_pack(
        "{s:o}", "error",
        json_sprintf("%s: its log is '%s/%s'", what, text_of("workDir"), text_of("logFile"))));
}

static void dump(bool before)
{
    set_number("criu_set_pid", (int)json_integer_value(json_object_get(request, "pid")));
    set_text("criu_set_root", text_of("root"));
    set_number("criu_set_orphan_pts_master", 1); /* the terminal's master may be the caller's */
    set_text("criu_set_parent_images", text_of("parentPath"));
    set_text("criu_set_freeze_cgroup", text_of("freezer"));
    set_flag("criu_set_leave_running", "leaveRunning");
    if (before || text_of("parentPath")) {
        set_number("criu_set_track_mem", 1);
    }
    int (*run)(void) = (int (*)(void))function(before ? "criu_pre_dump" : "criu_dump");
    if (run() < 0) {
        failure("CRIU could not save the container");
    }
    answer(json_pack("{s:i}", "pid", 0));
}

/* CRIU wants the root to be a mount: in a namespace of our own, so that none is left. Before any
 * folder is opened: CRIU mounts below them, which wants them to be of the same namespace. */
static void mount_root(const char *root)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
        mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0) {
        fail(root, strerror(errno));
    }
    set_text("criu_set_root", root);
}

/* CRIU has the master of the terminal's other end: to the caller with it. */
static int notified(char *action, void *argument)
{
    int (*get)(void) = (int (*)(void))function("criu_get_orphan_pts_master_fd");
    const char *path = text_of("consoleSocket");
    if (!str_equal(action, "orphan-pts-master") || !path) {
        return 0;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int master = get();
    CLEANUP(fd) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return -errno;
    }
    return send_fds(sock, "/dev/ptmx", strlen("/dev/ptmx"), &master, 1) < 0 ? -EIO : 0;
}

static void restore(void)
{
    set_inherited();
    if (text_of("consoleSocket")) {
        void (*set)(int (*)(char *, void *)) =
            (void (*)(int (*)(char *, void *)))function("criu_set_notify_cb");
        set(notified);
        set_number("criu_set_orphan_pts_master", 1);
    }
    int (*run)(void) = (int (*)(void))function("criu_restore_child");
    int pid = run();
    if (pid <= 0) {
        failure("CRIU could not restore the container");
    }
    answer(json_pack("{s:i}", "pid", pid));
}

int main(void)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(json) json_t *o = NULL;
    CLEANUP(error) struct error *err = NULL;
    if (file_read(AT_FDCWD, "/proc/self/fd/3", (size_t)16 << 20, &text, NULL, &err) < 0 ||
        json_parse(text, strlen(text), "request", &o, &err) < 0) {
        fail("the request", err->message);
    }
    request = o;
    library = dlopen(LIBRARY, RTLD_NOW);
    if (!library) {
        fail("checkpoint and restore need CRIU, which is not installed", dlerror());
    }
    int (*init)(void) = (int (*)(void))function("criu_init_opts");
    if (init() < 0) {
        fail("CRIU's library", "it does not start");
    }
    const char *action = text_of("action");
    bool restores = str_equal(action, "restore");
    if (restores) {
        mount_root(text_of("root"));
    }
    set_options(restores);
    if (restores) {
        restore();
    }
    dump(str_equal(action, "pre-dump"));
    return 0;
}
