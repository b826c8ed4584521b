// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "oci/exec.h"

static int parse_id(const char *text, const char *what, uint32_t *ret, struct error **err)
{
    uint64_t n;
    if (str_to_u64(text, 10, &n) < 0 || n >= UINT32_MAX) {
        return error_set(err, ERROR_USAGE, 0, "bad %s: '%s' is not a number", what, text);
    }
    *ret = (uint32_t)n;
    return 0;
}

static int set_user(const char *text, struct spec_process *p, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, text, ':');
    if (parts.count > 2) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is not UID[:GID]", text);
    }
    int r = parse_id(parts.items[0], "uid", &p->uid, err);
    return r >= 0 && parts.count == 2 ? parse_id(parts.items[1], "gid", &p->gid, err) : r;
}

static int add_groups(struct spec *s, const struct strv *gids, struct spec_process *p,
                      struct error **err)
{
    for (size_t i = 0; i < gids->count; i++) {
        uint32_t gid = 0;
        int r = parse_id(gids->items[i], "additional gid", &gid, err);
        if (r < 0) {
            return r;
        }
        *arena_push(s->arena, p->additional_gids, p->additional_gid_count) = gid;
    }
    return 0;
}

/* Ambient ones need inheritable ones, which --cap does not give: only where there are some. */
static int add_capabilities(const struct strv *names, struct spec_process *p, struct error **err)
{
    for (size_t i = 0; i < names->count; i++) {
        int number = spec_capability_number(names->items[i]);
        if (number < 0) {
            return error_set(err, ERROR_USAGE, 0, "unknown capability '%s'", names->items[i]);
        }
        uint64_t bit = (uint64_t)1 << number;
        p->capabilities.set = true;
        p->capabilities.bounding |= bit;
        p->capabilities.effective |= bit;
        p->capabilities.permitted |= bit;
        if (p->capabilities.inheritable & bit) {
            p->capabilities.ambient |= bit;
        }
    }
    return 0;
}

static int change_process(struct spec *s, const struct exec_options *o, struct spec_process *p,
                          struct error **err)
{
    p->cwd = o->cwd ? o->cwd : p->cwd;
    p->apparmor_profile = o->apparmor ? o->apparmor : p->apparmor_profile;
    p->selinux_label = o->process_label ? o->process_label : p->selinux_label;
    p->terminal = o->tty;
    p->no_new_privileges |= o->no_new_privs;
    for (size_t i = 0; i < o->env.count; i++) {
        spec_process_set_env(s->arena, p, o->env.items[i]);
    }
    int r = o->user ? set_user(o->user, p, err) : 0;
    if (r >= 0) {
        r = add_groups(s, &o->additional_gids, p, err);
    }
    return r < 0 ? r : add_capabilities(&o->cap, p, err);
}

static int read_process(const char *path, struct spec *s, struct spec_process *ret,
                        struct error **err)
{
    CLEANUP(json) json_t *o = NULL;
    int r = json_load_path(AT_FDCWD, path, SPEC_BYTES_MAX, &o, err);
    return r < 0 ? r : spec_parse_process(s->arena, o, path, ret, err);
}

/* With the container's maps: spec_validate() sees the whole. */
static int check(struct spec *s, const struct spec_process *p, struct error **err)
{
    s->process = *p;
    s->process_set = true;
    return spec_validate(s, err);
}

int exec_process(const struct oci_container *c, const struct exec_options *o, int argc, char **argv,
                 struct spec **ret_spec, struct spec_process *ret, struct error **err)
{
    struct spec *s = NULL;
    int r = spec_load_path(c->fd, "config.json", &s, err);
    if (r < 0) {
        return r;
    }
    *ret_spec = s;
    if (o->process) {
        r = read_process(o->process, s, ret, err);
    } else if (argc == 0) {
        r = error_set(err, ERROR_USAGE, 0, "exec args cannot be empty");
    } else {
        *ret = s->process;
        ret->args = (const char **)argv;
        ret->arg_count = (size_t)argc;
        r = change_process(s, o, ret, err);
    }
    return r < 0 ? r : check(s, ret, err);
}
