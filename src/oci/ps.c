// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci ps`: the container's processes, as numbers or as the host's ps shows them. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "oci/container.h"

struct ps_values {
    const char *format;
};

static void print_json(const pid_t *pids, size_t count)
{
    printf("[");
    for (size_t i = 0; i < count; i++) {
        printf("%s%d", i ? "," : "", pids[i]);
    }
    printf("]\n");
}

static bool is_in(const pid_t *pids, size_t count, int64_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* The n-th word of the line, counted from 0; the caller frees. */
static char *word_of(const char *line, int n)
{
    for (;; n--) {
        line += strspn(line, " \t");
        size_t len = strcspn(line, " \t\n");
        if (n == 0 || !len) {
            return xstrndup(line, len);
        }
        line += len;
    }
}

static int pid_column(const char *heading)
{
    for (int i = 0;; i++) {
        CLEANUP(free) char *word = word_of(heading, i);
        if (!*word) {
            return -1;
        }
        if (str_equal(word, "PID")) {
            return i;
        }
    }
}

static int print_lines(FILE *output, const pid_t *pids, size_t count, struct error **err)
{
    CLEANUP(free) char *line = NULL;
    size_t room = 0;
    int column = getline(&line, &room, output) < 0 ? -1 : pid_column(line);
    if (column < 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "couldn't find PID field in ps output");
    }
    fputs(line, stdout);
    while (getline(&line, &room, output) >= 0) {
        CLEANUP(free) char *word = word_of(line, column);
        int64_t pid;
        if (str_to_i64(word, 10, &pid) == 0 && is_in(pids, count, pid)) {
            fputs(line, stdout);
        }
    }
    return 0;
}

static int spawn_ps(char **arguments, int output, pid_t *ret, struct error **err)
{
    static char name[] = "ps", all[] = "-ef";
    CLEANUP(strv) struct strv argv = {0};
    strv_add(&argv, name);
    strv_add_all(&argv, arguments);
    if (argv.count == 1) {
        strv_add(&argv, all);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    int r = posix_spawnp(ret, "ps", &actions, NULL, argv.items, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r ? error_set_errno(err, ERROR_KERNEL, r, "executing ps") : 0;
}

static int print_ps(char **arguments, const pid_t *pids, size_t count, struct error **err)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(stream) FILE *output = fdopen(ends[0], "r");
    pid_t pid = 0;
    int r = spawn_ps(arguments, ends[1], &pid, err);
    fd_close(ends[1]);
    if (r < 0) {
        return r;
    }
    r = print_lines(output, pids, count, err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (r >= 0 && status) {
        return error_set(err, ERROR_KERNEL, EIO, "ps failed with status %d", WEXITSTATUS(status));
    }
    return r;
}

/* Whoever calls a runtime takes them for the host's: of a machine, that is what stands for it. */
static int host_pids(const struct oci_container *c, pid_t **ret, size_t *ret_count,
                     struct error **err)
{
    const struct wall_ops *wall = c->oci->wall;
    if (!wall->files) {
        return wall->pids(c->workload, ret, ret_count, err);
    }
    *ret = xcalloc(1, sizeof(**ret));
    **ret = wall->pid(c->workload);
    *ret_count = **ret > 0;
    return 0;
}

static int ps_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    const struct ps_values *v = values;
    bool json = str_equal(v->format, "json");
    if (v->format && !json && strcmp(v->format, "table") != 0) {
        return error_set(err, ERROR_USAGE, 0, "invalid format option: '%s'", v->format);
    }
    CLEANUP(oci_container) struct oci_container *c = NULL;
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    int r = oci_container_open(oci_of(context), argv[0], OCI_LOOK, &c, err);
    if (r >= 0 && c->workload) {
        r = host_pids(c, &pids, &count, err);
    }
    if (r < 0) {
        return r;
    }
    if (json) {
        print_json(pids, count);
        return 0;
    }
    return print_ps(argv + 1, pids, count, err);
}

static const struct option ps_options[] = {
    {'f', "format", OPTION_STRING, offsetof(struct ps_values, format), "FORMAT", "table or json",
     COMPLETE_WORDS, "table json"},
    {0},
};

const struct command oci_ps = {
    .name = "ps",
    .group = "Commands",
    .summary = "List the processes of a container",
    .arguments = "[OPTIONS] CONTAINER [PS-OPTION...]",
    .options = ps_options,
    .values_size = sizeof(struct ps_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_CONTAINER,
    .run = ps_run,
};
