// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define MIDDLE " 1 1 1 0 -1 4194560 55 0 1 0 0 0 0 0 20 0 "

static void test_process_start_parse(void)
{
    CHECK_INT(process_start_parse("7 (sh) S" MIDDLE "1 0 2160364 2322432 343\n"), 2160364);
    CHECK_INT(process_start_parse("7 (a) b (c)) R" MIDDLE "1 0 5 6\n"), 5);
    CHECK_INT(process_start_parse("7 (sh) Z" MIDDLE "1 0 5 6\n"), 0);
    CHECK_INT(process_start_parse("7 (sh) Z" MIDDLE "2 0 5 6\n"), 5); /* its threads go on */
    CHECK_INT(process_start_parse("7 (sh) S 1 1\n"), 0);
    CHECK_INT(process_start_parse("7 (sh) S" MIDDLE "1 0 x 6\n"), 0);
    CHECK_INT(process_start_parse(""), 0);
}

static void test_process_start_time_of_the_ended_is_none(void)
{
    siginfo_t info;
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    CHECK(process_start_time(-1, child) > 0);
    CHECK(process_start_time(-1, getpid()) > 0);
    CHECK(kill(child, SIGKILL) == 0 && waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    CHECK_INT(process_start_time(-1, child), 0); /* not yet reaped */
    CHECK_INT(waitpid(child, NULL, 0), child);
    CHECK_INT(process_start_time(-1, child), 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_process_start_parse),
        TEST(test_process_start_time_of_the_ended_is_none),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
