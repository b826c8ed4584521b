// SPDX-License-Identifier: Apache-2.0
/* process: arguments, environment, user, working directory, ulimits. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "spec/from_image.h"
#include "spec/user.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INIT_PATH "/sbin/docker-init" /* Docker's name for it, which entrypoint scripts know */

static void add_args(struct building *b, const struct strv *args)
{
    struct spec_process *p = &b->spec->process;
    for (size_t i = 0; i < args->count; i++) {
        spec_add_string(b->arena, &p->args, &p->arg_count, args->items[i]);
    }
}

/* --entrypoint drops the image's command too; a command replaces the image's command alone. */
static int build_args(struct building *b, struct error **err)
{
    const struct run_request *r = b->request;
    struct spec_process *p = &b->spec->process;
    bool own_pid =
        spec_namespace_get(b->spec, SPEC_NS_PID) && !spec_namespace_get(b->spec, SPEC_NS_PID)->path;
    if (r->init && own_pid) {
        spec_add_string(b->arena, &p->args, &p->arg_count, INIT_PATH);
        spec_add_string(b->arena, &p->args, &p->arg_count, "--");
    }
    size_t before = p->arg_count;
    if (!r->entrypoint) {
        add_args(b, &b->image->entrypoint);
    } else if (*r->entrypoint) {
        spec_add_string(b->arena, &p->args, &p->arg_count, r->entrypoint);
    }
    if (r->command.count) {
        add_args(b, &r->command);
    } else if (!r->entrypoint) {
        add_args(b, &b->image->cmd);
    }
    if (p->arg_count > before) {
        return 0;
    }
    int e = error_set(err, ERROR_USAGE, 0, "no command specified: '%s' has none of its own",
                      str_or(r->image, "the image"));
    return error_hint(err, e, "give one behind the image");
}

static size_t key_len(const char *entry)
{
    return strcspn(entry, "=");
}

/* The place of the entry with the same key, or the count. */
static size_t env_find(const struct spec_process *p, const char *entry)
{
    size_t n = key_len(entry);
    for (size_t i = 0; i < p->env_count; i++) {
        if (key_len(p->env[i]) == n && memcmp(p->env[i], entry, n) == 0) {
            return i;
        }
    }
    return p->env_count;
}

static void env_set(struct building *b, const char *entry)
{
    struct spec_process *p = &b->spec->process;
    size_t i = env_find(p, entry);
    if (i < p->env_count) {
        p->env[i] = arena_strdup(b->arena, entry);
    } else {
        spec_add_string(b->arena, &p->env, &p->env_count, entry);
    }
}

static void env_remove(struct spec_process *p, const char *key)
{
    size_t i = env_find(p, key);
    if (i < p->env_count) {
        memmove(&p->env[i], &p->env[i + 1], (p->env_count - i - 1) * sizeof(*p->env));
        p->env_count--;
    }
}

static bool request_has(const struct strv *env, const char *entry)
{
    size_t n = key_len(entry);
    for (size_t i = 0; i < env->count; i++) {
        if (key_len(env->items[i]) == n && memcmp(env->items[i], entry, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Ours first, then the user's, then the image's that the user did not set; as `docker run env`
 * prints them. An entry "KEY" without '=' takes the variable away. */
static int build_env(struct building *b, struct error **err)
{
    struct spec_process *p = &b->spec->process;
    const char *hostname = str_or(b->spec->hostname, b->env->host_hostname);
    env_set(b, DEFAULT_PATH);
    if (hostname) {
        env_set(b, arena_format(b->arena, "HOSTNAME=%s", hostname));
    }
    if (b->request->tty) {
        env_set(b, "TERM=xterm");
    }
    for (size_t i = 0; i < b->request->env.count; i++) {
        const char *entry = b->request->env.items[i];
        if (!*entry || *entry == '=') {
            return error_set(err, ERROR_USAGE, 0, "invalid environment variable: '%s'", entry);
        }
        if (strchr(entry, '=')) {
            env_set(b, entry);
        } else {
            env_remove(p, entry);
        }
    }
    for (size_t i = 0; i < b->image->env.count; i++) {
        if (strchr(b->image->env.items[i], '=') &&
            !request_has(&b->request->env, b->image->env.items[i])) {
            env_set(b, b->image->env.items[i]);
        }
    }
    return 0;
}

static int build_user(struct building *b, struct error **err)
{
    struct spec_process *p = &b->spec->process;
    struct user_identity u;
    const char *text = b->request->user ? b->request->user : b->image->user;
    int r = user_resolve(b->arena, text, b->env->passwd, b->env->group, &b->request->group_add, &u,
                         err);
    if (r < 0) {
        return r;
    }
    p->uid = u.uid;
    p->gid = u.gid;
    p->additional_gids = u.groups;
    p->additional_gid_count = u.group_count;
    if (env_find(p, "HOME") == p->env_count) {
        env_set(b, arena_format(b->arena, "HOME=%s", u.home));
    }
    return 0;
}

static int build_cwd(struct building *b, struct error **err)
{
    const char *dir = b->request->workdir;
    if (dir && *dir != '/') {
        int r = error_set(err, ERROR_USAGE, 0, "the working directory '%s' is invalid", dir);
        return error_hint(err, r, "it needs to be an absolute path");
    }
    b->spec->process.cwd = path_clean(b->arena, dir ? dir : str_or(b->image->working_dir, "/"));
    return 0;
}

static int bad_ulimit(const char *text, const char *why, struct error **err)
{
    int r = error_set(err, ERROR_USAGE, 0, "invalid --ulimit '%s': %s", text, why);
    return error_hint(err, r, "TYPE=SOFT[:HARD], such as nofile=1024:2048");
}

static int parse_limit(const char *text, uint64_t *ret)
{
    int64_t n = 0;
    if (str_equal(text, "-1") || str_equal(text, "unlimited")) {
        *ret = UINT64_MAX; /* RLIM_INFINITY */
        return 0;
    }
    if (str_to_i64(text, 10, &n) < 0 || n < 0) {
        return -EINVAL;
    }
    *ret = (uint64_t)n;
    return 0;
}

static int add_ulimit(struct building *b, const char *text, struct error **err)
{
    static const char *const types[] = {
        "as",     "core",  "cpu", "data",   "fsize",  "locks",      "memlock", "msgqueue", "nice",
        "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",   NULL};
    struct spec_pair p = pair_split(b->arena, text);
    if (!str_in(p.key, types)) {
        return bad_ulimit(text, "no such type", err);
    }
    struct spec_rlimit limit = {0};
    char *colon = strchr(p.value, ':');
    const char *soft =
        colon ? arena_strndup(b->arena, p.value, (size_t)(colon - p.value)) : p.value;
    if (parse_limit(soft, &limit.soft) < 0 ||
        parse_limit(colon ? colon + 1 : soft, &limit.hard) < 0) {
        return bad_ulimit(text, "not a number", err);
    }
    if (limit.soft > limit.hard) {
        return bad_ulimit(text, "the soft limit is above the hard limit", err);
    }
    char *type = arena_format(b->arena, "RLIMIT_%s", p.key);
    for (char *c = type; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    limit.type = type;
    struct spec_process *process = &b->spec->process;
    for (size_t i = 0; i < process->rlimit_count; i++) {
        if (str_equal(process->rlimits[i].type, type)) { /* the last one wins */
            process->rlimits[i] = limit;
            return 0;
        }
    }
    *arena_push(b->arena, process->rlimits, process->rlimit_count) = limit;
    return 0;
}

static int build_limits(struct building *b, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < b->request->ulimits.count && r >= 0; i++) {
        r = add_ulimit(b, b->request->ulimits.items[i], err);
    }
    struct option_integer score = b->request->oom_score_adj;
    if (r < 0 || !score.set) {
        return r; /* unset, the score is left alone: lowering it may need a privilege */
    }
    if (score.value < -1000 || score.value > 1000) {
        return error_set(err, ERROR_USAGE, 0, "--oom-score-adj %lld is outside -1000 to 1000",
                         (long long)score.value);
    }
    b->spec->process.oom_score_adj = (struct opt_i64){true, score.value};
    return 0;
}

int build_process(struct building *b, struct error **err)
{
    static int (*const parts[])(struct building *, struct error **) = {
        build_args, build_env, build_user, build_cwd, build_limits,
    };
    b->spec->process_set = true;
    b->spec->process.terminal = b->request->tty;
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        r = parts[i](b, err);
    }
    return r;
}
