// SPDX-License-Identifier: Apache-2.0
#include "image/registry/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"

#define ANSWER_BYTES_MAX 65536
#define TOKEN_USER "<token>" /* the secret is then an identity token */

static int spawn_helper(const char *program, const char *verb, int in, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code) {
        return code;
    }
    code = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    char *const argv[] = {(char *)program, (char *)verb, NULL};
    code = code ? code : posix_spawnp(ret_pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return status;
}

/* A file without a name for what is sent: a pipe's reader that has gone would send us a signal. */
static int input_fd(const char *text, struct error **err)
{
    CLEANUP(fd) int fd = memfd_create("credentials", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : write_all(fd, text, strlen(text));
    if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
        r = -errno;
    }
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "making a file in memory") : take_fd(&fd);
}

/* Its answer, NUL-terminated; *ret_status is waitpid's. The caller clears and frees the answer. */
static int call(const char *name, const char *verb, const char *input, char **ret_answer,
                int *ret_status, struct error **err)
{
    if (strchr(name, '/') || !*name) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no name of a credential helper",
                         name);
    }
    CLEANUP(free) char *program = str_format("docker-credential-%s", name);
    CLEANUP(fd) int in = input_fd(input, err);
    int ends[2];
    if (in < 0) {
        return in;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int from = ends[0];
    CLEANUP(fd) int to = ends[1];
    pid_t pid = -1;
    int code = spawn_helper(program, verb, in, to, &pid);
    if (code) {
        return error_set_errno(err, ERROR_NOT_FOUND, code, "executing '%s'", program);
    }
    to = fd_close(to);
    char *answer = xcalloc(1, ANSWER_BYTES_MAX + 1);
    ssize_t n = read_all(from, answer, ANSWER_BYTES_MAX);
    from = fd_close(from); /* what is longer ends by SIGPIPE */
    *ret_status = wait_for(pid);
    *ret_answer = answer;
    answer[n < 0 ? 0 : n] = '\0';
    return 0;
}

static int refused(const char *name, const char *verb, char *answer, struct error **err)
{
    answer[strcspn(answer, "\r\n")] = '\0';
    return error_set(err, ERROR_DENIED, 0, "'docker-credential-%s %s' fails%s%s", name, verb,
                     *answer ? ": " : "", answer);
}

static int take_answer(const char *answer, const char *name, struct credentials *ret,
                       struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free) char *where = str_format("docker-credential-%s", name);
    const char *user = NULL, *secret = NULL;
    int r;
    if ((r = json_parse(answer, strlen(answer), where, &json, err)) < 0 ||
        (r = json_get_str(json, "Username", where, &user, err)) < 0 ||
        (r = json_get_str(json, "Secret", where, &secret, err)) < 0) {
        return r;
    }
    if (!secret || !*secret) {
        return 0;
    }
    if (str_equal(user, TOKEN_USER)) {
        ret->identity_token = xstrdup(secret);
    } else {
        ret->basic = credentials_basic(str_or(user, ""), secret);
    }
    return 0;
}

int credential_helper_get(const char *name, const char *server, struct credentials *ret,
                          struct error **err)
{
    char *answer = NULL;
    int status = 0;
    *ret = (struct credentials){0};
    int r = call(name, "get", server, &answer, &status, err);
    if (r >= 0 && status == 0) {
        r = take_answer(answer, name, ret, err);
    } else if (r >= 0 && !strcasestr(answer, "credentials not found")) {
        r = refused(name, "get", answer, err);
    }
    if (answer) {
        explicit_bzero(answer, ANSWER_BYTES_MAX);
        free(answer);
    }
    return r;
}

static int call_checked(const char *name, const char *verb, const char *input, struct error **err)
{
    CLEANUP(free) char *answer = NULL;
    int status = 0;
    int r = call(name, verb, input, &answer, &status, err);
    return r >= 0 && status != 0 ? refused(name, verb, answer, err) : r;
}

int credential_helper_store(const char *name, const char *server, const struct login *login,
                            struct error **err)
{
    const char *token = login->identity_token;
    CLEANUP(json)
    json_t *json =
        json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
                  token ? TOKEN_USER : login->user, "Secret", token ? token : login->password);
    CLEANUP(free) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the login is not valid UTF-8");
    }
    return call_checked(name, "store", text, err);
}

int credential_helper_erase(const char *name, const char *server, struct error **err)
{
    return call_checked(name, "erase", server, err);
}
