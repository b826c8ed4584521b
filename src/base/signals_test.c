// SPDX-License-Identifier: Apache-2.0
#include "base/signals.h"

#include <signal.h>

#include "base/test.h"

static int parsed(const char *text)
{
    int n = 0;
    return signal_parse(text, &n, NULL) < 0 ? -1 : n;
}

static void test_signals_parse(void)
{
    CHECK_INT(parsed("TERM"), SIGTERM);
    CHECK_INT(parsed("SIGKILL"), SIGKILL);
    CHECK_INT(parsed("sighup"), SIGHUP);
    CHECK_INT(parsed("15"), 15);
    CHECK_INT(parsed("RTMIN+3"), SIGRTMIN + 3);
    CHECK_INT(parsed("SIGRTMIN+20"), SIGRTMIN + 20);
    CHECK_INT(parsed("RTMAX"), SIGRTMAX);
    CHECK_INT(parsed("SIGRTMAX-2"), SIGRTMAX - 2);
    CHECK_INT(parsed("SIGPOLL"), SIGIO);
    CHECK_INT(parsed("0"), -1);
    CHECK_INT(parsed("65"), -1);
    CHECK_INT(parsed("TREM"), -1);
    CHECK_INT(parsed("RTMIN+31"), -1);
    CHECK_INT(parsed(""), -1);
}

static void test_signals_name(void)
{
    CHECK_STR(signal_name(SIGTERM), "SIGTERM");
    CHECK_STR(signal_name(SIGSYS), "SIGSYS");
    CHECK_STR(signal_name(34), "SIGRTMIN");
    CHECK_STR(signal_name(37), "SIGRTMIN+3");
    CHECK_STR(signal_name(64), "SIGRTMAX");
    CHECK_STR(signal_name(32), NULL);
    CHECK_STR(signal_name(0), NULL);
}

static const struct test tests[] = {TEST(test_signals_parse), TEST(test_signals_name)};
TEST_MAIN(tests)
