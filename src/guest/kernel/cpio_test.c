// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/cpio.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/test.h"

/* Read back by libarchive, another's reader. */
static void test_cpio_is_read_back(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct cpio c = {0};
    struct archive_entry *e;
    char text[16] = "";
    cpio_add(&c, "dev", S_IFDIR | 0755, 0, NULL, 0);
    cpio_add(&c, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
    cpio_add(&c, "init", S_IFREG | 0755, 0, "hello", 5);
    cpio_end(&c);
    CHECK_INT(c.out.len % 4, 0);
    struct archive *a = archive_read_new();
    (void)archive_read_support_format_cpio(a);
    CHECK_INT(archive_read_open_memory(a, c.out.data, c.out.len), ARCHIVE_OK);
    CHECK_INT(archive_read_next_header(a, &e), ARCHIVE_OK);
    CHECK_STR(archive_entry_pathname(e), "dev");
    CHECK(S_ISDIR(archive_entry_mode(e)));
    CHECK_INT(archive_read_next_header(a, &e), ARCHIVE_OK);
    CHECK(S_ISCHR(archive_entry_mode(e)));
    CHECK_INT(archive_entry_rdev(e), makedev(5, 1));
    CHECK_INT(archive_read_next_header(a, &e), ARCHIVE_OK);
    CHECK_STR(archive_entry_pathname(e), "init");
    CHECK_INT(archive_entry_size(e), 5);
    CHECK_INT(archive_read_data(a, text, sizeof(text)), 5);
    CHECK_STR(text, "hello");
    CHECK_INT(archive_read_next_header(a, &e), ARCHIVE_EOF);
    (void)archive_read_free(a);
    strbuf_done(&c.out);
}

static const struct test tests[] = {
    TEST(test_cpio_is_read_back),
};
TEST_MAIN(tests)
