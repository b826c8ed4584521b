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

static void set_mounts(void)
{
    int (*add)(const char *, const char *) =
        (int (*)(const char *, const char *))function("criu_add_ext_mount");
    const char *inside;
    json_t *outside;
    json_object_foreach(json_object_get(request, "mounts"), inside, outside)
    {
        if (add(inside, json_string_value(outside)) < 0) {
            fail(inside, "CRIU does not take the mount");
        }
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

static void set_options(void)
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
    set_cgroups_mode();
    set_mounts();
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
    set_text("criu_set_parent_images", text_of("parentPath"));
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

/* CRIU wants the root to be a mount: in a namespace of our own, so that none is left. */
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
    mount_root(text_of("root"));
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
    set_options();
    const char *action = text_of("action");
    if (str_equal(action, "restore")) {
        restore();
    }
    dump(str_equal(action, "pre-dump"));
    return 0;
}
