// SPDX-License-Identifier: Apache-2.0
/* RUN: its command, its mounts, its environment, and what its cache key is made of. */
#include <string.h>

#include "build/build.h"
#include "build/file/heredoc.h"
#include "build/flags.h"
#include "spec/from_image.h"

#define SECRETS_FOLDER "/run/secrets"

struct mount_line { /* one --mount that is being read */
    struct build *b;
    struct stage *s;
    const struct instruction *i;
    struct run_mount *m;
    struct error **err;
};

static int bad(struct mount_line *l, const char *what, const char *value)
{
    return dockerfile_error(l->b->file.name, l->i->line, l->err, "RUN --mount: %s '%s'", what,
                            value);
}

static int set_kind(struct mount_line *l, const char *value)
{
    static const char *const kinds[] = {"bind", "cache", "tmpfs", "secret", "ssh", NULL};
    for (int k = 0; kinds[k]; k++) {
        if (str_equal(kinds[k], value)) {
            l->m->kind = (enum mount_kind)k;
            return 0;
        }
    }
    const char *near = nearest_word(value, kinds);
    CLEANUP(free)
    char *what = near ? str_format("unknown type (did you mean '%s'?)", near)
                      : xstrdup("type is bind, cache, tmpfs, secret or ssh, not");
    return bad(l, what, value);
}

static int set_sharing(struct mount_line *l, const char *value)
{
    static const char *const words[] = {"shared", "private", "locked", NULL};
    for (int k = 0; words[k]; k++) {
        if (str_equal(words[k], value)) {
            l->m->sharing = (enum cache_sharing)k;
            return 0;
        }
    }
    return bad(l, "sharing is shared, private or locked, not", value);
}

static int set_flag(struct mount_line *l, const char *value, bool *ret, bool inverted)
{
    static const char *const yes[] = {"", "true", "1", NULL}, *const no[] = {"false", "0", NULL};
    if (!str_in(value, yes) && !str_in(value, no)) {
        return bad(l, "neither true nor false:", value);
    }
    *ret = str_in(value, yes) != inverted;
    return 0;
}

static int set_number(struct mount_line *l, const char *value, int base, int64_t *ret)
{
    return str_to_i64(value, base, ret) < 0 || *ret < 0 || *ret > UINT32_MAX
               ? bad(l, "no number:", value)
               : 0;
}

static int set_id(struct mount_line *l, const char *value, uint32_t *ret)
{
    int64_t number = 0;
    int r = set_number(l, value, 10, &number);
    *ret = (uint32_t)number;
    return r;
}

static int set_from(struct mount_line *l, const char *value)
{
    l->m->has_from = true;
    return graph_input(l->b, l->s, value, l->i->line, &l->m->from, l->err);
}

static int set_text(char **at, const char *value)
{
    free(*at);
    *at = xstrdup(value);
    return 0;
}

static int set_field(struct mount_line *l, const char *key, const char *value)
{
    static const char *const targets[] = {"target", "dst", "destination", NULL};
    static const char *const sources[] = {"source", "src", NULL};
    static const char *const readonly[] = {"ro", "readonly", NULL};
    static const char *const writable[] = {"rw", "readwrite", NULL};
    struct run_mount *m = l->m;
    if (str_in(key, targets)) {
        return set_text(&m->target, value);
    } else if (str_in(key, sources)) {
        return set_text(&m->source, value);
    } else if (str_in(key, readonly)) {
        return set_flag(l, value, &m->writable, true);
    } else if (str_in(key, writable)) {
        return set_flag(l, value, &m->writable, false);
    } else if (str_equal(key, "id")) {
        return set_text(&m->id, value);
    } else if (str_equal(key, "env")) {
        return set_text(&m->env, value);
    } else if (str_equal(key, "from")) {
        return set_from(l, value);
    } else if (str_equal(key, "sharing")) {
        return set_sharing(l, value);
    } else if (str_equal(key, "required")) {
        return set_flag(l, value, &m->required, false);
    } else if (str_equal(key, "mode")) {
        return set_number(l, value, 8, &m->mode);
    } else if (str_equal(key, "uid")) {
        return set_id(l, value, &m->uid);
    } else if (str_equal(key, "gid")) {
        return set_id(l, value, &m->gid);
    } else if (str_equal(key, "size")) {
        return str_to_bytes(value, &m->size_bytes) < 0 ? bad(l, "no size:", value) : 0;
    } else if (str_equal(key, "type")) {
        return 0;
    }
    static const char *const known[] = {"type", "target",   "source",   "from", "id",  "sharing",
                                        "mode", "required", "size",     "env",  "uid", "gid",
                                        "ro",   "rw",       "readonly", NULL};
    const char *near = nearest_word(key, known);
    CLEANUP(free)
    char *what =
        near ? str_format("unknown field (did you mean '%s'?)", near) : xstrdup("unknown field");
    return bad(l, what, key);
}

static int read_fields(struct mount_line *l, const struct strv *fields)
{
    for (int pass = 0; pass < 2; pass++) { /* the type first: defaults hang on it */
        for (size_t f = 0; f < fields->count; f++) {
            const char *field = fields->items[f];
            size_t n = strcspn(field, "=");
            CLEANUP(free) char *key = xstrndup(field, n);
            CLEANUP(free) char *value = NULL;
            int r = evaluate_word(l->b, l->s, l->i, field[n] ? field + n + 1 : "", &value, l->err);
            bool is_type = str_equal(key, "type");
            if (r == 0 && pass == 0 && is_type) {
                r = set_kind(l, value);
                l->m->writable = l->m->kind == MOUNT_CACHE;
            } else if (r == 0 && pass == 1) {
                r = set_field(l, key, value);
            }
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* What a mount of its kind must have, and where it goes when nobody said. */
static int complete(struct mount_line *l)
{
    struct run_mount *m = l->m;
    CLEANUP(free) char *target = NULL;
    if (m->kind == MOUNT_SECRET) {
        const char *slash = m->target ? strrchr(m->target, '/') : NULL;
        if (!m->id) {
            m->id = xstrdup(m->target ? (slash ? slash + 1 : m->target) : m->source);
        }
        if (!m->id || !*m->id) {
            return bad(l, "a secret needs an id", "");
        }
        if (!m->target && !m->env) {
            target = str_format("%s/%s", SECRETS_FOLDER, m->id);
        }
    } else if (m->kind == MOUNT_SSH) {
        m->id = m->id ? m->id : xstrdup("default");
        target = m->target ? NULL : str_format("/run/buildkit/ssh_agent.%zu", l->s->step_count);
    } else if (!m->target || !*m->target) {
        return bad(l, "it needs a target", "");
    }
    if (target) {
        m->target = take_ptr(target);
    }
    if (m->target && m->target[0] != '/') {
        const char *cwd = json_string_value(json_object_get(l->s->config, "WorkingDir"));
        char *joined = str_format("%s/%s", str_or(cwd, ""), m->target);
        free(m->target);
        m->target = joined;
    }
    CLEANUP(arena) struct arena *a = arena_new();
    char *clean = m->target ? xstrdup(path_clean(a, m->target)) : NULL;
    free(m->target);
    m->target = clean;
    if (clean && str_equal(clean, "/")) {
        return bad(l, "it cannot be mounted on", "/");
    }
    if (m->kind == MOUNT_CACHE && !m->id) {
        m->id = xstrdup(m->target);
    }
    return 0;
}

static int read_mount(struct build *b, struct stage *s, const struct instruction *i,
                      const char *text, struct run_mount *ret, struct error **err)
{
    CLEANUP(strv) struct strv fields = {0};
    *ret = (struct run_mount){.kind = MOUNT_BIND, .mode = -1, .from = {.stage = -1}};
    struct mount_line l = {b, s, i, ret, err};
    fields_split(text, &fields);
    int r = read_fields(&l, &fields);
    return r < 0 ? r : complete(&l);
}

static json_t *mount_definition(const struct run_mount *m)
{
    /* A secret's value is no part of it, nor its id's source: they must not reach the key. */
    return json_pack("{s:i, s:s?, s:s?, s:s?, s:s?, s:b, s:I, s:I, s:i, s:i, s:i}", "kind", m->kind,
                     "target", m->target, "source", m->source, "id", m->id, "env", m->env, "rw",
                     m->writable, "size", (json_int_t)m->size_bytes, "mode", (json_int_t)m->mode,
                     "uid", (int)m->uid, "gid", (int)m->gid, "sharing", m->sharing);
}

static int read_mounts(struct build *b, struct stage *s, const struct instruction *i,
                       struct run_mount **ret, size_t *ret_count, struct error **err)
{
    CLEANUP(strv) struct strv texts = {0};
    flag_list(i, "mount", &texts);
    *ret = xcalloc(texts.count, sizeof(**ret));
    for (size_t n = 0; n < texts.count; n++) {
        (*ret_count)++;
        int r = read_mount(b, s, i, texts.items[n], &(*ret)[n], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A lone here-document is the script; others go to the shell as they stand. */
static void read_command(struct stage *s, const struct instruction *i, struct build_step *step)
{
    if (i->is_json) {
        strv_add_all(&step->args, i->json.items);
        return;
    }
    CLEANUP(strbuf) struct strbuf line = {0};
    if (i->heredoc_count && heredoc_is_mark(i->rest)) {
        if (str_starts(i->heredocs[0].content, "#!")) {
            step->script = xstrdup(i->heredocs[0].content);
            strv_addf(&step->args, "/dev/pipes/%s", i->heredocs[0].name);
            return;
        }
        strbuf_adds(&line, i->heredocs[0].content);
    } else {
        strbuf_adds(&line, i->rest);
        for (size_t n = 0; n < i->heredoc_count; n++) {
            strbuf_addf(&line, "\n%s%s", i->heredocs[n].raw, i->heredocs[n].name);
        }
    }
    if (s->shell.count) {
        strv_add_all(&step->args, s->shell.items);
    } else {
        strv_add(&step->args, "/bin/sh");
        strv_add(&step->args, "-c");
    }
    strv_add(&step->args, str_or(line.data, ""));
}

/* ENV, then the ARGs that no ENV hides. `silent` gets the proxies, which leave no trace. */
static void read_environment(struct build *b, struct stage *s, struct build_step *step)
{
    size_t n;
    json_t *item;
    json_array_foreach(json_object_get(s->config, "Env"), n, item)
    {
        strv_add(&step->env, str_or(json_string_value(item), ""));
    }
    for (size_t k = 0; k < s->args.count; k++) {
        CLEANUP(free) char *name = xstrndup(s->args.items[k], strcspn(s->args.items[k], "="));
        if (strchr(s->args.items[k], '=')) {
            pair_set(&step->env, name, s->args.items[k] + strlen(name) + 1);
        }
    }
    for (size_t k = 0; k < b->build_args.count; k++) {
        CLEANUP(free)
        char *name = xstrndup(b->build_args.items[k], strcspn(b->build_args.items[k], "="));
        if (argument_is_silent(name) && !pair_value(&step->env, name)) {
            strv_add(&step->env, b->build_args.items[k]);
        }
    }
}

static int read_modes(struct build *b, const struct instruction *i, struct build_step *step,
                      struct error **err)
{
    static const char *const networks[] = {"default", "none", "host", NULL};
    const char *network = str_or(flag_value(i, "network"), b->options->network);
    const char *security = str_or(flag_value(i, "security"), "sandbox");
    if (str_equal(network, "bridge")) {
        network = "default";
    }
    if (!str_in(network, networks)) {
        return dockerfile_error(b->file.name, i->line, err,
                                "RUN: the network is default, none or host, not '%s'", network);
    }
    if (!str_equal(security, "sandbox") && !str_equal(security, "insecure")) {
        return dockerfile_error(b->file.name, i->line, err,
                                "RUN: --security is sandbox or insecure, not '%s'", security);
    }
    step->network = xstrdup(network);
    step->insecure = str_equal(security, "insecure");
    const char *right = step->insecure ? "security.insecure" : "network.host";
    bool asks = step->insecure || str_equal(flag_value(i, "network"), "host");
    if (asks && !strv_contains(&b->options->allow, right)) {
        int r = dockerfile_error(b->file.name, i->line, err, "RUN: '%s' is not allowed", right);
        return error_hint(err, r, "build with --allow %s", right);
    }
    return 0;
}

static json_t *definition(struct build *b, const struct build_step *step)
{
    CLEANUP(strv) struct strv env = {0};
    for (size_t n = 0; n < step->env.count; n++) {
        CLEANUP(free) char *name = xstrndup(step->env.items[n], strcspn(step->env.items[n], "="));
        if (!argument_is_silent(name)) {
            strv_add(&env, step->env.items[n]);
        }
    }
    json_t *mounts = json_array();
    for (size_t n = 0; n < step->mount_count; n++) {
        json_array_append_new(mounts, mount_definition(&step->mounts[n]));
    }
    return json_pack("{s:o, s:o, s:s?, s:s?, s:s, s:b, s:s?, s:o, s:o}", "run",
                     json_from_strv(&step->args), "env", json_from_strv(&env), "user", step->user,
                     "cwd", step->cwd, "network", step->network, "insecure", step->insecure,
                     "script", step->script, "mounts", mounts, "hosts",
                     json_from_strv(&b->options->run.add_hosts));
}

/* "RUN |2 A=1 B= /bin/sh -c …": every ARG declared so far, with the value it has now. */
static size_t write_history(struct stage *s, const struct build_step *step)
{
    CLEANUP(free) char *command = strv_join(&step->args, " ");
    CLEANUP(strbuf) struct strbuf text = {0};
    strbuf_adds(&text, "RUN ");
    if (s->declared.count) {
        strbuf_addf(&text, "|%zu ", s->declared.count);
    }
    for (size_t i = 0; i < s->declared.count; i++) {
        const char *name = s->declared.items[i];
        strbuf_addf(&text, "%s=%s ", name, str_or(stage_variable(s, name), ""));
    }
    strbuf_adds(&text, command);
    return history_add(s, text.data, false);
}

/* Whether the kernel runs the platform's programs: its own, or through binfmt_misc. */
static int check_platform(const struct build *b, const struct stage *s, const struct instruction *i,
                          struct error **err)
{
    static const char *const qemu[][2] = {{"arm64", "aarch64"},   {"386", "i386"},
                                          {"amd64", "x86_64"},    {"arm", "arm"},
                                          {"riscv64", "riscv64"}, {"ppc64le", "ppc64le"},
                                          {"s390x", "s390x"},     {"mips64le", "mips64el"}};
    const char *arch = s->platform.architecture;
    bool runs = str_equal(arch, b->host.architecture) ||
                (str_equal(arch, "386") && str_equal(b->host.architecture, "amd64"));
    for (size_t n = 0; n < ARRAY_SIZE(qemu) && !runs; n++) {
        CLEANUP(free) char *path = str_format("/proc/sys/fs/binfmt_misc/qemu-%s", qemu[n][1]);
        runs = str_equal(qemu[n][0], arch) && access(path, F_OK) == 0;
    }
    if (runs) {
        return 0;
    }
    int r =
        dockerfile_error(b->file.name, i->line, err,
                         "RUN: programs of %s/%s do not run on this machine", s->platform.os, arch);
    return error_hint(err, r, "install qemu-user-static and binfmt-support");
}

int evaluate_run(struct build *b, struct stage *s, const struct instruction *i, struct error **err)
{
    static const char *const known[] = {"mount=", "network=", "security=", NULL};
    struct run_mount *mounts = NULL;
    size_t count = 0;
    int r = flags_check(b->file.name, i, known, err);
    r = r < 0 ? r : check_platform(b, s, i, err);
    if (r < 0) {
        return r;
    }
    r = read_mounts(b, s, i, &mounts, &count, err);
    struct build_step *step = stage_add_step(s, BUILD_RUN, i); /* owns the mounts from here on */
    step->mounts = mounts;
    step->mount_count = count;
    r = r < 0 ? r : read_modes(b, i, step, err);
    if (r < 0) {
        return r;
    }
    read_command(s, i, step);
    read_environment(b, s, step);
    step->user = xstrdup(json_string_value(json_object_get(s->config, "User")));
    step->cwd = xstrdup(json_string_value(json_object_get(s->config, "WorkingDir")));
    step->text = str_format("RUN %s", i->rest);
    step->definition = definition(b, step);
    step->history = write_history(s, step);
    return 0;
}
