// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/container/seccomp_compact.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* libseccomp 2.5's tree of comparisons has four system calls a leaf and misbehaves without rules.
 */
#define TREE_FROM_RULES 32
#define ARGUMENTS 6

static void filter_release(scmp_filter_ctx filter)
{
    if (filter) {
        seccomp_release(filter);
    }
}
DEFINE_CLEANUP(filter, scmp_filter_ctx, filter_release)

static int invalid(struct error **err, const char *what, const char *value)
{
    return error_set(err, ERROR_INVALID_INPUT, EINVAL, "seccomp: '%s' is not %s", str_or(value, ""),
                     what);
}

static int parse_action(const char *name, struct opt_u32 errno_ret, uint32_t *ret,
                        struct error **err)
{
    /* Without a number: EPERM, the specification's default. */
    uint32_t number = errno_ret.set ? errno_ret.value : EPERM;
    if (number > UINT16_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "seccomp: errnoRet %u is too large",
                         number);
    }
    const struct {
        const char *name;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(number)},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(number)},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (str_equal(actions[i].name, name)) {
            *ret = actions[i].action;
            return 0;
        }
    }
    return invalid(err, "an action", name);
}

static int parse_operator(const char *name, enum scmp_compare *ret, struct error **err)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } operators[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        if (str_equal(operators[i].name, name)) {
            *ret = operators[i].op;
            return 0;
        }
    }
    return invalid(err, "an operator", name);
}

static int parse_flags(const struct spec_seccomp *s, bool notify, unsigned *ret, struct error **err)
{
    static const struct {
        const char *name;
        unsigned flag;
    } flags[] = {
        {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
        {"SECCOMP_FILTER_FLAG_TSYNC", 0}, /* the child that loads has one thread */
    };
    /* As runc: no word on flags leaves speculation to the workload; an empty list does not. */
    *ret = s->flags_set ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    *ret |= notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    for (size_t i = 0; i < s->flag_count; i++) {
        size_t k = 0;
        while (k < ARRAY_SIZE(flags) && !str_equal(flags[k].name, s->flags[i])) {
            k++;
        }
        if (k == ARRAY_SIZE(flags)) {
            return invalid(err, "a filter flag", s->flags[i]);
        }
        *ret |= flags[k].flag;
    }
    if (!notify) {
        *ret &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; /* of a listener alone */
    }
    return 0;
}

/* Whether any rule notifies; and that the two calls by which the listener gets out do not. */
static int find_notify(const struct spec_seccomp *s, bool *ret, struct error **err)
{
    static const char *const never[] = {"write", "sendmsg", NULL};
    *ret = false;
    if (str_equal(s->default_action, "SCMP_ACT_NOTIFY")) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "seccomp: SCMP_ACT_NOTIFY cannot be the default action");
    }
    for (size_t i = 0; i < s->rule_count; i++) {
        if (!str_equal(s->rules[i].action, "SCMP_ACT_NOTIFY")) {
            continue;
        }
        *ret = true;
        for (size_t k = 0; k < s->rules[i].name_count; k++) {
            if (str_in(s->rules[i].names[k], never)) {
                return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                                 "seccomp: SCMP_ACT_NOTIFY cannot be used for '%s', by which the "
                                 "listener is handed over",
                                 s->rules[i].names[k]);
            }
        }
    }
    if (*ret && !s->listener_path) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
    }
    return 0;
}

static int add_architectures(scmp_filter_ctx filter, const struct spec_seccomp *s,
                             struct error **err)
{
    for (size_t i = 0; i < s->architecture_count; i++) {
        const char *name = s->architectures[i];
        uint32_t arch = seccomp_arch_number(name);
        if (!arch) {
            return invalid(err, "an architecture", name);
        }
        int r = seccomp_arch_add(filter, arch);
        if (r < 0 && r != -EEXIST) {
            return error_set_errno(err, ERROR_INVALID_INPUT, -r, "seccomp: architecture '%s'",
                                   name);
        }
    }
    return 0;
}

/* What the compilation of one profile works on. */
struct compilation {
    scmp_filter_ctx filter;
    uint32_t default_action;
    struct seccomp_new_call *calls; /* newer than libseccomp */
    size_t call_count;
    struct arena *a;
};

static int add_failed(const char *name, int r, struct error **err)
{
    return r < 0 && r != -EEXIST
               ? error_set_errno(err, ERROR_INVALID_INPUT, -r, "seccomp: the rule for '%s'", name)
               : 0;
}

/* Conditions on one argument twice are alternatives, as runc has always read them; on different
 * arguments all must hold. */
static int add_call(struct compilation *c, const char *name, int number, uint32_t action,
                    const struct scmp_arg_cmp *args, unsigned count, struct error **err)
{
    bool seen[ARGUMENTS] = {false}, twice = false;
    for (unsigned i = 0; i < count; i++) {
        twice |= seen[args[i].arg];
        seen[args[i].arg] = true;
    }
    int r = twice ? 0 : seccomp_rule_add_array(c->filter, action, number, count, args);
    for (unsigned i = 0; twice && i < count && (r >= 0 || r == -EEXIST); i++) {
        r = seccomp_rule_add_array(c->filter, action, number, 1, &args[i]);
    }
    return add_failed(name, r, err);
}

static int convert_args(const struct spec_seccomp_rule *rule, struct scmp_arg_cmp *ret,
                        struct error **err)
{
    for (size_t i = 0; i < rule->arg_count; i++) {
        const struct spec_seccomp_arg *arg = &rule->args[i];
        enum scmp_compare op = SCMP_CMP_EQ;
        if (arg->index >= ARGUMENTS || rule->arg_count > ARGUMENTS) {
            return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                             "seccomp: a system call has arguments 0 to 5, not %u", arg->index);
        }
        int r = parse_operator(arg->op, &op, err);
        if (r < 0) {
            return r;
        }
        ret[i] = (struct scmp_arg_cmp){arg->index, op, arg->value, arg->value_two};
    }
    return 0;
}

static int add_rule(struct compilation *c, const struct spec_seccomp_rule *rule, struct error **err)
{
    struct scmp_arg_cmp args[ARGUMENTS];
    uint32_t action = 0;
    int r = parse_action(rule->action, rule->errno_ret, &action, err);
    r = r < 0 ? r : convert_args(rule, args, err);
    if (r < 0 || action == c->default_action) {
        return r; /* what happens anyway needs no rule, and libseccomp refuses one */
    }
    for (size_t i = 0; i < rule->name_count; i++) {
        int number = seccomp_syscall_resolve_name(rule->names[i]);
        int newer = number == __NR_SCMP_ERROR ? seccomp_new_number(rule->names[i]) : -1;
        if (newer >= 0 && !rule->arg_count) {
            struct seccomp_new_call *call = arena_push(c->a, c->calls, c->call_count);
            *call = (struct seccomp_new_call){(uint32_t)newer, action};
        }
        if (number == __NR_SCMP_ERROR) {
            continue;
        }
        r = add_call(c, rule->names[i], number, action, args, (unsigned)rule->arg_count, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* libseccomp 2.5 writes its program to a descriptor alone. */
static int export_program(struct compilation *c, struct sock_filter **ret, size_t *ret_count,
                          struct error **err)
{
    CLEANUP(fd) int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : seccomp_export_bpf(c->filter, fd);
    struct stat st;
    if (r < 0 || fstat(fd, &st) < 0) {
        return error_set_errno(err, ERROR_KERNEL, r < 0 ? -r : errno,
                               "seccomp: cannot compile the profile");
    }
    *ret = arena_alloc(c->a, (size_t)st.st_size);
    *ret_count = (size_t)st.st_size / sizeof(**ret);
    ssize_t n = pread(fd, *ret, (size_t)st.st_size, 0);
    return n == st.st_size ? 0
                           : error_set_errno(err, ERROR_KERNEL, n < 0 ? errno : EIO,
                                             "seccomp: cannot read the program");
}

static int finish_program(struct compilation *c, const struct spec_seccomp *profile,
                          struct seccomp_program *ret, struct error **err)
{
    struct sock_filter *filter = NULL;
    size_t count = 0, compact_count = 0;
    struct seccomp_limits limits = {.calls = c->calls, .call_count = c->call_count};
    int r = export_program(c, &filter, &count, err);
    if (r < 0) {
        return r;
    }
    seccomp_limits_find(profile, &limits);
    struct sock_filter *compact = seccomp_compact(c->a, filter, count, &limits, &compact_count);
    ret->instructions = compact ? compact : filter;
    ret->count = (unsigned short)(compact ? compact_count : count);
    if (!compact && count > BPF_MAXINSNS) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG,
                         "seccomp: the profile makes %zu instructions; the kernel takes %d", count,
                         BPF_MAXINSNS);
    }
    return 0;
}

int seccomp_describe(struct arena *a, const struct spec_seccomp *s, struct seccomp_program *ret,
                     struct error **err)
{
    size_t names = 0;
    *ret = (struct seccomp_program){0};
    int r = find_notify(s, &ret->notify, err);
    r = r < 0 ? r : parse_flags(s, ret->notify, &ret->flags, err);
    for (size_t i = 0; i < s->rule_count; i++) {
        names += s->rules[i].name_count;
    }
    ret->listener_path = ret->notify ? s->listener_path : NULL;
    ret->listener_metadata = s->listener_metadata;
    ret->summary = arena_format(a, "default %s, %zu rules for %zu system calls%s",
                                str_or(s->default_action, "none"), s->rule_count, names,
                                ret->notify ? ", with a listener" : "");
    return r;
}

static int compile(struct compilation *c, const struct spec_seccomp *profile,
                   struct seccomp_program *ret, struct error **err)
{
    int r = add_architectures(c->filter, profile, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < profile->rule_count; i++) {
        r = add_rule(c, &profile->rules[i], err);
        if (r < 0) {
            return r;
        }
    }
    return finish_program(c, profile, ret, err);
}

int seccomp_compile(struct arena *a, const struct spec_seccomp *profile,
                    struct seccomp_program *ret, struct error **err)
{
    struct compilation c = {.a = a};
    int r = seccomp_describe(a, profile, ret, err);
    r = r < 0 ? r
              : parse_action(profile->default_action, profile->default_errno_ret, &c.default_action,
                             err);
    if (r < 0) {
        return r;
    }
    CLEANUP(filter) scmp_filter_ctx filter = seccomp_init(c.default_action);
    if (!filter) {
        return error_set(err, ERROR_INTERNAL, ENOMEM, "seccomp: libseccomp cannot be used");
    }
    c.filter = filter;
    return compile(&c, profile, ret, err);
}

int seccomp_program_load(const struct seccomp_program *p)
{
    struct sock_fprog program = {p->count, (struct sock_filter *)p->instructions};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->flags, &program);
    return r < 0 ? -errno : (int)r;
}

static json_t *process_state(const struct seccomp_program *p, pid_t pid, const char *state)
{
    json_t *s = json_pack("{s:s, s:[s], s:i, s:s}", "ociVersion", "1.2.0", "fds", "seccompFd",
                          "pid", (int)pid, "metadata", str_or(p->listener_metadata, ""));
    json_error_t e;
    json_t *container = json_loads(str_or(state, "{}"), 0, &e);
    (void)json_object_set_new(s, "state", container ? container : json_object());
    return s;
}

int seccomp_send_listener_take(const struct seccomp_program *p, int listener_fd, pid_t pid,
                               const char *container_state_json, struct error **err)
{
    CLEANUP(fd) int listener = listener_fd;
    CLEANUP(json) json_t *state = process_state(p, pid, container_state_json);
    CLEANUP(free) char *text = json_dumps(state, JSON_COMPACT);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(p->listener_path) >= sizeof(address.sun_path)) {
        return error_set(err, ERROR_INVALID_INPUT, ENAMETOOLONG,
                         "seccomp: the listener's path '%s' is too long", p->listener_path);
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", p->listener_path);
    CLEANUP(fd) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno,
                               "seccomp: cannot connect to the listener '%s'", p->listener_path);
    }
    ssize_t n = send_fds(sock, text, strlen(text), &listener, 1);
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n,
                                   "seccomp: cannot send the notify descriptor to '%s'",
                                   p->listener_path)
                 : 0;
}
