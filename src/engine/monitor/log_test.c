// SPDX-License-Identifier: Apache-2.0
#include "engine/monitor/log.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"

static const struct timespec moment = {1767323045, 5000000};

static char *formatted(const char *line, size_t len, bool whole)
{
    struct strbuf b = {0};
    log_format(&b, "stdout", &moment, line, len, whole);
    return strbuf_take(&b);
}

static void test_log_line_is_dockers(void)
{
    CLEANUP(free) char *text = formatted("hello", 5, true);
    CHECK_STR(
        text,
        "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.005000000Z"
        "\"}\n");
}

static void test_log_partial_line_has_no_newline(void)
{
    CLEANUP(free) char *text = formatted("hel", 3, false);
    CHECK(str_starts(text, "{\"log\":\"hel\",\"stream\""));
}

static void test_log_escapes_as_docker(void)
{
    CLEANUP(free) char *text = formatted("a\"\\\t\r\033<&>", 9, false);
    CHECK(str_starts(text, "{\"log\":\"a\\\"\\\\\\u0009\\r\\u001b\\u003c\\u0026\\u003e\","));
}

static void test_log_keeps_utf8_and_replaces_what_is_none(void)
{
    CLEANUP(free) char *good = formatted("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, false);
    CHECK(str_starts(good, "{\"log\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\","));
    CLEANUP(free) char *bad = formatted("\xff\xc0\xaf\xe2\x82", 5, false);
    CHECK(str_starts(bad, "{\"log\":\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\","));
    CLEANUP(free) char *surrogate = formatted("\xed\xa0\x80", 3, false);
    CHECK(str_starts(surrogate, "{\"log\":\"\\ufffd\\ufffd\\ufffd\","));
    CLEANUP(free) char *separators = formatted("\xe2\x80\xa8\xe2\x80\xa9", 6, false);
    CHECK(str_starts(separators, "{\"log\":\"\\u2028\\u2029\","));
}

static size_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void test_log_rotates_by_size_and_count(void)
{
    char folder[] = "/tmp/log_test.XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    CLEANUP(free) char *path = str_format("%s/x-json.log", folder);
    CLEANUP(free) char *first = str_format("%s.1", path);
    CLEANUP(free) char *second = str_format("%s.2", path);
    CLEANUP(free) char *third = str_format("%s.3", path);
    CLEANUP(error) struct error *err = NULL;
    struct log log;
    CHECK_OK(log_open(&log, path, 1000, 3, &err), err);
    for (int i = 0; i < 100; i++) {
        log_add(&log, "stdout", &moment, "0123456789", 10, true);
    }
    log_flush(&log);
    CHECK(file_size(path) > 0 && file_size(path) < 1200);
    CHECK(file_size(first) >= 1000 && file_size(first) < 1200);
    CHECK(file_size(second) >= 1000);
    CHECK_INT(access(third, F_OK), -1);
    log_close(&log);
    CHECK_OK(remove_tree(AT_FDCWD, folder, &err), err);
}

static const struct test tests[] = {
    TEST(test_log_line_is_dockers),           TEST(test_log_partial_line_has_no_newline),
    TEST(test_log_escapes_as_docker),         TEST(test_log_keeps_utf8_and_replaces_what_is_none),
    TEST(test_log_rotates_by_size_and_count),
};
TEST_MAIN(tests)
