// SPDX-License-Identifier: Apache-2.0
#include "wall/container/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"

/* The process's number in its own pid namespace; the last of "NSpid:" in its status. */
static pid_t pid_inside(pid_t pid)
{
    char path[32];
    CLEANUP(free) char *text = NULL;
    int64_t number = pid;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    char *line =
        file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0 ? NULL : strstr(text, "\nNSpid:");
    if (line) {
        line[1 + strcspn(line + 1, "\n")] = '\0';
        IGNORE(str_to_i64(strrchr(line, '\t') + 1, 10, &number)); /* the kernel's text */
    }
    return (pid_t)number;
}

/* The state as OCI's runtime.md#state has it, in a file at its beginning: read to its end, it needs
 * nobody to write meanwhile. */
static int state_file(const struct hook_state *s, bool inside, struct error **err)
{
    pid_t pid = inside ? pid_inside(s->pid) : s->pid;
    CLEANUP(json)
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:i,s:s}", "ociVersion", str_or(s->oci_version, "1.2.1"), "id",
                  s->id, "status", s->status, "pid", (int)pid, "bundle", str_or(s->bundle, ""));
    if (s->annotations_json) {
        (void)json_object_set_new(o, "annotations", json_loads(s->annotations_json, 0, NULL));
    }
    CLEANUP(free) char *text = json_dumps(o, JSON_COMPACT);
    CLEANUP(fd) int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0 || !text || write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "writing the state");
    }
    return take_fd(&fd);
}

/* In the hook's process. Joining a pid namespace takes another process: its end is passed on. */
static void enter(const struct hook_state *state)
{
    /* Without mounts of its own the workload's root comes with no namespace. */
    char root[32];
    (void)snprintf(root, sizeof(root), "/proc/%d/root", state->pid); /* fits */
    bool own_mounts = state->namespaces & CLONE_NEWNS;
    if ((!own_mounts && (chdir(root) < 0 || chroot(".") < 0)) ||
        setns(state->pidfd, (int)state->namespaces) < 0) {
        _exit(126);
    }
    pid_t pid = state->namespaces & CLONE_NEWPID ? fork() : 0;
    if (pid == 0) {
        return;
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        _exit(126);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void become_hook(const struct plan_hook *h, const struct hook_state *state,
                                  int input)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
    (void)setpgid(0, 0);                         /* a fresh child can */
    if (dup2(input, 0) < 0) {
        _exit(126);
    }
    if (h->inside) {
        enter(state);
    }
    /* In the bundle, as with runc and crun; startContainer's root has no such folder. */
    if (state->bundle && chdir(state->bundle) < 0 && chdir("/") < 0) {
        _exit(126);
    }
    execve(h->path, h->argv, h->envp ? h->envp : environ);
    _exit(127);
}

static int hook_error(const struct plan_hook *h, const char *what, int number, struct error **err)
{
    return error_set(err, ERROR_KERNEL, EIO, "%s hook '%s' %s %d", h->kind_name, h->path, what,
                     number);
}

/* 0, or an error that says how it ended. */
static int await_end(const struct plan_hook *h, pid_t pid, struct error **err)
{
    int status;
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};
    int n;
    do {
        n = poll(&polled, 1, h->timeout_ms);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        (void)kill(-pid, SIGKILL); /* ended meanwhile: fine */
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "%s hook '%s'", h->kind_name, h->path);
        }
    }
    if (n == 0) {
        return hook_error(h, "did not end within its timeout in milliseconds,", h->timeout_ms, err);
    }
    if (WIFSIGNALED(status)) {
        return hook_error(h, "was killed by signal", WTERMSIG(status), err);
    }
    if (WEXITSTATUS(status) == 0) {
        return 0;
    }
    return hook_error(h, "ended with status", WEXITSTATUS(status), err);
}

int hook_run(const struct plan_hook *h, const struct hook_state *state, struct error **err)
{
    CLEANUP(fd) int input = state_file(state, h->inside, err);
    if (input < 0) {
        return input;
    }
    pid_t pid = fork();
    if (pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "%s hook '%s'", h->kind_name, h->path);
    }
    if (pid == 0) {
        become_hook(h, state, input);
    }
    return await_end(h, pid, err);
}

int hooks_run_record(const struct record *r, int pidfd, int kind, const char *status,
                     struct error **err)
{
    const struct hook_state state = {
        .oci_version = r->oci_version,
        .id = r->id,
        .status = status,
        .bundle = r->bundle,
        .annotations_json = r->annotations_json,
        .pid = r->pid,
        .pidfd = pidfd,
        .namespaces = r->namespaces,
    };
    for (size_t i = 0; i < r->hook_count; i++) {
        int result = r->hooks[i].kind == kind ? hook_run(&r->hooks[i], &state, err) : 0;
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

void hooks_run_late(const struct workload *w, int kind, const char *status)
{
    const struct record *r = &w->record;
    const struct hook_state state = {r->oci_version,      r->id,  status, r->bundle,
                                     r->annotations_json, r->pid, -1,     0};
    for (size_t i = 0; i < r->hook_count; i++) {
        CLEANUP(error) struct error *err = NULL;
        if (r->hooks[i].kind == kind && hook_run(&r->hooks[i], &state, &err) < 0 && w->warning) {
            CLEANUP(free) char *text = error_text(err);
            w->warning(w->warning_context, text);
        }
    }
}
