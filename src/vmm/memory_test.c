// SPDX-License-Identifier: Apache-2.0
#include "vmm/memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/test.h"

enum { PAGE = 4096, LOW = 16 * PAGE, HIGH = 64 * PAGE };

static struct guest_memory memory;

static void fresh(bool is_shared)
{
    CLEANUP(error) struct error *err = NULL;
    const struct guest_memory_settings settings = {
        .bytes = LOW + 8 * PAGE, .hole = LOW, .hole_end = HIGH, .is_shared = is_shared};
    guest_memory_done(&memory);
    CHECK_OK(guest_memory_create(&memory, &settings, &err), err);
}

static void test_memory_ranges(void)
{
    static const struct {
        uint64_t address, len;
        bool is_there;
    } rows[] = {
        {0, 1, true},           {0, LOW, true},         {0, LOW + 1, false},
        {LOW - 1, 1, true},     {LOW - 1, 2, false},    {LOW, 1, false},
        {HIGH - 1, 2, false},   {HIGH, 8 * PAGE, true}, {HIGH, 8 * PAGE + 1, false},
        {5, 0, false},          {UINT64_MAX, 1, false}, {UINT64_MAX - 1, 4, false},
        {5, UINT64_MAX, false},
    };
    fresh(false);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        printf("# %#llx + %#llx\n", (unsigned long long)rows[i].address,
               (unsigned long long)rows[i].len);
        CHECK((guest_memory_at(&memory, rows[i].address, rows[i].len) != NULL) == rows[i].is_there);
    }
}

/* A file of five pages and a bit, each byte its page's number. */
static int make_file(void)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    char page[PAGE];
    for (int i = 0; i < 6; i++) {
        memset(page, 'a' + i, sizeof(page));
        CHECK_INT(pwrite(fd, page, i < 5 ? sizeof(page) : 100, (off_t)i * PAGE),
                  i < 5 ? PAGE : 100);
    }
    return fd;
}

static void test_memory_loads_files_privately(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(fd) int fd = make_file();
    char byte;
    fresh(false);
    CHECK_OK(guest_memory_load(&memory, 2 * PAGE + 10, fd, 10, 5 * PAGE, &err), err);
    CHECK_INT(memory.file_count, 1);
    const uint8_t *at = guest_memory_at(&memory, 0, LOW);
    CHECK_INT(at[2 * PAGE + 9], 0);
    CHECK_INT(at[2 * PAGE + 10], 'a');
    CHECK_INT(at[3 * PAGE], 'b');
    CHECK_INT(at[7 * PAGE + 9], 'f');
    CHECK_INT(at[7 * PAGE + 10], 0);
    *(uint8_t *)guest_memory_at(&memory, 3 * PAGE, 1) = 'X'; /* the guest writes */
    CHECK_INT(pread(fd, &byte, 1, PAGE), 1);
    CHECK_INT(byte, 'b');
    CHECK_OK(guest_memory_load(&memory, 8 * PAGE + 1, fd, 0, 2 * PAGE, &err), err); /* unaligned */
    CHECK_INT(at[8 * PAGE + 1], 'a');
    CHECK_INT(at[10 * PAGE], 'b');
    CHECK(guest_memory_load(&memory, LOW - PAGE, fd, 0, 2 * PAGE, &err) < 0);
}

static void test_memory_truncated_file(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(fd) int fd = make_file();
    fresh(false);
    CHECK(guest_memory_load(&memory, 100, fd, 0, 6 * PAGE, &err) < 0);
    CHECK_STR(err->message, "the file is truncated");
}

static void test_memory_is_given_back(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(fd) int fd = make_file();
    unsigned char is_there[16];
    fresh(false);
    const uint8_t *at = guest_memory_at(&memory, 0, LOW);
    CHECK_INT((uintptr_t)at % GUEST_HUGE_PAGE, 0);
    memset(guest_memory_at(&memory, 0, LOW), 7, LOW);
    CHECK_OK(guest_memory_load(&memory, 4 * PAGE, fd, 0, 2 * PAGE, &err), err);
    *(uint8_t *)guest_memory_at(&memory, 5 * PAGE, 1) = 'X';
    CHECK_INT(guest_memory_release(&memory, 2 * PAGE, 8 * PAGE), 0); /* across the file */
    CHECK_INT(mincore((void *)(uintptr_t)at, LOW, is_there), 0);
    for (unsigned i = 0; i < 16; i++) {
        CHECK_INT(is_there[i] & 1,
                  i < 2 || i >= 10 || (i >= 4 && i < 6)); /* the file's are cached */
    }
    CHECK_INT(at[2 * PAGE], 0);
    CHECK_INT(at[5 * PAGE], 'b'); /* the file's page again */
    CHECK_INT(at[PAGE], 7);
    CHECK_INT(at[10 * PAGE], 7);
    CHECK_INT(guest_memory_release(&memory, PAGE + 1, 100), 0); /* no whole page */
    CHECK_INT(at[PAGE + 1], 7);
    CHECK(guest_memory_release(&memory, LOW, PAGE) < 0);
}

static void test_memory_shared(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(fd) int fd = make_file();
    struct stat before, after;
    fresh(true);
    memset(guest_memory_at(&memory, 0, LOW), 7, LOW);
    CHECK_OK(guest_memory_load(&memory, 4 * PAGE, fd, 0, 2 * PAGE, &err), err);
    CHECK_INT(memory.file_count, 0); /* the other process sees what was loaded */
    CHECK_INT(fstat(memory.fd, &before), 0);
    CHECK_INT(guest_memory_release(&memory, 2 * PAGE, 8 * PAGE), 0);
    CHECK_INT(fstat(memory.fd, &after), 0);
    CHECK_INT(before.st_blocks - after.st_blocks, 8 * PAGE / 512);
    guest_memory_done(&memory);
}

static const struct test tests[] = {
    TEST(test_memory_ranges),         TEST(test_memory_loads_files_privately),
    TEST(test_memory_truncated_file), TEST(test_memory_is_given_back),
    TEST(test_memory_shared),
};
TEST_MAIN(tests)
