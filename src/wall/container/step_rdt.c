// SPDX-License-Identifier: Apache-2.0
/* The resctrl group, made before the clone; the child's process enters it beside the clone. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "wall/container/rdt.h"
#include "wall/container/step.h"

#define ROOT "/sys/fs/resctrl"

STEP_DESCRIBE(rdt)
{
    describe_text(d, "resctrl group '%s'", s->rdt.clos_id);
    if (s->rdt.l3) {
        describe_extra(d, "%s", s->rdt.l3);
    }
    if (s->rdt.mem_bw) {
        describe_extra(d, "%s", s->rdt.mem_bw);
    }
    describe_str(d, "group", s->rdt.clos_id);
    describe_str(d, "l3CacheSchema", s->rdt.l3);
    describe_str(d, "memBwSchema", s->rdt.mem_bw);
}

static int write_schema(const char *folder, const char *schema, struct error **err)
{
    if (!schema) {
        return 0;
    }
    CLEANUP(free) char *path = str_format("%s/schemata", folder);
    CLEANUP(free) char *line = str_format("%s\n", schema);
    return file_write_existing(AT_FDCWD, path, line, err);
}

int rdt_update(const char *group, const char *l3, const char *mem_bw, struct error **err)
{
    CLEANUP(free) char *folder = str_format(ROOT "/%s", group);
    int r = write_schema(folder, l3, err);
    return r < 0 ? r : write_schema(folder, mem_bw, err);
}

STEP_HOST(rdt)
{
    CLEANUP(free) char *folder = str_format(ROOT "/%s", s->rdt.clos_id);
    if (access(ROOT "/schemata", F_OK) < 0) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "this host has no resctrl at '" ROOT "'");
    }
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", folder);
    }
    return rdt_update(s->rdt.clos_id, s->rdt.l3, s->rdt.mem_bw, err);
}

STEP_UNDO(rdt)
{
    if (s->rdt.made_here) {
        rdt_remove(s->rdt.clos_id);
    }
}

void rdt_remove(const char *group)
{
    CLEANUP(free) char *folder = str_format(ROOT "/%s", group);
    (void)rmdir(folder); /* missing, or shared with another and in use */
}

STEP_DESCRIBE(rdt_join)
{
    describe_text(d, "resctrl group '%s'", s->rdt.clos_id);
    describe_str(d, "group", s->rdt.clos_id);
}

STEP_HOST(rdt_join)
{
    CLEANUP(free) char *path = str_format(ROOT "/%s/tasks", s->rdt.clos_id);
    CLEANUP(free) char *pid = str_format("%d", c->pid);
    return file_write_existing(AT_FDCWD, path, pid, err);
}
