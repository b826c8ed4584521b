// SPDX-License-Identifier: Apache-2.0
#include "build/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"

#define ANSWER_BYTES_MAX ((size_t)16 << 20)

static volatile sig_atomic_t stopped;
static volatile pid_t to_kill;

static void on_stop(int signal)
{
    stopped = 1;
    if (to_kill > 0) {
        (void)kill(to_kill, SIGKILL);
    }
}

bool job_is_stopped(void)
{
    return stopped;
}

void job_kills(pid_t pid)
{
    to_kill = pid;
    if (stopped && pid > 0) {
        (void)kill(pid, SIGKILL); /* it came in between */
    }
}

/* The terminal's ^C comes to all of us: the parent decides what it means. */
static void set_signals(pid_t parent)
{
    struct sigaction stop = {.sa_handler = on_stop};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;
    sigemptyset(&none);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
    (void)sigaction(SIGQUIT, &ignore, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != parent) {
        stopped = 1;
    }
}

static void write_answer(int fd, json_t *result, const struct error *e)
{
    CLEANUP(json) json_t *answer = json_object();
    if (result) {
        json_object_set(answer, "result", result);
    }
    if (e) {
        json_object_set_new(answer, "error", error_to_json(e));
    }
    CLEANUP(free) char *text = json_dumps(answer, JSON_COMPACT);
    if (text) {
        (void)write_all(fd, text, strlen(text)); /* a parent that has gone needs no answer */
    }
}

int job_start(struct build *b, struct stage *s, struct build_step *step, job_work *work,
              struct job *ret, struct error **err)
{
    int out[2] = {-1, -1}, result[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(result, O_CLOEXEC) < 0) {
        int code = errno;
        fd_close(out[0]);
        fd_close(out[1]);
        return error_set_errno(err, ERROR_KERNEL, code, "making a pipe");
    }
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        set_signals(self);
        fd_close(out[0]);
        fd_close(result[0]);
        struct error *e = NULL;
        json_t *answer = NULL;
        if (stopped) {
            _exit(1);
        }
        IGNORE(work(b, s, step, out[1], &answer, &e) < 0); /* told over the pipe */
        write_answer(result[1], answer, e);
        _exit(e != NULL);
    }
    fd_close(out[1]);
    fd_close(result[1]);
    if (pid < 0) {
        int code = errno;
        fd_close(out[0]);
        fd_close(result[0]);
        return error_set_errno(err, ERROR_KERNEL, code, "making a process");
    }
    *ret = (struct job){.pid = pid,
                        .output = out[0],
                        .result = result[0],
                        .stage = s,
                        .step = step,
                        .answer = {.max = ANSWER_BYTES_MAX}};
    return 0;
}

int job_end(struct job *j, json_t **ret_result, struct error **err)
{
    int status = 0;
    while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR) {
    }
    fd_close(j->output);
    fd_close(j->result);
    CLEANUP(json) json_t *answer = NULL;
    int r =
        j->answer.len ? json_parse(j->answer.data, j->answer.len, "step", &answer, NULL) : -EPROTO;
    strbuf_done(&j->answer);
    if (r < 0) {
        return WIFSIGNALED(status)
                   ? error_set(err, ERROR_INTERNAL, EINTR,
                               "the step's process was ended by signal %d", WTERMSIG(status))
                   : error_set(err, ERROR_BUSY, EINTR, "interrupted");
    }
    json_t *e = json_object_get(answer, "error");
    if (e) {
        return error_from_object(e, "cloison-build", err);
    }
    *ret_result = json_incref(json_object_get(answer, "result"));
    return 0;
}

void job_stop(struct job *j)
{
    (void)kill(j->pid, SIGTERM);
}
