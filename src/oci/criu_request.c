// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/paths.h"
#include "oci/criu.h"

#define PROGRAM "cloison-criu"
#define ANSWER_BYTES_MAX 65536

#define AT(member) offsetof(struct criu_options, member)
#define BOTH                                                                                       \
    {0,                                                                                            \
     "image-path",                                                                                 \
     OPTION_STRING,                                                                                \
     AT(image_path),                                                                               \
     "FOLDER",                                                                                     \
     "The images' folder (default: checkpoint)",                                                   \
     COMPLETE_FOLDER},                                                                             \
        {0,                                                                                        \
         "work-path",                                                                              \
         OPTION_STRING,                                                                            \
         AT(work_path),                                                                            \
         "FOLDER",                                                                                 \
         "The folder of CRIU's log (default: the images')",                                        \
         COMPLETE_FOLDER},                                                                         \
        {0,           "tcp-established",                                                           \
         OPTION_FLAG, AT(tcp_established),                                                         \
         NULL,        "Take open TCP connections along"},                                          \
        {0,           "ext-unix-sk",                                                               \
         OPTION_FLAG, AT(ext_unix_sk),                                                             \
         NULL,        "Allow UNIX sockets that lead outside"},                                     \
        {0, "shell-job", OPTION_FLAG, AT(shell_job), NULL, "Allow a terminal from outside"},       \
        {0, "file-locks", OPTION_FLAG, AT(file_locks), NULL, "Take file locks along"},             \
        {0,                                                                                        \
         "manage-cgroups-mode",                                                                    \
         OPTION_STRING,                                                                            \
         AT(cgroups_mode),                                                                         \
         "MODE",                                                                                   \
         "soft (default), full, strict or ignore",                                                 \
         COMPLETE_WORDS,                                                                           \
         "soft full strict ignore"},                                                               \
        {0, "auto-dedup", OPTION_FLAG, AT(auto_dedup), NULL, "Drop what newer images replace"},    \
    {                                                                                              \
        0, "link-remap", OPTION_FLAG, AT(link_remap), NULL, "Link unlinked files back"             \
    }

const struct option criu_checkpoint_rows[] = {
    BOTH,
    {0, "page-server", OPTION_STRING, AT(page_server), "ADDRESS:PORT",
     "Send its memory to this page server of CRIU's"},
    {0, "parent-path", OPTION_STRING, AT(parent_path), "FOLDER",
     "An earlier --pre-dump's images, relative to the images' folder", COMPLETE_FOLDER},
    {0, "leave-running", OPTION_FLAG, AT(leave_running), NULL, "Let it run on"},
    {0, "pre-dump", OPTION_FLAG, AT(pre_dump), NULL, "Save its memory alone and let it run on"},
    {0},
};

const struct option criu_restore_rows[] = {
    BOTH,
    {'b', "bundle", OPTION_STRING, AT(bundle), "FOLDER", "The bundle (default: this folder)",
     COMPLETE_FOLDER},
    {0, "console-socket", OPTION_STRING, AT(console_socket), "SOCKET",
     "Send the terminal's master to this UNIX socket", COMPLETE_FILE},
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Return when it runs"},
    {0, "lsm-profile", OPTION_STRING, AT(lsm_profile), "TYPE:NAME",
     "Restore it with this profile: apparmor:NAME or selinux:LABEL"},
    {0, "lsm-mount-context", OPTION_STRING, AT(lsm_mount_context), "CONTEXT",
     "Restore its mounts with this SELinux context"},
    {0, "pid-file", OPTION_STRING, AT(pid_file), "FILE", "Write the process's number to this file",
     COMPLETE_FILE},
    {0, "no-pivot", OPTION_FLAG, AT(no_pivot), NULL, "Accepted for callers: CRIU decides"},
    {0, "no-subreaper", OPTION_FLAG, AT(no_subreaper), NULL, "Accepted for callers"},
    {0},
};

static char *below(const char *folder, const char *path)
{
    return path[0] == '/' ? xstrdup(path) : str_format("%s/%s", str_or(folder, ""), path);
}

static char *absolute(const char *path)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);
    return below(here, path);
}

static void set_text(json_t *o, const char *key, const char *value)
{
    if (value) {
        (void)json_object_set_new(o, key, json_string(value)); /* memory: aborts */
    }
}

/* Where a path of the spec's is in the end: CRIU knows mounts by the kernel's words, in which no
 * link is left. What lies below another mount cannot be looked at from here, and is taken as it
 * is. */
static char *place_inside(int root, const char *rootfs, const char *path)
{
    char link[64], target[PATH_MAX];
    CLEANUP(fd) int fd = open_in_root(root, path, O_PATH | O_CLOEXEC, 0);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits */
    ssize_t n = fd < 0 ? -1 : readlink(link, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    size_t prefix = strlen(rootfs);
    return str_starts(target, rootfs) && target[prefix] == '/' ? xstrdup(target + prefix)
                                                               : xstrdup(path);
}

/* What is mounted from outside, by its place inside: CRIU must be told of each. */
static json_t *outside_mounts(const struct criu_container *c)
{
    const struct spec *s = c->spec;
    json_t *mounts = json_object();
    CLEANUP(free) char *rootfs = realpath(c->rootfs, NULL);
    CLEANUP(fd) int root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < s->mount_count; i++) {
        const struct spec_mount *m = &s->mounts[i];
        bool bind = str_equal(m->type, "bind");
        for (size_t k = 0; k < m->option_count; k++) {
            bind |= str_equal(m->options[k], "bind") || str_equal(m->options[k], "rbind");
        }
        if (bind && m->source) {
            CLEANUP(free) char *place = place_inside(root, str_or(rootfs, "/"), m->destination);
            CLEANUP(free) char *source = below(c->bundle, m->source);
            set_text(mounts, place, source);
        }
    }
    for (size_t i = 0; i < s->linux_.masked_path_count; i++) {
        struct stat st; /* files are hidden by /dev/null; what hides folders CRIU knows */
        const char *path = s->linux_.masked_paths[i];
        if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
            set_text(mounts, path, "/dev/null");
        }
    }
    return mounts;
}

/* What the container joined belongs to others: CRIU neither saves nor makes it. Those that it
 * knows how to leave out, by the names that runc gives them in the images. */
static json_t *outside_namespaces(const struct spec *s)
{
    static const struct {
        enum spec_namespace_type type;
        const char *file, *name;
    } known[] = {{SPEC_NS_NETWORK, "net", "extRootNetNS"}, {SPEC_NS_PID, "pid", "extRootPidNS"}};
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        const struct spec_namespace *n = spec_namespace_get(s, known[i].type);
        if (n && n->path) {
            json_t *o = json_pack("{s:s,s:s,s:s}", "file", known[i].file, "name", known[i].name,
                                  "path", n->path);
            (void)json_array_append_new(list, o); /* memory: aborts */
        }
    }
    return list;
}

int criu_request(const struct criu_options *o, const struct criu_container *c, const char *action,
                 json_t **ret, struct error **err)
{
    CLEANUP(free) char *images = absolute(str_or(o->image_path, "checkpoint"));
    CLEANUP(free) char *work = absolute(str_or(o->work_path, images));
    bool reads = str_equal(action, "restore");
    int r = reads ? 0 : mkdir_all(images, 0700, err);
    if (r >= 0) {
        r = mkdir_all(work, 0700, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:o,s:o}", "action", action,
                     "imageDir", images, "workDir", work, "logFile",
                     reads ? "restore.log" : "dump.log", "root", c->rootfs, "leaveRunning",
                     o->leave_running, "tcpEstablished", o->tcp_established, "extUnixSk",
                     o->ext_unix_sk, "shellJob", o->shell_job, "fileLocks", o->file_locks,
                     "autoDedup", o->auto_dedup, "linkRemap", o->link_remap, "mounts",
                     outside_mounts(c), "namespaces", outside_namespaces(c->spec));
    if (!*ret) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a path is no UTF-8");
    }
    set_text(*ret, "cgroupsMode", o->cgroups_mode);
    set_text(*ret, "parentPath", o->parent_path);
    set_text(*ret, "program", c->program);
    set_text(*ret, "pageServer", o->page_server);
    set_text(*ret, "lsmProfile", o->lsm_profile);
    set_text(*ret, "lsmMountContext", o->lsm_mount_context);
    return 0;
}

/* The request as a file at its beginning: nobody has to write while CRIU works. */
static int request_file(const json_t *request, struct error **err)
{
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(fd) int fd = memfd_create("request", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "writing the request to CRIU");
    }
    return take_fd(&fd);
}

static _Noreturn void become(const char *program, int request, int answer)
{
    char *argv[] = {(char *)program, NULL};
    int high[2] = {fcntl(request, F_DUPFD, 10), fcntl(answer, F_DUPFD, 10)};
    if (dup2(high[0], 3) < 0 || dup2(high[1], 4) < 0 || close(high[0]) < 0 || close(high[1]) < 0) {
        _exit(126);
    }
    execv(program, argv);
    _exit(127);
}

static int read_answer(const char *text, size_t len, pid_t *ret_pid, struct error **err)
{
    CLEANUP(json) json_t *o = NULL;
    if (json_parse(text, len, "the answer", &o, NULL) < 0) {
        return error_set(err, ERROR_KERNEL, EIO, "%s ended without an answer", PROGRAM);
    }
    const char *why = json_string_value(json_object_get(o, "error"));
    *ret_pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
    return why ? error_set(err, ERROR_UNSUPPORTED, 0, "%s", why) : 0;
}

int criu_call(const json_t *request, pid_t *ret_pid, struct error **err)
{
    CLEANUP(free) char *program = program_path(PROGRAM);
    CLEANUP(free) char *text = xcalloc(1, ANSWER_BYTES_MAX + 1);
    int ends[2];
    CLEANUP(fd) int file = request_file(request, err);
    if (file < 0) {
        return file;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* the restored process becomes ours */
    pid_t pid = fork();
    if (pid == 0) {
        become(program, file, ends[1]);
    }
    fd_close(ends[1]);
    ssize_t n = pid < 0 ? -errno : read_all(ends[0], text, ANSWER_BYTES_MAX);
    fd_close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n, "executing %s", PROGRAM)
                 : read_answer(text, (size_t)n, ret_pid, err);
}
