// SPDX-License-Identifier: Apache-2.0
/* `cloison top`: the processes of a container, as the host's `ps` shows them: those of the host's
 * kernel, or of its own behind the VM wall. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/top.h"
#include "engine/control.h"
#include "engine/recover.h"
#include "engine/stats.h"

#define OUTPUT_MAX ((size_t)64 << 20)

extern char **environ;

/* What the program prints, in *out; its exit status, or a negative errno. */
static int run_ps(char *const argv[], struct strbuf *out, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int from = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t pid = -1;
    int code = posix_spawnp(&pid, "ps", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    fd_close(ends[1]);
    if (code) {
        int r = error_set_errno(err, ERROR_UNSUPPORTED, code, "executing 'ps'");
        return error_hint(err, r, "install the package procps");
    }
    char chunk[16384];
    ssize_t n;
    while ((n = read_all(from, chunk, sizeof(chunk))) > 0) {
        strbuf_add(out, chunk, (size_t)n);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The words of a line; the last one may hold spaces, which matters to nobody here. */
static int find_column(const char *line, size_t len, const char *name)
{
    int column = 0;
    for (size_t at = 0; at < len; column++) {
        at += strspn(line + at, " ");
        size_t word = strcspn(line + at, " \n");
        if (word == strlen(name) && strncmp(line + at, name, word) == 0) {
            return column;
        }
        at += word;
        if (at >= len) {
            break;
        }
    }
    return -1;
}

static int64_t number_in_column(const char *line, int column)
{
    for (;; column--) {
        line += strspn(line, " ");
        size_t word = strcspn(line, " \n");
        if (column == 0) {
            CLEANUP(free) char *text = xstrndup(line, word);
            int64_t number = 0;
            return str_to_i64(text, 10, &number) < 0 ? -1 : number;
        }
        if (!word) {
            return -1;
        }
        line += word;
    }
}

static bool is_among(const pid_t *pids, size_t count, int64_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* Prints the heading and the lines of these processes. */
static int print_lines(const char *text, const pid_t *pids, size_t count, struct error **err)
{
    size_t heading = strcspn(text, "\n");
    int column = find_column(text, heading, "PID");
    if (column < 0) {
        int r = error_set(err, ERROR_USAGE, 0, "the output of 'ps' has no column PID");
        return error_hint(err, r, "with -o, name pid among the columns");
    }
    printf("%.*s\n", (int)heading, text);
    for (text += heading; *text == '\n' && text[1]; text += strcspn(text, "\n")) {
        text++;
        if (is_among(pids, count, number_in_column(text, column))) {
            printf("%.*s\n", (int)strcspn(text, "\n"), text);
        }
    }
    return 0;
}

/* `ps` is to see the workload's own kernel: its /proc takes the place of ours, for us and our child
 * alone. */
static int enter_processes(int proc, struct error **err)
{
    /* In a PID namespace of its own `ps` finds itself there, as number 1. */
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        syscall(SYS_move_mount, proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "looking at its processes");
    }
    return 0;
}

static int container_pids(const struct engine *e, const struct container *c, pid_t **ret,
                          size_t *ret_count, int *ret_proc, struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    int r = engine_workload(e, c, &wall, &w, err);
    if (r >= 0) {
        r = wall->pids ? wall->pids(w, ret, ret_count, err)
                       : wall_cannot(wall, "list processes", err);
        r = r < 0 || !wall->files ? r : wall->files(w, WALL_TREE_PROCESSES, ret_proc, err);
        wall->close(w);
    }
    return r;
}

struct top_values {
    bool host;
};

static int compare_pids(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

/* `ps` has no option of that name: behind the container it can only be ours. */
static bool wants_host(const struct top_values *v, int argc, char **argv)
{
    return v->host || (argc == 2 && str_equal(argv[1], "--host"));
}

static int top_run(const struct command_context *context, void *values, int argc, char **argv,
                   struct error **err)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(free) pid_t *pids = NULL;
    CLEANUP(strbuf) struct strbuf out = {.max = OUTPUT_MAX};
    CLEANUP(strv) struct strv words = {0};
    size_t count = 0;
    int r = container_find_recovered(&engine, argv[0], &c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(error) struct error *mine = NULL;
    CLEANUP(fd) int proc = -1;
    bool host = wants_host(values, argc, argv);
    r = container_pids(&engine, c, &pids, &count, &proc, &mine);
    if (r >= 0 && proc >= 0 && host) {
        top_print_monitor(c->pid);
    }
    r = r < 0 || proc < 0 ? r : enter_processes(proc, &mine);
    if (r < 0) {
        return control_explain(c, r, &mine, err);
    }
    if (host) {
        qsort(pids, count, sizeof(*pids), compare_pids);
        proc >= 0 ? top_print_inside(pids, count) : top_print_host(pids, count, c->pid);
        return 0;
    }
    strv_add(&words, "ps");
    strv_add_all(&words, argc > 1 ? argv + 1 : (char *[]){"-ef", NULL});
    r = run_ps(words.items, &out, err);
    if (r > 0) {
        return error_set(err, ERROR_USAGE, 0, "'ps' refused its options");
    }
    return r < 0 ? r : print_lines(str_or(out.data, ""), pids, count, err);
}

static const struct option top_options[] = {
    {0, "host", OPTION_FLAG, offsetof(struct top_values, host), NULL,
     "Show each process as it sees itself and as the host sees it", .origin = FROM_CLOISON},
    {0},
};

const struct command command_top = {
    .name = "top",
    .group = "Containers",
    .summary = "Show the processes of a container",
    .arguments = "[OPTIONS] CONTAINER [ps OPTIONS]",
    .options = top_options,
    .values_size = sizeof(struct top_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_CONTAINER,
    .run = top_run,
};
