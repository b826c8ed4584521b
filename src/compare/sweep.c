// SPDX-License-Identifier: Apache-2.0
/* What a comparison that was killed has left: its folder, whose lock is free then, names its image
 * and its containers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "compare/comparison.h"

#define PREFIX "tmp-"

static char *compare_folder(const struct comparison *c)
{
    return str_format("%s/compare", c->data_dir);
}

/* A lock on the folder, held as long as we or a watcher of ours live. */
static int lock_folder(const char *path, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    int r = fd < 0 ? fd : lock_fd(fd, LOCK_EXCLUSIVE, false, err);
    return r < 0 ? r : take_fd(&fd);
}

static void remove_containers(struct comparison *c, const char *tag)
{
    CLEANUP(free) char *filter = str_format("name=cloison-compare-%s", tag);
    for (;;) { /* one a turn: a command's first line is what we get */
        CLEANUP(free) char *id = NULL;
        const char *const list[] = {"ps", "-aq", "--filter", filter, NULL};
        if (engine_command(c, list, &id, NULL) < 0 || !*id ||
            engine_command(c, (const char *[]){"rm", "-f", "-v", id, NULL}, NULL, NULL) < 0) {
            return;
        }
    }
}

static void sweep_one(struct comparison *c, const char *folder, const char *name)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    CLEANUP(free) char *image = str_format("cloison-compare-%s:probe", name + strlen(PREFIX));
    CLEANUP(fd) int lock = lock_folder(path, NULL);
    if (lock < 0) { /* it lives, or is gone */
        return;
    }
    remove_containers(c, name + strlen(PREFIX));
    forget_probe_image(c, image);
    IGNORE(remove_tree(AT_FDCWD, path, NULL) < 0);
}

static void sweep(struct comparison *c)
{
    CLEANUP(free) char *folder = compare_folder(c);
    CLEANUP(strv) struct strv names = {0};
    if (list_folder(AT_FDCWD, folder, &names, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (str_starts(names.items[i], PREFIX)) {
            sweep_one(c, folder, names.items[i]);
        }
    }
}

int take_scratch(struct comparison *c, struct error **err)
{
    sweep(c);
    c->scratch = str_format("%s/compare/" PREFIX "%s", c->data_dir, c->tag);
    int r = mkdir_all(c->scratch, 0755, err);
    c->scratch_lock = r < 0 ? -1 : lock_folder(c->scratch, err);
    return c->scratch_lock < 0 ? -1 : 0;
}
