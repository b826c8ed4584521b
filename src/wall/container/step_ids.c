// SPDX-License-Identifier: Apache-2.0
/* User namespaces: the maps, written by the parent; becoming root inside. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/step.h"

STEP_DESCRIBE(id_map)
{
    CLEANUP(free) char *one_line = xstrdup(s->id_map.map.text);
    for (char *c = one_line; *c; c++) {
        if (*c == '\n') {
            *c = c[1] ? ';' : '\0';
        }
    }
    describe_text(d, "%s: %s", s->id_map.file, one_line);
    describe_str(d, "file", s->id_map.file);
    describe_str(d, "map", one_line);
}

STEP_HOST(id_map)
{
    char path[64];
    snprintf(path, sizeof(path), "%d/%s", c->pid, s->id_map.file);
    return file_write_existing(c->proc_fd, path, s->id_map.map.text, err);
}

STEP_DESCRIBE(root_ids)
{
    describe_text(d, "uid 0 and gid 0 of the user namespace");
}

/* The plain system calls: the library's would tell its other threads, of which there are none. */
STEP_CHILD(root_ids)
{
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) {
        return -errno;
    }
    /* The host's supplementary groups would follow us in; where setgroups is denied they cannot be
     * dropped, and the user namespace's maker has decided so. */
    return syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM ? -errno : 0;
}
