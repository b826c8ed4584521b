// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <time.h>

#include "base/test.h"

static void time_is(int64_t seconds, long nanoseconds, const char *expected)
{
    struct timespec t = {seconds, nanoseconds};
    char text[TIME_TEXT_BYTES];
    time_text(&t, text);
    CHECK_STR(text, expected);
}

static void test_file_time_text(void)
{
    time_is(0, 0, "1970-01-01T00:00:00.000000000Z");
    time_is(-1, 999999999, "1969-12-31T23:59:59.999999999Z");
    time_is(951782400, 1, "2000-02-29T00:00:00.000000001Z");
    time_is(1767323045, 5000000, "2026-01-02T03:04:05.005000000Z");
    time_is(4107542399, 0, "2100-02-28T23:59:59.000000000Z");
    time_is(4107542400, 0, "2100-03-01T00:00:00.000000000Z");
}

static void test_file_time_there_and_back(void)
{
    for (int64_t s = 0; s < 4200000000; s += 12345678) {
        struct timespec t = {s, 123456789}, back = {0};
        char text[TIME_TEXT_BYTES];
        time_text(&t, text);
        CHECK_INT(time_parse(text, &back), 0);
        CHECK_INT(back.tv_sec, s);
        CHECK_INT(back.tv_nsec, 123456789);
    }
}

static void test_file_random_hex(void)
{
    CLEANUP(free) char *a = random_hex(32), *b = random_hex(32);
    CHECK_INT(strlen(a), 64);
    CHECK_INT(strspn(a, "0123456789abcdef"), 64);
    CHECK(!str_equal(a, b));
}

static void test_file_sweep_temporaries(void)
{
    char folder[] = "/tmp/file_test.XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *const names[] = {"a.json", "a.json.tmp-old", "a.json.tmp-new"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        fd_close(openat(fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 100}, {.tv_sec = time(NULL) - 100}};
    CHECK_INT(utimensat(fd, names[1], old, 0), 0);
    file_sweep_temporaries(AT_FDCWD, folder, 50);
    CHECK_INT(faccessat(fd, names[0], F_OK, 0), 0);
    CHECK_INT(faccessat(fd, names[1], F_OK, 0), -1);
    CHECK_INT(faccessat(fd, names[2], F_OK, 0), 0);
    file_sweep_temporaries(fd, ".", 0);
    CHECK_INT(faccessat(fd, names[0], F_OK, 0), 0);
    CHECK_INT(faccessat(fd, names[2], F_OK, 0), -1);
    CHECK_INT(remove_tree(AT_FDCWD, folder, NULL), 0);
}

static const struct test tests[] = {
    TEST(test_file_time_text),
    TEST(test_file_time_there_and_back),
    TEST(test_file_random_hex),
    TEST(test_file_sweep_temporaries),
};
TEST_MAIN(tests)
