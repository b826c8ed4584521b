// SPDX-License-Identifier: Apache-2.0
/* Times commands against each other, in turns, so that what else happens on the machine meets all.
 *
 *     pairs COUNT COMMAND [ARG…] [-- COMMAND [ARG…]]…
 *
 * Runs each command once unmeasured, then COUNT rounds of all of them, each whole process from
 * spawn to end with stdin and stdout at /dev/null. Prints a line for each: median, lowest and
 * highest in microseconds. A command that fails ends it with status 1. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 8
#define ROUNDS_MAX 10000

extern char **environ;

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static long run_once(char **command)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    long begin = now_us();
    int r = posix_spawnp(&pid, command[0], &files, NULL, command, environ);
    if (r != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "pairs: '%s' failed\n", command[0]);
        exit(1);
    }
    long end = now_us();
    posix_spawn_file_actions_destroy(&files);
    return end - begin;
}

static int by_value(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

/* Cuts argv into commands at "--": how many. */
static int cut(char **argv, char **commands[COMMANDS_MAX])
{
    int count = 0;
    while (*argv && count < COMMANDS_MAX) {
        commands[count++] = argv;
        while (*argv && strcmp(*argv, "--") != 0) {
            argv++;
        }
        if (*argv) {
            *argv++ = NULL;
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    static long times[COMMANDS_MAX][ROUNDS_MAX];
    char **commands[COMMANDS_MAX], *end;
    long rounds = argc > 2 ? strtoul(argv[1], &end, 10) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX || *end) {
        fprintf(stderr, "usage: pairs COUNT COMMAND [ARG...] [-- COMMAND [ARG...]]...\n");
        return 125;
    }
    int count = cut(argv + 2, commands);
    for (long i = -1; i < rounds; i++) {
        for (int k = 0; k < count; k++) {
            long took = run_once(commands[k]);
            if (i >= 0) {
                times[k][i] = took;
            }
        }
    }
    for (int k = 0; k < count; k++) {
        qsort(times[k], (size_t)rounds, sizeof(times[k][0]), by_value);
        printf("%ld %ld %ld\n", times[k][rounds / 2], times[k][0], times[k][rounds - 1]);
    }
    return 0;
}
