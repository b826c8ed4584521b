// SPDX-License-Identifier: Apache-2.0
#include "cli/disk_usage.h"

#include <fcntl.h>
#include <fts.h>

#include "base/str.h"
#include "engine/writable.h"

/* Files with more than one link, by inode: sorted insertion would not pay for the few there are. */
static bool seen(ino_t **inodes, size_t *count, ino_t inode)
{
    for (size_t i = 0; i < *count; i++) {
        if ((*inodes)[i] == inode) {
            return true;
        }
    }
    *inodes = xrealloc(*inodes, (*count + 1) * sizeof(**inodes));
    (*inodes)[(*count)++] = inode;
    return false;
}

int64_t disk_usage(const char *path)
{
    char *paths[] = {(char *)path, NULL}; /* fts_open() does not write to it */
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    CLEANUP(free) ino_t *inodes = NULL;
    size_t count = 0;
    int64_t total = 0;
    for (FTSENT *e; tree && (e = fts_read(tree));) {
        bool file = e->fts_info == FTS_F || e->fts_info == FTS_SL;
        if (file && (e->fts_statp->st_nlink == 1 || !seen(&inodes, &count, e->fts_statp->st_ino))) {
            total += e->fts_statp->st_size;
        }
    }
    if (tree) {
        (void)fts_close(tree); /* read only */
    }
    return total;
}

int64_t disk_usage_of_container(const struct engine *e, const struct container *c)
{
    if (writable_enter(e, c, NULL) < 0) {
        return 0;
    }
    CLEANUP(free) char *upper = writable_path(e, c, "upper");
    int64_t bytes = disk_usage(upper);
    writable_leave(e, c);
    return bytes;
}
