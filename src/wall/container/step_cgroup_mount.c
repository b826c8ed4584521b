// SPDX-License-Identifier: Apache-2.0
/* What a mount of type "cgroup" becomes: on v2 the one hierarchy, on v1 each controller's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(cgroup_mount)
{
    const struct step_cgroup_mount *m = &s->cgroup_mount;
    if (m->bind) {
        describe_text(d, "'%s' on '/%s'", m->bind, m->target);
    } else if (m->controllers) {
        describe_text(d, "cgroup (%s) on '/%s'", m->controllers, m->target);
    } else {
        describe_text(d, "cgroup2 on '/%s'", m->target);
    }
    CLEANUP(free) char *destination = str_format("/%s", m->target);
    describe_str(d, "type", m->controllers ? "cgroup" : "cgroup2");
    describe_str(d, "destination", destination);
    describe_str(d, "controllers", m->controllers);
    describe_str(d, "source", m->bind);
}

static int make(const struct step_cgroup_mount *m)
{
    if (m->bind) {
        return mount_clone(AT_FDCWD, m->bind, false);
    }
    if (!m->controllers) {
        return mount_new("cgroup2", "cgroup", NULL, 0, m->attributes.set, NULL);
    }
    /* "cpu,cpuacct": each its own parameter. */
    struct mount_parameter parameters[16];
    char names[256], *save = NULL;
    size_t count = 0, len = strlen(m->controllers);
    if (len >= sizeof(names)) {
        return -ENAMETOOLONG;
    }
    memcpy(names, m->controllers, len + 1);
    for (char *name = strtok_r(names, ",", &save); name && count < ARRAY_SIZE(parameters);
         name = strtok_r(NULL, ",", &save)) {
        char *value = strchr(name, '=');
        if (value) {
            *value++ = '\0';
        }
        parameters[count++] = (struct mount_parameter){name, value};
    }
    return mount_new("cgroup", "cgroup", parameters, count, m->attributes.set, NULL);
}

STEP_CHILD(cgroup_mount)
{
    const struct step_cgroup_mount *m = &s->cgroup_mount;
    CLEANUP(fd) int fd = make(m);
    if (fd < 0) {
        return fd;
    }
    CLEANUP(fd) int target = target_open(a->root_fd, m->target, TARGET_FOLDER, false);
    if (target < 0) {
        return step_fail(a, target, DETAIL_TARGET, 0);
    }
    int r = m->bind ? mount_attributes_set(fd, &m->attributes, false) : 0;
    return r < 0 ? step_fail(a, r, DETAIL_ATTRIBUTES, 0) : mount_attach(fd, target);
}
