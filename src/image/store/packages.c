// SPDX-License-Identifier: Apache-2.0
#include "image/store/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"

#define PROGRAM "mmdebstrap"
#define LOG_BYTES_MAX ((size_t)1 << 20)

/* Packages and lists that earlier runs left, as hard links where the file systems allow. */
static const char take_cache[] =
    "mkdir -p \"$1/var/cache/apt/archives\" \"$1/var/lib/apt/lists\" && "
    "for f in \"$CLOISON_APT_CACHE\"/archives/*.deb; do [ ! -e \"$f\" ] || "
    "ln \"$f\" \"$1/var/cache/apt/archives/\" 2>/dev/null || "
    "cp -a \"$f\" \"$1/var/cache/apt/archives/\"; done && "
    "cp -a \"$CLOISON_APT_CACHE\"/lists/. \"$1/var/lib/apt/lists/\"";

/* Whole files only appear in the cache; what nobody used for a month goes. */
static const char give_cache[] =
    "for f in \"$1\"/var/cache/apt/archives/*.deb; do [ -e \"$f\" ] || continue; "
    "t=\"$CLOISON_APT_CACHE/archives/${f##*/}\"; "
    "[ -e \"$t\" ] || { cp -a \"$f\" \"$t.$$\" && mv \"$t.$$\" \"$t\"; }; done; "
    "cp -a \"$1\"/var/lib/apt/lists/. \"$CLOISON_APT_CACHE\"/lists/ && "
    "find \"$CLOISON_APT_CACHE\"/archives -type f -atime +30 -delete; "
    "rm -rf \"$1\"/var/cache/apt/* \"$1\"/var/lib/apt/lists/*; "
    ": >\"$1\"/etc/resolv.conf; : >\"$1\"/etc/hostname";

/* As Debian's slim images: no documentation but the licences, no translations. */
static const char *const slim_options[] = {
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    NULL,
};

/* No MIRROR: the host's own sources, when the release is the host's. */
static void add_host_sources(struct strv *argv)
{
    static const char *const patterns[] = {"/etc/apt/sources.list",
                                           "/etc/apt/sources.list.d/*.list",
                                           "/etc/apt/sources.list.d/*.sources"};
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        glob_t found = {0};
        if (glob(patterns[i], 0, NULL, &found) == 0) {
            strv_add_all(argv, found.gl_pathv);
        }
        globfree(&found);
    }
}

static void fill_arguments(const struct packages_request *q, struct strv *argv)
{
    static const char *const always[] = {
        PROGRAM,
        "--mode=root",
        "--format=tar",
        "--skip=essential/unlink",
        "--skip=cleanup/apt/cache",
        "--skip=cleanup/apt/lists",
        "--dpkgopt=force-unsafe-io",
        "--aptopt=Acquire::Languages \"none\"",
        "--aptopt=APT::Install-Recommends \"false\"",
    };
    bool slim = str_equal(q->variant, "slim");
    for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
        strv_add(argv, always[i]);
    }
    for (size_t i = 0; slim && slim_options[i]; i++) {
        strv_add(argv, slim_options[i]);
    }
    strv_addf(argv, "--variant=%s", slim ? "essential" : q->variant);
    for (size_t i = 0; i < q->include->count; i++) {
        strv_addf(argv, "--include=%s", q->include->items[i]);
    }
    strv_addf(argv, "--setup-hook=%s", take_cache);
    strv_addf(argv, "--customize-hook=%s", give_cache);
    strv_add(argv, q->suite);
    strv_add(argv, "-");
    if (q->mirrors->count) {
        strv_add_all(argv, q->mirrors->items);
    } else if (q->host_sources) {
        add_host_sources(argv);
    }
}

/* An own environment: what apt and dpkg need, and the way to the net. */
static void fill_environment(const struct packages_request *q, struct strv *env)
{
    static const char *const kept[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy"};
    strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    strv_add(env, "LC_ALL=C.UTF-8");
    strv_add(env, "DEBIAN_FRONTEND=noninteractive");
    strv_addf(env, "TMPDIR=%s", str_or(getenv("TMPDIR"), "/var/tmp")); /* a disk, not a tmpfs */
    strv_addf(env, "CLOISON_APT_CACHE=%s", q->cache);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i]);
        if (value) {
            strv_addf(env, "%s=%s", kept[i], value);
        }
    }
}

static int spawn(const struct packages_request *q, int tar, int log, pid_t *ret_pid)
{
    CLEANUP(strv) struct strv argv = {0};
    CLEANUP(strv) struct strv env = {0};
    fill_arguments(q, &argv);
    fill_environment(q, &env);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    (void)posix_spawn_file_actions_init(&actions); /* glibc's cannot fail */
    (void)posix_spawnattr_init(&attributes);
    int code = posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (!code) {
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    }
    if (!code) {
        code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    if (!code) {
        code = posix_spawn_file_actions_adddup2(&actions, tar, STDOUT_FILENO);
    }
    if (!code) {
        code = posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
    }
    if (!code) {
        code = posix_spawnp(ret_pid, PROGRAM, &actions, &attributes, argv.items, env.items);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* "I: installing essential packages..." is progress; the rest is kept for an error's sake. */
static void *read_log(void *context)
{
    struct packages *p = context;
    char buffer[4096];
    size_t shown = 0;
    ssize_t n;
    while ((n = read(p->log, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
        strbuf_add(&p->text, buffer, n > 0 ? (size_t)n : 0);
        char *end;
        while (p->text.data && (end = strchr(p->text.data + shown, '\n'))) {
            char *line = p->text.data + shown;
            shown = (size_t)(end - p->text.data) + 1;
            if (!p->quiet && str_starts(line, "I: ") && !strstr(line, "hook") &&
                strncmp(line, "I: skipping", 11) != 0) {
                fprintf(stderr, "%.*s\n", (int)(end - line - 3), line + 3);
            }
        }
    }
    return NULL;
}

static int prepare_cache(const char *cache, struct error **err)
{
    static const char *const parts[] = {"archives", "lists"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        CLEANUP(free) char *path = str_format("%s/%s", cache, parts[i]);
        int r = mkdir_all(path, 0755, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int packages_start(const struct packages_request *request, struct packages *ret, struct error **err)
{
    int tar[2], log[2];
    int r = prepare_cache(request->cache, err);
    if (r < 0) {
        return r;
    }
    if (pipe2(tar, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int tar_read = tar[0];
    CLEANUP(fd) int tar_write = tar[1];
    if (pipe2(log, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int log_read = log[0];
    CLEANUP(fd) int log_write = log[1];
    *ret = (struct packages){.pid = -1, .tar = -1, .log = -1, .request = request};
    ret->quiet = request->quiet;
    ret->text.max = LOG_BYTES_MAX;
    int code = spawn(request, tar_write, log_write, &ret->pid);
    if (code) {
        ret->pid = -1;
        r = error_set_errno(err, ERROR_UNSUPPORTED, code, "executing '" PROGRAM "'");
        return code == ENOENT ? error_hint(err, r, "apt-get install mmdebstrap") : r;
    }
    ret->tar = take_fd(&tar_read);
    ret->log = take_fd(&log_read);
    code = pthread_create(&ret->reader, NULL, read_log, ret);
    if (code) {
        (void)kill(ret->pid, SIGKILL);
        (void)waitpid(ret->pid, NULL, 0);
        ret->pid = -1;
        return error_set_errno(err, ERROR_KERNEL, code, "starting a thread");
    }
    return 0;
}

/* The first line that holds `mark`, from there; NULL when none does. The caller frees. */
static char *line_with(const char *text, const char *mark)
{
    const char *at = strstr(text, mark);
    return at ? xstrndup(at, strcspn(at, "\n")) : NULL;
}

static int explain(const struct packages *p, struct error **err)
{
    static const struct {
        const char *mark;
        enum error_kind kind;
        const char *what;
    } known[] = {
        {"Unable to locate package", ERROR_NOT_FOUND, "a package is not in the release"},
        {"has no installation candidate", ERROR_NOT_FOUND, "a package is not in the release"},
        {"does not have a Release file", ERROR_NOT_FOUND, "the release is not at the mirror"},
        {"404  Not Found", ERROR_NOT_FOUND, "the release is not at the mirror"},
        {"Temporary failure resolving", ERROR_NETWORK, "the mirror cannot be reached"},
        {"Could not resolve", ERROR_NETWORK, "the mirror cannot be reached"},
        {"Could not connect", ERROR_NETWORK, "the mirror cannot be reached"},
        {"Unable to connect", ERROR_NETWORK, "the mirror cannot be reached"},
        {"Connection refused", ERROR_NETWORK, "the mirror cannot be reached"},
        {"No space left on device", ERROR_KERNEL, "the disk is full"},
        {"NO_PUBKEY", ERROR_INVALID_INPUT, "the mirror's signature cannot be checked"},
        {"unmet dependencies", ERROR_INVALID_INPUT, "packages do not fit together"},
    };
    const char *text = str_or(p->text.data, "");
    const char *suite = p->request->suite;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        CLEANUP(free) char *line = line_with(text, known[i].mark);
        if (line) {
            return error_set(err, known[i].kind, 0, "release '%s': %s: %s", suite, known[i].what,
                             line);
        }
    }
    CLEANUP(free) char *line = line_with(text, "\nE: ");
    return error_set(err, ERROR_INVALID_INPUT, 0, "release '%s': " PROGRAM " failed: %s", suite,
                     line ? line + 4 : "it says nothing");
}

int packages_end(struct packages *p, struct error **err)
{
    int status = 0;
    p->tar = fd_close(p->tar);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
    }
    p->pid = -1;
    (void)pthread_join(p->reader, NULL); /* ours, joined once */
    p->log = fd_close(p->log);
    return status == 0 ? 0 : explain(p, err);
}

void packages_done(struct packages *p)
{
    if (p->pid > 0) {
        (void)kill(p->pid, SIGTERM); /* it removes its folder */
        IGNORE(packages_end(p, NULL));
    }
    strbuf_done(&p->text);
}
