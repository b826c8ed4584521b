// SPDX-License-Identifier: Apache-2.0
/* `compose trust`: the host's programs believe the load balancer's own authority. Side effects: a
 * file in /usr/local/share/ca-certificates, and what update-ca-certificates makes of it. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "compose/balancer.h"
#include "compose/verbs/verbs.h"
#include "engine/volumes.h"

#define CERTIFICATE_BYTES_MAX 65536
#define CERTIFICATE_END "-----END CERTIFICATE-----"
#define TRUSTED "/usr/local/share/ca-certificates"

static int read_root(const struct compose_request *r, const char *project, char **ret,
                     struct error **err)
{
    CLEANUP(free) char *name = str_format("%s_" BALANCER_SERVICE, project);
    CLEANUP(volume) struct volume v = {0};
    int result = volume_load(&r->engine, name, &v, NULL);
    if (result >= 0) {
        CLEANUP(free)
        char *path = str_format("%s/caddy/pki/authorities/local/root.crt", v.path);
        result = file_read(AT_FDCWD, path, CERTIFICATE_BYTES_MAX, ret, NULL, NULL);
    }
    if (result < 0 || !strstr(*ret, CERTIFICATE_END)) { /* the balancer may be writing it now */
        result = error_set(err, ERROR_NOT_FOUND, 0,
                           "project '%s' has no load balancer with an authority yet", project);
        return error_hint(err, result, "publish an https:// address with x-cloison, then 'up'");
    }
    return 0;
}

static int update_trust(struct error **err)
{
    char *const line[] = {(char *)"update-ca-certificates", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int code = posix_spawnp(&pid, line[0], &actions, NULL, line, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code) {
        int r = error_set_errno(err, ERROR_UNSUPPORTED, code, "executing 'update-ca-certificates'");
        return error_hint(err, r, "install the package ca-certificates");
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0 ? 0 : error_set(err, ERROR_INTERNAL, 0, "update-ca-certificates failed");
}

int verb_trust(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(free) char *root = NULL;
    int result = scope_load(r, &s, err);
    if (result < 0) {
        return result;
    }
    CLEANUP(free) char *path = str_format(TRUSTED "/cloison-%s.crt", s.name);
    if (asked_flag(r, "remove")) {
        if (unlink(path) < 0 && errno != ENOENT) {
            return error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", path);
        }
        return update_trust(err);
    }
    result = read_root(r, s.name, &root, err);
    if (result == 0 && asked_flag(r, "print")) {
        fputs(root, stdout);
        return 0;
    }
    if (result == 0) {
        result = file_write_atomic(AT_FDCWD, path, root, strlen(root), 0644, FILE_SYNC, err);
    }
    return result < 0 ? result : update_trust(err);
}
