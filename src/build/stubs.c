// SPDX-License-Identifier: Apache-2.0
/* To mount something, the wall makes the folder or the empty file that it is mounted on. In a
 * container nobody minds; in a layer it would stay in the image. What was not there before and is
 * still empty goes again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "build/run_job.h"
#include "spec/spec.h"

struct stubs {
    struct strv paths; /* deepest last; each was missing */
};

/* Every component of a mount's path that is not there. */
static void note_missing(struct stubs *s, int root, const char *path)
{
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(strbuf) struct strbuf at = {0};
    strv_split(&parts, path, '/');
    for (size_t i = 0; i < parts.count; i++) {
        if (!*parts.items[i]) {
            continue;
        }
        strbuf_addf(&at, "/%s", parts.items[i]);
        int fd = open_in_root(root, at.data, O_PATH | O_NOFOLLOW, 0);
        if (fd == -ENOENT && !strv_contains(&s->paths, at.data)) {
            strv_add(&s->paths, at.data);
        }
        if (fd >= 0) {
            fd_close(fd);
        }
    }
}

struct stubs *stubs_note(int root, const struct spec *spec)
{
    struct stubs *s = xcalloc(1, sizeof(*s));
    for (size_t i = 0; i < spec->mount_count; i++) {
        note_missing(s, root, spec->mounts[i].destination);
    }
    return s;
}

static void remove_one(int diff, const char *path)
{
    CLEANUP(free) char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    CLEANUP(fd) int parent = open_in_root(diff, *folder ? folder : "/", O_RDONLY | O_DIRECTORY, 0);
    struct stat st, before;
    if (parent < 0 || fstat(parent, &before) < 0 ||
        fstatat(parent, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return;
    }
    int r = S_ISDIR(st.st_mode)                      ? unlinkat(parent, slash + 1, AT_REMOVEDIR)
            : S_ISREG(st.st_mode) && st.st_size == 0 ? unlinkat(parent, slash + 1, 0)
                                                     : -1;
    if (r == 0) {
        struct timespec times[2] = {before.st_atim, before.st_mtim};
        (void)futimens(parent, times); /* as it was before we looked */
    }
}

void stubs_remove(struct stubs *s, const char *diff)
{
    CLEANUP(fd) int fd = open(diff, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = s ? s->paths.count : 0; i > 0 && fd >= 0; i--) {
        remove_one(fd, s->paths.items[i - 1]);
    }
    if (s) {
        strv_done(&s->paths);
        free(s);
    }
}
