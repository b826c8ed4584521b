// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a layer: gzip, zstd, xz, bzip2 or plain, in it a tar. Whatever it says, nothing is
 * made but below its folder: the folder beside it, where its links would like to lead, stays empty;
 * and what was accepted is within the limits. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "image/store/pass.h"

#define BYTES_MAX 200000
#define ENTRIES_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct source_bytes { /* handed out in pieces of growing size */
    struct source base;
    const uint8_t *bytes;
    size_t left, piece;
};

static ssize_t read_bytes(struct source *base, const void **ret, struct error **err)
{
    struct source_bytes *s = (struct source_bytes *)base;
    size_t n = s->left < s->piece ? s->left : s->piece;
    *ret = s->bytes;
    s->bytes += n;
    s->left -= n;
    s->piece = s->piece * 3 + 1;
    return (ssize_t)n;
}

static int open_folder(int at, const char *name)
{
    int r = mkdirat(at, name, 0700);
    assert(r == 0);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(fd >= 0);
    return fd;
}

/* Made once, in memory, removed at the end of the process. */
static char folder[] = "/dev/shm/pass-fuzz-XXXXXX";
static int beside = -1;

static void remove_folder(void)
{
    IGNORE(remove_tree(AT_FDCWD, folder, NULL)); /* it takes little */
}

static int the_folder(void)
{
    static int fd = -1;
    if (fd < 0) {
        char *made = mkdtemp(folder);
        assert(made);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        beside = open_folder(fd, "beside");
        (void)atexit(remove_folder); /* then it stays */
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int at = the_folder();
    CLEANUP(fd) int root = open_folder(at, "root");
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(strv) struct strv strays = {0};
    struct source_bytes source = {{read_bytes}, bytes, size, 1 + size % 7};
    struct pass_request request = {.keep_as_is = size % 2, .limits = {BYTES_MAX, ENTRIES_MAX}};
    struct pass_result result;
    int r = pass_run(&request, &source.base, root, -1, &result, &err);
    assert(r < 0 ? err != NULL : result.size <= BYTES_MAX);
    int listed = list_folder_whole(beside, ".", &strays, NULL);
    assert(listed >= 0 && strays.count == 0);
    pass_result_done(&result);
    int removed = remove_tree(at, "root", NULL);
    assert(removed >= 0);
    return 0;
}
