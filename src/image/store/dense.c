// SPDX-License-Identifier: Apache-2.0
#include "image/store/dense.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/store/packer.h"

#define SAVED_PART 16
#define SMALL_BYTES (64 << 10)          /* taken for half of it, without a look */
#define APART_BYTES ((int64_t)16 << 20) /* from one sample of a file to the next */
#define SAMPLES_LEAST 4

struct weight {
    int64_t bytes, saved;
};

static int weigh_file(int parent, const char *name, int64_t size, struct weight *w)
{
    unsigned char sample[PACKER_SAMPLE_BYTES];
    CLEANUP(fd) int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int64_t count = size / APART_BYTES, gained = 0, tried = 0;
    if (fd < 0) {
        return -errno;
    }
    count = count < SAMPLES_LEAST ? SAMPLES_LEAST : count;
    for (int64_t i = 0; i < count; i++) {
        ssize_t n = pread(fd, sample, sizeof(sample), i * (size / count));
        if (n < 0) {
            return -errno;
        }
        gained += (int64_t)packer_gain(sample, (size_t)n);
        tried += n;
    }
    w->saved += tried ? size / tried * gained : 0;
    return 0;
}

static int weigh(int parent, const char *name, struct weight *w)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (S_ISREG(st.st_mode)) {
        w->bytes += st.st_size;
        w->saved += st.st_size < SMALL_BYTES ? st.st_size / 2 : 0;
        return st.st_size < SMALL_BYTES ? 0 : weigh_file(parent, name, st.st_size, w);
    }
    if (!S_ISDIR(st.st_mode)) {
        return 0;
    }
    CLEANUP(fd) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(strv) struct strv names = {0};
    int r = fd < 0 ? -errno : list_folder_whole(fd, ".", &names, NULL);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        r = weigh(fd, names.items[i], w);
    }
    return r;
}

int folder_is_dense(int folder, struct error **err)
{
    struct weight w = {0};
    int r = weigh(folder, ".", &w);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "reading a layer's files")
                 : w.saved * SAVED_PART < w.bytes;
}
