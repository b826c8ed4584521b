// SPDX-License-Identifier: Apache-2.0
/* Git repositories as contexts and for ADD, by the program git. What the repository says is never
 * executed: no hooks, no submodules' commands, no credentials asked for. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/add_remote.h"

/* `quiet`: its failure is no failure of ours, and it is not to speak of it. */
static int run_git(const char *const *arguments, bool quiet, struct error **err)
{
    const char *argv[32] = {"git", "-c", "core.hooksPath=/dev/null", "-c",
                            "protocol.ext.allow=never"};
    size_t n = 5;
    for (size_t i = 0; arguments[i] && n + 1 < ARRAY_SIZE(argv); i++) {
        argv[n++] = arguments[i];
    }
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions); /* glibc's cannot fail */
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, 2, 1);
    if (quiet) {
        (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    pid_t pid;
    (void)setenv("GIT_TERMINAL_PROMPT", "0", 1);
    int code = posix_spawnp(&pid, "git", &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code) {
        int r = error_set_errno(err, ERROR_UNSUPPORTED, code, "executing 'git'");
        return error_hint(err, r, "install git");
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    bool at = str_equal(arguments[0], "-C"); /* then a folder, then what is to be done */
    return status == 0 ? 0
                       : error_set(err, ERROR_NETWORK, 0, "'git %s' failed", arguments[at ? 2 : 0]);
}

/* Only what is asked for, without its history, where the server can leave that out; it may refuse a
 * commit's number, then all. */
static int fetch(const char *url, const char *ref, const char *at, struct error **err)
{
    const char *const init[] = {"init", "-q", at, NULL};
    const char *const shallow[] = {"-C", at, "fetch", "-q", "--depth=1", "--", url, ref, NULL};
    const char *const whole[] = {
        "-C", at, "fetch", "-q", "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*", NULL};
    const char *const single[] = {"-C", at, "fetch", "-q", "--", url, ref, NULL};
    const char *const head[] = {"-C", at, "checkout", "-q", "--detach", "FETCH_HEAD", NULL};
    const char *const named[] = {"-C", at, "checkout", "-q", "--detach", ref, NULL};
    if (ref[0] == '-') {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no reference of git's", ref);
    }
    int r = run_git(init, false, err);
    if (r == 0 && (run_git(shallow, true, NULL) == 0 || run_git(single, true, NULL) == 0)) {
        return run_git(head, false, err);
    }
    r = r < 0 ? r : run_git(whole, false, err);
    return r < 0 ? r : run_git(named, false, err);
}

/* The commit that is checked out: HEAD is detached. */
static char *read_commit(int root)
{
    char *line = NULL;
    CLEANUP(fd) int git = openat(root, ".git", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return git >= 0 && file_read_line(git, "HEAD", &line, NULL) >= 0 ? line : NULL;
}

int git_fetch(const char *text, const char *to, bool keep_git_dir, char **ret_commit,
              struct error **err)
{
    size_t n = strcspn(text, "#");
    CLEANUP(free) char *url = xstrndup(text, n);
    CLEANUP(free) char *ref = xstrdup(text[n] && text[n + 1] ? text + n + 1 : "HEAD");
    CLEANUP(free) char *at = str_format("%s.git", to);
    char *folder = strchr(ref, ':');
    if (folder) {
        *folder++ = '\0';
    }
    int r = fetch(url, *ref ? ref : "HEAD", at, err);
    CLEANUP(fd) int root = r < 0 ? -1 : open_file(AT_FDCWD, at, O_RDONLY | O_DIRECTORY, 0, err);
    r = r < 0 ? r : root;
    if (r >= 0 && ret_commit) {
        *ret_commit = read_commit(root);
    }
    if (r >= 0 && !keep_git_dir) {
        r = remove_tree(root, ".git", err);
    }
    CLEANUP(fd)
    int from =
        r < 0 ? -1
              : open_in_root(root, folder && *folder ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
    CLEANUP(fd) int into = from < 0 ? -1 : open_file(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0, err);
    if (r >= 0 && from < 0) {
        r = error_set_errno(err, ERROR_NOT_FOUND, -from, "the folder '%s' of '%s'", folder, url);
    } else if (r >= 0 && into >= 0 && (r = copy_content(from, into, NULL)) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, -r, "copying '%s'", url);
    }
    IGNORE(remove_tree(AT_FDCWD, at, NULL)); /* goes with the temporary folder else */
    return r < 0 ? r : 0;
}
