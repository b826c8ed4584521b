// SPDX-License-Identifier: Apache-2.0
/* Files of an image of three layers, as overlayfs would show them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/test.h"
#include "image/image.h"

static char folder[] = "/tmp/read_file_test.XXXXXX";

/* layer/path, its folders made with it; content NULL: a whiteout. */
static void put(const char *path, const char *content)
{
    CLEANUP(free) char *full = str_format("%s/%s", folder, path);
    CLEANUP(free) char *parent = xstrndup(full, (size_t)(strrchr(full, '/') - full));
    struct error *err = NULL;
    CHECK_OK(mkdir_all(parent, 0755, &err), err);
    if (!content) {
        CHECK(mknod(full, S_IFCHR, makedev(0, 0)) == 0);
        return;
    }
    CLEANUP(fd) int fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write_all(fd, content, strlen(content)) == 0);
}

static void link_to(const char *target, const char *path)
{
    CLEANUP(free) char *full = str_format("%s/%s", folder, path);
    CHECK(symlink(target, full) == 0);
}

/* The content, or "none". */
static void check(const char *path, const char *expected)
{
    struct image image = {0};
    for (char name = 'c'; name >= 'a'; name--) {
        strv_addf(&image.layers, "%s/%c", folder, name);
    }
    CLEANUP(free) char *content = NULL;
    CLEANUP(error) struct error *err = NULL;
    int r = image_read_file(&image, path, 1000, &content, &err);
    strv_done(&image.layers);
    CHECK(r >= 0 || err->code == ENOENT || err->code == ELOOP);
    CHECK_STR(r < 0 ? "none" : content, expected);
}

static void make_layers(void)
{
    put("a/etc/passwd", "low");
    put("a/etc/group", "low");
    put("a/etc/shadow", "low");
    put("a/real/file", "real");
    put("a/way/file", "low");
    put("b/etc/group", "middle");
    put("b/etc/shadow", NULL);
    put("b/way", "a file"); /* hides the folder */
    link_to("/real", "b/there");
    link_to("../real/file", "b/etc/linked");
    link_to("round", "b/round");
    put("c/etc/other", "top");
    put("c/real/new", "new");
    link_to("../../../real", "c/etc/up");
}

static void test_read_file_of_layers(void)
{
    if (geteuid() != 0) {
        test_skip_reason = "a whiteout is made by root";
        return;
    }
    CHECK(mkdtemp(folder));
    make_layers();
    check("/etc/passwd", "low");
    check("etc/group", "middle");
    check("/etc/other", "top");
    check("/etc/shadow", "none");
    check("/etc/none", "none");
    check("/none/at/all", "none");
    check("/way/file", "none");
    check("/way", "a file");
    check("/etc", "none");
    check("/etc/passwd/x", "none");
    check("/there/file", "real");
    check("/there/new", "new");
    check("/etc/linked", "real");
    check("/etc/up/new", "new");
    check("//etc//./passwd", "low");
    check("/real/../etc/passwd", "low");
    check("/../etc/passwd", "low");
    check("/round", "none");
    struct error *err = NULL;
    CHECK_OK(remove_tree(AT_FDCWD, folder, &err), err);
}

static const struct test tests[] = {
    TEST(test_read_file_of_layers),
};
TEST_MAIN(tests)
