// SPDX-License-Identifier: Apache-2.0
#include "image/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"

#define PROGRAM "cloison-image"
#define PULL_PROGRAM "cloison-current" /* becomes the other when there is something to do */
#define ERROR_FD 3
#define ERROR_BYTES_MAX 65536

json_t *image_request(const char *verb, const char *data_dir, const char *config_path)
{
    json_t *request = json_object();
    json_object_set_new(request, "verb", json_string(verb));
    json_object_set_new(request, "dataDir", json_string(data_dir));
    if (config_path) {
        json_object_set_new(request, "config", json_string(config_path));
    }
    return request;
}

static int request_text(const json_t *request, char **ret, struct error **err)
{
    *ret = json_dumps(request, JSON_COMPACT);
    return *ret ? 0
                : error_set(err, ERROR_INVALID_INPUT, 0,
                            "an argument is not valid UTF-8 and cannot be handed on");
}

/* The program of a request; the caller frees. */
static char *path_of(const json_t *request)
{
    const char *verb = json_string_value(json_object_get(request, "verb"));
    return program_path(str_equal(verb, "pull") ? PULL_PROGRAM : PROGRAM);
}

static int cannot_execute(const char *path, int code, struct error **err)
{
    int r = error_set_errno(err, ERROR_UNSUPPORTED, code, "executing '%s'", path);
    return error_hint(err, r, "is cloison installed whole?");
}

int image_helper_become(const json_t *request, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(free) char *path = path_of(request);
    int r = request_text(request, &text, err);
    if (r < 0) {
        return r;
    }
    fflush(NULL);
    char *const argv[] = {strrchr(path, '/') + 1, text, NULL};
    execv(path, argv);
    return cannot_execute(path, errno, err);
}

static int spawn(const char *path, char *text, enum helper_output output, int error_fd,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code) {
        return code;
    }
    if (output == HELPER_TO_NOWHERE) {
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    } else if (output == HELPER_TO_STDERR) {
        code = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    }
    if (!code) { /* the same number twice clears close-on-exec */
        code = posix_spawn_file_actions_adddup2(&actions, error_fd, ERROR_FD);
    }
    char *const argv[] = {strrchr(path, '/') + 1, text, NULL};
    if (!code) {
        code = posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int wait_status(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return status;
}

int image_helper_run(const json_t *request, enum helper_output output, struct error **err)
{
    CLEANUP(json) json_t *copy = json_copy((json_t *)request);
    json_object_set_new(copy, "errorFd", json_integer(ERROR_FD));
    CLEANUP(free) char *text = NULL;
    CLEANUP(free) char *path = path_of(request);
    int r = request_text(copy, &text, err);
    if (r < 0) {
        return r;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int read_end = ends[0];
    CLEANUP(fd) int write_end = ends[1];
    pid_t pid = -1;
    int code = spawn(path, text, output, write_end, &pid);
    if (code) {
        return cannot_execute(path, code, err);
    }
    write_end = fd_close(write_end);
    char message[ERROR_BYTES_MAX];
    ssize_t n = read_all(read_end, message, sizeof(message));
    int status = wait_status(pid);
    if (status == 0) {
        return 0;
    }
    if (status > 0 && WIFSIGNALED(status)) {
        return error_set(err, ERROR_INTERNAL, EINTR, PROGRAM " was ended by signal %d",
                         WTERMSIG(status));
    }
    return error_from_json(message, n < 0 ? 0 : (size_t)n, PROGRAM, err);
}
