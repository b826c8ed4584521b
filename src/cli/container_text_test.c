// SPDX-License-Identifier: Apache-2.0
#include "cli/container_text.h"

#include <time.h>

#include "base/test.h"

static void expect(char *actual_take, const char *expected)
{
    CLEANUP(free) char *actual = actual_take;
    CHECK_STR(actual, expected);
}

static char *ago(int seconds)
{
    static char text[2][TIME_TEXT_BYTES];
    static int turn;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec -= seconds;
    turn = !turn;
    time_text(&t, text[turn]);
    return text[turn];
}

static void test_container_text_status(void)
{
    struct container c = {.started = ago(125), .status = CONTAINER_RUNNING};
    expect(container_status_text(&c), "Up 2 minutes");
    c.health = "starting";
    expect(container_status_text(&c), "Up 2 minutes (health: starting)");
    c.health = "unhealthy";
    expect(container_status_text(&c), "Up 2 minutes (unhealthy)");
    c.status = CONTAINER_PAUSED;
    expect(container_status_text(&c), "Up 2 minutes (Paused)");
    c = (struct container){.status = CONTAINER_CREATED};
    expect(container_status_text(&c), "Created");
    c = (struct container){.status = CONTAINER_EXITED, .finished = ago(3)};
    expect(container_status_text(&c), "Exited (0) 3 seconds ago");
    c = (struct container){.status = CONTAINER_RESTARTING, .exit_code = 1, .finished = ago(1)};
    expect(container_status_text(&c), "Restarting (1) 1 second ago");
}

static void test_container_text_limits_are_told(void)
{
    struct container c = {
        .status = CONTAINER_EXITED, .exit_code = 137, .oom_killed = true, .finished = ago(7200)};
    expect(container_status_text(&c), "Exited (137) 2 hours ago (memory limit)");
    c.oom_killed = false;
    c.pids_limit_hit = true;
    expect(container_status_text(&c), "Exited (137) 2 hours ago (pids limit)");
}

static void test_container_text_ports(void)
{
    struct container c = {.status = CONTAINER_RUNNING};
    c.network = json_pack("{s:[{s:i, s:i, s:s, s:s}, {s:i, s:i, s:s, s:s}, {s:i, s:i, s:s, s:s}]}",
                          "ports", "host", 8080, "container", 80, "proto", "tcp", "address",
                          "0.0.0.0", "host", 8081, "container", 81, "proto", "tcp", "address",
                          "0.0.0.0", "host", 53, "container", 53, "proto", "udp", "address", "::1");
    expect(container_ports_text(&c), "0.0.0.0:8080-8081->80-81/tcp, [::1]:53->53/udp");
    c.status = CONTAINER_EXITED;
    expect(container_ports_text(&c), "");
    json_decref(c.network);
}

static void test_container_text_command(void)
{
    struct container c = {0};
    strv_add(&c.args, "nginx");
    strv_add(&c.args, "-g");
    strv_add(&c.args, "daemon \"off\";\n");
    expect(container_command_text(&c, false), "\"nginx -g daemon \\\"off\\\";\\n\"");
    expect(container_command_text(&c, true), "\"nginx -g daemon \\\"of…\"");
    strv_done(&c.args);
}

static void test_container_text_shortens_by_characters(void)
{
    expect(text_shorten("héllo", 5), "héllo");
    expect(text_shorten("hélloo", 5), "héll…");
    expect(text_shorten("", 5), "");
}

static const struct test tests[] = {
    TEST(test_container_text_status),
    TEST(test_container_text_limits_are_told),
    TEST(test_container_text_ports),
    TEST(test_container_text_command),
    TEST(test_container_text_shortens_by_characters),
};
TEST_MAIN(tests)
