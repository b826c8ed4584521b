// SPDX-License-Identifier: Apache-2.0
#include "build/name_cache.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/test.h"
#include "build/stat_cache.h"
#include "build/stat_marks.h"

static char folder[] = "/tmp/name-cache-XXXXXX";
static dev_t device;

static struct name_cache *reopen(struct name_cache *c)
{
    name_cache_close(c);
    CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return name_cache_open(folder, fd);
}

static struct stat stat_of(int number, int changed)
{
    return (struct stat){.st_ino = (ino_t)number,
                         .st_dev = device,
                         .st_mtim = {.tv_sec = 1000 + changed},
                         .st_ctim = {.tv_sec = 1000}};
}

static void put(struct name_cache *c, int number, int changed, int count)
{
    struct stat st = stat_of(number, changed);
    CLEANUP(strbuf) struct strbuf text = {0};
    for (int i = 0; i < count; i++) {
        strbuf_addf(&text, "%d-%d", number, i);
        strbuf_add(&text, "", 1);
    }
    struct folder_names names = {text.data, text.len, (size_t)count};
    name_cache_put(c, &st, stat_cache_clock(), &names);
}

/* How many names are kept of the folder; -1: it is not known as it is. */
static int found(struct name_cache *c, int number, int changed)
{
    struct stat st = stat_of(number, changed);
    struct folder_names names;
    return name_cache_find(c, &st, &names) ? (int)names.count : -1;
}

static void test_name_cache_keeps_names_until_a_folder_changes(void)
{
    struct stat st;
    CHECK(mkdtemp(folder) && stat(folder, &st) == 0);
    device = st.st_dev;
    struct name_cache *c = reopen(NULL);
    for (int i = 0; i < 300; i++) {
        put(c, i, 0, i % 50);
    }
    c = reopen(c);
    for (int i = 0; i < 300; i++) {
        CHECK_INT(found(c, i, 0), i % 50);
    }
    CHECK_INT(found(c, 7, 1), -1);
    CHECK_INT(found(c, 300, 0), -1);
    put(c, 7, 1, 3);
    put(c, 7, 1, 4); /* by two threads, say */
    CHECK_INT(found(c, 7, 1), 4);
    c = reopen(c);
    CHECK_INT(found(c, 7, 0), -1);
    CHECK_INT(found(c, 7, 1), 4);
    struct stat names_of = stat_of(8, 0);
    struct folder_names names;
    CHECK(name_cache_find(c, &names_of, &names));
    CHECK_STR(names.data, "8-0");
    CHECK_STR(names.data + 4, "8-1");
    name_cache_close(c);
}

static void test_name_cache_keeps_nothing_that_could_change_unseen(void)
{
    struct name_cache *c = reopen(NULL);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct stat st = stat_of(1000, 0);
    struct folder_names names = {"a", 2, 1};
    st.st_mtim = now;
    name_cache_put(c, &st, stat_cache_clock(), &names);
    CHECK(!name_cache_find(c, &st, &names));
    st = stat_of(1001, 0);
    st.st_dev = device + 1; /* mounted below the context */
    name_cache_put(c, &st, stat_cache_clock(), &names);
    CHECK(!name_cache_find(c, &st, &names));
    name_cache_close(c);
}

static void test_name_cache_forgets_what_has_gone(void)
{
    struct name_cache *c = reopen(NULL);
    for (int i = 0; i < 20; i++) {
        CHECK(found(c, i, i == 7) >= 0);
    }
    put(c, 500, 0, 1);
    c = reopen(c);
    CHECK_INT(found(c, 19, 0), 19);
    CHECK_INT(found(c, 500, 0), 1);
    CHECK_INT(found(c, 20, 0), -1);
    name_cache_close(c);
}

static void test_name_cache_a_damaged_file_is_made_anew(void)
{
    struct error *err = NULL;
    struct stat st;
    CHECK(stat(folder, &st) == 0);
    CLEANUP(free) char *path = stat_cache_path(folder, &st, ".names");
    static const char zeroes[64];
    CHECK(stat(path, &st) == 0);
    for (off_t size = st.st_size; size > 0; size -= 37) { /* cut anywhere */
        CHECK(truncate(path, size) == 0);
        struct name_cache *c = reopen(NULL);
        CHECK(found(c, 19, 0) == 19 || found(c, 19, 0) == -1);
        name_cache_close(c);
    }
    struct name_cache *c = reopen(NULL);
    put(c, 19, 0, 19);
    name_cache_close(c);
    CHECK(stat(path, &st) == 0);
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(pwrite(fd, zeroes, sizeof(zeroes), st.st_size - (off_t)sizeof(zeroes)) > 0);
    c = reopen(NULL);
    CHECK_INT(found(c, 19, 0), -1);
    name_cache_close(c);
    CHECK_OK(remove_tree(AT_FDCWD, folder, &err), err);
}

static const struct test tests[] = {
    TEST(test_name_cache_keeps_names_until_a_folder_changes),
    TEST(test_name_cache_keeps_nothing_that_could_change_unseen),
    TEST(test_name_cache_forgets_what_has_gone),
    TEST(test_name_cache_a_damaged_file_is_made_anew),
};
TEST_MAIN(tests)
