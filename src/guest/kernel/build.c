// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { CONFIG_BYTES_MAX = 4 << 20, LOG_BYTES_MAX = 64 << 20, MISSING_MAX = 6 };

/* What of ours does not boot or not work without: the list may be another's. */
static const char needed[] =
    "CONFIG_64BIT=y\nCONFIG_ACPI=y\nCONFIG_PCI=y\nCONFIG_BLK_DEV_INITRD=y\n"
    "CONFIG_DEVTMPFS=y\nCONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_CONSOLE=y\n"
    "CONFIG_VIRTIO_BLK=y\nCONFIG_EROFS_FS=y\nCONFIG_OVERLAY_FS=y\n"
    "CONFIG_EXT4_FS=y\nCONFIG_CGROUPS=y\nCONFIG_NAMESPACES=y\n"
    "CONFIG_SECCOMP_FILTER=y\n";

static void add_missing(struct strbuf *out, const char *line, size_t *count)
{
    if (++*count <= MISSING_MAX) {
        strbuf_addf(out, "%s%s", *count > 1 ? ", " : "", line);
    } else if (*count == MISSING_MAX + 1) {
        strbuf_adds(out, ", …");
    }
}

char *kernel_config_missing(const char *wanted, const char *made)
{
    CLEANUP(strv) struct strv lines = {0};
    CLEANUP(strv) struct strv there = {0};
    struct strbuf out = {0};
    size_t count = 0;
    strv_split(&lines, wanted, '\n');
    strv_split(&there, made, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        const char *line = lines.items[i];
        if (str_starts(line, "CONFIG_") && !strv_contains(&there, line)) {
            add_missing(&out, line, &count);
        }
    }
    return out.data;
}

/* --- programs ------------------------------------------------------------------------------------
 */

/* The first line of the log that looks like the reason, else its last. */
static char *reason(const char *log)
{
    static const char *const marks[] = {"error:", "Error ", "No such file", "not found", "*** "};
    CLEANUP(free) char *text = NULL;
    CLEANUP(strv) struct strv lines = {0};
    const char *last = "it says nothing";
    if (file_read(AT_FDCWD, log, LOG_BYTES_MAX, &text, NULL, NULL) < 0) {
        return xstrdup(last);
    }
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(marks); k++) {
            if (strstr(lines.items[i], marks[k])) {
                return xstrdup(lines.items[i]);
            }
        }
        last = lines.items[i][0] ? lines.items[i] : last;
    }
    return xstrdup(last);
}

/* Runs a program to its end, what it says going to out/build.log. An interrupt ends it, and then
 * us as a failure, so that the caller can clear up. */
static int run(const struct kernel_build *b, const char *const *arguments, const char *setting,
               struct error **err)
{
    char *environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C",
                           (char *)(uintptr_t)setting, NULL};
    CLEANUP(free) char *log = str_format("%s/build.log", b->out);
    CLEANUP(fd) int fd = open_file(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600, err);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int status = 0;
    pid_t pid;
    if (fd < 0) {
        return fd;
    }
    (void)posix_spawn_file_actions_init(&actions); /* these are memory alone */
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, fd, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, fd, 2);
    (void)posix_spawnattr_init(&attributes);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGINT);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int r = posix_spawnp(&pid, arguments[0], &actions, &attributes,
                         (char *const *)(uintptr_t)arguments, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (r != 0) {
        r = error_set_errno(err, ERROR_NOT_FOUND, r, "executing '%s'", arguments[0]);
        return error_hint(err, r, "install the package %s", arguments[0]);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    if (WIFSIGNALED(status)) {
        return error_set(err, ERROR_KERNEL, EINTR, "'%s' was ended by SIG%s", arguments[0],
                         str_or(sigabbrev_np(WTERMSIG(status)), "?"));
    }
    CLEANUP(free) char *why = reason(log);
    str_replace_control(why);
    return error_set(err, ERROR_KERNEL, 0, "'%s' failed: %s", arguments[0], why);
}

static void say(const char *text)
{
    fprintf(stderr, "cloison: %s …\n", text);
}

/* --- the steps -----------------------------------------------------------------------------------
 */

/* The folder of the source: unpacked, when it is an archive. */
static int unpack(const struct kernel_build *b, const char *tree, struct error **err)
{
    struct stat st;
    if (stat(b->source, &st) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "the source '%s'", b->source);
    }
    if (S_ISDIR(st.st_mode)) {
        return symlink(b->source, tree) < 0
                   ? error_set_errno(err, ERROR_KERNEL, errno, "'%s'", tree)
                   : 0;
    }
    say("unpacking the source");
    int r = mkdir_all(tree, 0700, err);
    return r < 0 ? r
                 : run(b,
                       (const char *[]){"tar", "-x", "--strip-components=1", "-C", tree, "-f",
                                        b->source, NULL},
                       NULL, err);
}

static int check(const char *wanted, const char *made, const char *what, struct error **err)
{
    CLEANUP(free) char *missing = kernel_config_missing(wanted, made);
    return missing ? error_set(err, ERROR_INVALID_INPUT, 0, "%s: %s", what, missing) : 0;
}

static int configure(const struct kernel_build *b, const char *tree, const char *objects,
                     struct error **err)
{
    CLEANUP(free) char *out = str_format("O=%s", objects);
    CLEANUP(free) char *all = str_format("KCONFIG_ALLCONFIG=%s", b->config);
    CLEANUP(free) char *path = str_format("%s/.config", objects);
    CLEANUP(free) char *wanted = NULL;
    CLEANUP(free) char *made = NULL;
    int r = file_read(AT_FDCWD, b->config, CONFIG_BYTES_MAX, &wanted, NULL, err);
    r = r < 0 ? r : mkdir_all(objects, 0700, err);
    r = r < 0 ? r
              : run(b, (const char *[]){"make", "-s", "-C", tree, out, "allnoconfig", NULL}, all,
                    err);
    r = r < 0 ? r : file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &made, NULL, err);
    r = r < 0 ? r : check(wanted, made, "this kernel's rules do not accept", err);
    return r < 0 ? r : check(needed, made, "a machine's kernel needs", err);
}

static int compile(const struct kernel_build *b, const char *tree, const char *objects,
                   struct error **err)
{
    CLEANUP(free) char *out = str_format("O=%s", objects);
    CLEANUP(free) char *jobs = str_format("-j%d", b->jobs);
    say("compiling (some minutes)");
    return run(b, (const char *[]){"make", "-s", "-C", tree, out, jobs, "bzImage", NULL},
               "KBUILD_BUILD_USER=cloison", err);
}

static int move(const char *from_folder, const char *from, const char *to_folder, const char *to,
                struct error **err)
{
    CLEANUP(free) char *source = str_format("%s/%s", from_folder, from);
    CLEANUP(free) char *target = str_format("%s/%s", to_folder, to);
    return rename(source, target) < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "'%s'", source)
                                      : 0;
}

int kernel_build(const struct kernel_build *b, struct error **err)
{
    CLEANUP(free) char *tree = str_format("%s/source", b->out);
    CLEANUP(free) char *objects = str_format("%s/objects", b->out);
    CLEANUP(free) char *log = str_format("%s/build.log", b->out);
    (void)signal(SIGINT, SIG_IGN);
    CLEANUP(free) char *mark = str_format("%s/Kconfig", tree);
    int r = unpack(b, tree, err);
    if (r >= 0 && access(mark, R_OK) < 0) {
        r = error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no kernel's source", b->source);
    }
    r = r < 0 ? r : configure(b, tree, objects, err);
    r = r < 0 ? r : compile(b, tree, objects, err);
    r = r < 0 ? r : move(objects, "arch/x86/boot/bzImage", b->out, "bzImage", err);
    r = r < 0 ? r : move(objects, ".config", b->out, "config", err);
    r = r < 0 ? r : remove_tree(AT_FDCWD, objects, err);
    r = r < 0 ? r : remove_tree(AT_FDCWD, tree, err);
    if (r >= 0) {
        (void)unlink(log); /* of no more use */
    }
    return r;
}
