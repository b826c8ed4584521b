// SPDX-License-Identifier: Apache-2.0
/* The program cloison-kernel, which makes of a distribution's kernel what a machine boots:
 *
 *     cloison-kernel extract IMAGE OUT                   the ELF kernel packed in a bzImage
 *     cloison-kernel initramfs MODULES INIT OUT [PATH=FILE | MODULE …]
 *     cloison-kernel release IMAGE                       prints "6.1.0-18-cloud-amd64"
 *     cloison-kernel build SOURCE CONFIG OUT JOBS        a kernel for machines: OUT/bzImage,
 * OUT/config
 *
 * A program of its own because it links libarchive and libkmod. OUT is written whole and renamed;
 * caching is the caller's. Exit status: 0, or 1 with a line on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "guest/kernel/build.h"
#include "guest/kernel/bzimage.h"
#include "guest/kernel/initramfs.h"

static int extract(char **arguments, struct error **err)
{
    CLEANUP(free) char *temporary = str_format("%s.%d", arguments[1], getpid());
    CLEANUP(fd) int in = open_file(AT_FDCWD, arguments[0], O_RDONLY, 0, err);
    CLEANUP(fd)
    int out = in < 0 ? -1 : open_file(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
    if (out < 0) {
        return -1;
    }
    int r = bzimage_extract(in, out, err);
    if (r >= 0 && rename(temporary, arguments[1]) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", arguments[1]);
    }
    if (r < 0) {
        (void)unlink(temporary); /* the error is told already */
    }
    return error_wrap(err, r, "'%s'", arguments[0]);
}

static int initramfs(char **arguments, struct error **err)
{
    CLEANUP(strbuf) struct strbuf archive = {0};
    struct initramfs_settings s = {.modules_dir =
                                       str_equal(arguments[0], "-") ? NULL : arguments[0],
                                   .init = arguments[1],
                                   .extra = arguments + 3};
    int r = initramfs_make(&s, &archive, err);
    return r < 0 ? r
                 : file_write_atomic(AT_FDCWD, arguments[2], archive.data, archive.len, 0644,
                                     FILE_NO_SYNC, err);
}

static int release(char **arguments, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(fd) int in = open_file(AT_FDCWD, arguments[0], O_RDONLY, 0, err);
    int r = in < 0 ? in : bzimage_release(in, &text, err);
    return r < 0 ? r : puts(text);
}

static int build(char **arguments, struct error **err)
{
    int64_t jobs = 1;
    if (str_to_i64(arguments[3], 10, &jobs) < 0 || jobs < 1 || jobs > 1024) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is no number of jobs", arguments[3]);
    }
    const struct kernel_build b = {
        .source = arguments[0], .config = arguments[1], .out = arguments[2], .jobs = (int)jobs};
    return kernel_build(&b, err);
}

static const struct {
    const char *name;
    int arguments_min, arguments_max;
    int (*run)(char **arguments, struct error **err);
} verbs[] = {
    {"extract", 2, 2, extract},
    {"initramfs", 3, 1000, initramfs},
    {"release", 1, 1, release},
    {"build", 4, 4, build},
};

int main(int argc, char **argv)
{
    CLEANUP(error) struct error *err = NULL;
    error_set_program("cloison-kernel");
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
        if (str_equal(argv[1], verbs[i].name) && argc - 2 >= verbs[i].arguments_min &&
            argc - 2 <= verbs[i].arguments_max) {
            if (verbs[i].run(argv + 2, &err) >= 0) {
                return 0;
            }
            error_print(err, stderr);
            return 1;
        }
    }
    fprintf(stderr, "usage: cloison-kernel extract IMAGE OUT | initramfs MODULES INIT OUT "
                    "[PATH=FILE | MODULE …] | release IMAGE | build SOURCE CONFIG OUT JOBS\n");
    return 1;
}
