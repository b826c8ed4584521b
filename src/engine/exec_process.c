// SPDX-License-Identifier: Apache-2.0
/* What `exec` runs: the container's own process with other arguments. */
#include <fcntl.h>
#include <string.h>

#include "engine/exec.h"
#include "engine/rootfs.h"
#include "spec/user.h"

#define ACCOUNTS_MAX ((size_t)4 << 20)

/* A file of the workload's root as it is now, not the image's. NULL when there is none. */
static char *read_inside(int root_fd, const char *path)
{
    CLEANUP(fd) int fd = root_fd < 0 ? -1 : open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    char *text = NULL;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > ACCOUNTS_MAX) {
        return NULL;
    }
    text = xcalloc(1, (size_t)st.st_size + 1);
    if (read_all(fd, text, (size_t)st.st_size) < 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool has_env(const struct strv *env, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, n) == 0 && env->items[i][n] == '=') {
            return true;
        }
    }
    return false;
}

static int set_user(const struct engine *e, const struct container *c, const struct exec_request *r,
                    struct spec *spec, struct spec_process *p, struct error **err)
{
    if (!r->user) {
        return 0;
    }
    CLEANUP(fd) int root = rootfs_open(e, c, false, NULL); /* without it, there are no names */
    CLEANUP(free) char *passwd = read_inside(root, "/etc/passwd");
    CLEANUP(free) char *group = read_inside(root, "/etc/group");
    struct user_identity id = {0};
    int result = user_resolve(spec->arena, r->user, passwd, group, NULL, &id, err);
    if (result < 0) {
        return result;
    }
    p->uid = id.uid;
    p->gid = id.gid;
    p->additional_gids = id.groups;
    p->additional_gid_count = id.group_count;
    if (!has_env(&r->env, "HOME")) {
        spec_process_set_env(spec->arena, p,
                             arena_format(spec->arena, "HOME=%s", str_or(id.home, "/")));
    }
    /* A user other than root has what root would keep across exec: nothing, unless ambient. */
    if (p->uid != 0) {
        p->capabilities.permitted = p->capabilities.effective = 0;
        p->capabilities.inheritable = p->capabilities.ambient = 0;
    } else {
        p->capabilities.permitted = p->capabilities.effective = p->capabilities.bounding;
    }
    return 0;
}

int exec_process(const struct engine *e, const struct container *c, const struct exec_request *r,
                 struct spec *spec, struct spec_process *ret, struct error **err)
{
    struct spec_process *p = ret;
    *p = spec->process;
    p->terminal = r->tty;
    p->args = NULL;
    p->arg_count = 0;
    for (size_t i = 0; i < r->command.count; i++) {
        spec_add_string(spec->arena, &p->args, &p->arg_count, r->command.items[i]);
    }
    int result = set_user(e, c, r, spec, p, err);
    if (result < 0) {
        return result;
    }
    if (r->tty) {
        spec_process_set_env(spec->arena, p, "TERM=xterm");
    }
    for (size_t i = 0; i < r->env.count; i++) {
        spec_process_set_env(spec->arena, p, r->env.items[i]);
    }
    if (r->workdir) {
        if (*r->workdir != '/') {
            return error_set(err, ERROR_USAGE, 0, "the working folder '%s' is not absolute",
                             r->workdir);
        }
        p->cwd = arena_strdup(spec->arena, r->workdir);
    }
    return 0;
}
