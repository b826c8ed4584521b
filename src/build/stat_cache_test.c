// SPDX-License-Identifier: Apache-2.0
#include "build/stat_cache.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"
#include "build/stat_marks.h"

static char folder[] = "/tmp/stat-cache-XXXXXX";

static struct stat stat_of(int number)
{
    return (struct stat){.st_size = number,
                         .st_ino = (ino_t)number,
                         .st_mtim = {.tv_sec = 1000},
                         .st_ctim = {.tv_sec = 1000}};
}

static void put(struct stat_cache *c, int number, int value)
{
    struct stat st = stat_of(number);
    unsigned char digest[CONTENT_DIGEST_BYTES] = {(unsigned char)value};
    st.st_mtim.tv_nsec = value;
    stat_cache_put(c, &st, stat_cache_clock(), digest);
}

/* The value that is kept of the file as it was when it had `value`; -1: none. */
static int found(struct stat_cache *c, int number, int value)
{
    struct stat st = stat_of(number);
    st.st_mtim.tv_nsec = value;
    const unsigned char *digest = stat_cache_find(c, &st);
    return digest ? digest[0] : -1;
}

static struct stat_cache *reopen(struct stat_cache *c)
{
    stat_cache_close(c);
    CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return stat_cache_open(folder, fd);
}

static void test_stat_cache_keeps_what_stat_says_and_forgets_what_it_does_not(void)
{
    CHECK(mkdtemp(folder));
    struct stat_cache *c = reopen(NULL);
    for (int i = 0; i < 1000; i++) {
        put(c, i, i % 100);
    }
    c = reopen(c);
    for (int i = 0; i < 1000; i++) { /* in order, as a walk comes */
        CHECK_INT(found(c, i, i % 100), i % 100);
    }
    for (int i = 999; i >= 0; i -= 7) { /* in none */
        CHECK_INT(found(c, i, i % 100), i % 100);
    }
    CHECK_INT(found(c, 5, 6), -1);
    CHECK_INT(found(c, 1000, 0), -1);
    stat_cache_close(c);
}

static void test_stat_cache_a_changed_file_takes_the_place_of_what_it_was(void)
{
    struct stat_cache *c = reopen(NULL);
    for (int round = 1; round <= 5; round++) {
        put(c, 500, 100 + round);
        c = reopen(c);
        CHECK_INT(found(c, 499, 99), 99);
        CHECK_INT(found(c, 500, 100 + round), 100 + round);
        CHECK_INT(found(c, 500, 0), -1);
        CHECK_INT(found(c, 501, 1), 1);
    }
    stat_cache_close(c);
}

static void test_stat_cache_grows_by_what_is_there_and_forgets_the_rest(void)
{
    struct stat_cache *c = reopen(NULL);
    for (int i = 0; i < 1000; i += 2) {
        CHECK_INT(found(c, i, i == 500 ? 105 : i % 100), i == 500 ? 105 : i % 100);
    }
    for (int i = 2000; i < 5000; i++) {
        put(c, i, i % 100);
    }
    c = reopen(c);
    CHECK_INT(found(c, 10, 10), 10);
    CHECK_INT(found(c, 11, 11), -1);
    CHECK_INT(found(c, 4999, 99), 99);
    stat_cache_close(c);
}

static void test_stat_cache_a_damaged_file_is_made_anew(void)
{
    struct error *err = NULL;
    struct stat st;
    CHECK(stat(folder, &st) == 0);
    CLEANUP(free) char *path = stat_cache_path(folder, &st, "");
    CHECK(stat(path, &st) == 0 && truncate(path, st.st_size / 2 + 3) == 0);
    struct stat_cache *c = reopen(NULL);
    CHECK_INT(found(c, 10, 10), -1);
    put(c, 990, 90);
    c = reopen(c);
    CHECK_INT(found(c, 990, 90), 90);
    stat_cache_close(c);
    CHECK_OK(remove_tree(AT_FDCWD, folder, &err), err);
}

static const struct test tests[] = {
    TEST(test_stat_cache_keeps_what_stat_says_and_forgets_what_it_does_not),
    TEST(test_stat_cache_a_changed_file_takes_the_place_of_what_it_was),
    TEST(test_stat_cache_grows_by_what_is_there_and_forgets_the_rest),
    TEST(test_stat_cache_a_damaged_file_is_made_anew),
};
TEST_MAIN(tests)
