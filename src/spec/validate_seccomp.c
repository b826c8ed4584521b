// SPDX-License-Identifier: Apache-2.0
/* config-linux.md#seccomp: words that are known, and what goes with what. */
#include <string.h>

#include "spec/validate.h"

#define ARGUMENT_INDEX_MAX 5 /* man 2 syscall: six arguments */

const char *const spec_seccomp_actions[] = {"SCMP_ACT_KILL",        "SCMP_ACT_KILL_PROCESS",
                                            "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
                                            "SCMP_ACT_ERRNO",       "SCMP_ACT_TRACE",
                                            "SCMP_ACT_ALLOW",       "SCMP_ACT_LOG",
                                            "SCMP_ACT_NOTIFY",      NULL};
const char *const spec_seccomp_operators[] = {"SCMP_CMP_NE",        "SCMP_CMP_LT", "SCMP_CMP_LE",
                                              "SCMP_CMP_EQ",        "SCMP_CMP_GE", "SCMP_CMP_GT",
                                              "SCMP_CMP_MASKED_EQ", NULL};
const char *const spec_seccomp_architectures[] = {"SCMP_ARCH_NATIVE",
                                                  "SCMP_ARCH_X86",
                                                  "SCMP_ARCH_X86_64",
                                                  "SCMP_ARCH_X32",
                                                  "SCMP_ARCH_ARM",
                                                  "SCMP_ARCH_AARCH64",
                                                  "SCMP_ARCH_MIPS",
                                                  "SCMP_ARCH_MIPS64",
                                                  "SCMP_ARCH_MIPS64N32",
                                                  "SCMP_ARCH_MIPSEL",
                                                  "SCMP_ARCH_MIPSEL64",
                                                  "SCMP_ARCH_MIPSEL64N32",
                                                  "SCMP_ARCH_PPC",
                                                  "SCMP_ARCH_PPC64",
                                                  "SCMP_ARCH_PPC64LE",
                                                  "SCMP_ARCH_S390",
                                                  "SCMP_ARCH_S390X",
                                                  "SCMP_ARCH_PARISC",
                                                  "SCMP_ARCH_PARISC64",
                                                  "SCMP_ARCH_RISCV64",
                                                  "SCMP_ARCH_LOONGARCH64",
                                                  "SCMP_ARCH_M68K",
                                                  "SCMP_ARCH_SH",
                                                  "SCMP_ARCH_SHEB",
                                                  NULL};
const char *const spec_seccomp_flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                          "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                          "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};

static bool takes_errno(const char *action)
{
    return strcmp(action, "SCMP_ACT_ERRNO") == 0 || strcmp(action, "SCMP_ACT_TRACE") == 0;
}

static int check_words(const char *where, const char *what, const char *const *known,
                       const char *const *items, size_t count, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_in(items[i], known)) {
            return invalid(err, where, "the %s '%s' is not known", what, items[i]);
        }
    }
    return 0;
}

static int validate_rule(const struct spec_seccomp_rule *r, struct error **err)
{
    static const char where[] = "linux.seccomp.syscalls";
    if (r->name_count == 0) {
        return invalid(err, where, "a rule without names");
    }
    int e = check_words(where, "action", spec_seccomp_actions, &r->action, 1, err);
    if (e < 0) {
        return e;
    }
    if (r->errno_ret.set && !takes_errno(r->action)) {
        return invalid(err, where, "'%s': %s takes no errnoRet", r->names[0], r->action);
    }
    for (size_t i = 0; i < r->arg_count && e >= 0; i++) {
        if (r->args[i].index > ARGUMENT_INDEX_MAX) {
            return invalid(err, where, "'%s': the argument %u is outside 0 to %d", r->names[0],
                           r->args[i].index, ARGUMENT_INDEX_MAX);
        }
        e = check_words(where, "operator", spec_seccomp_operators, &r->args[i].op, 1, err);
    }
    return e;
}

static bool notifies(const struct spec_seccomp *s)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        if (strcmp(s->rules[i].action, "SCMP_ACT_NOTIFY") == 0) {
            return true;
        }
    }
    return false;
}

static int validate_listener(const struct spec_seccomp *s, struct error **err)
{
    if (strcmp(s->default_action, "SCMP_ACT_NOTIFY") == 0) {
        return invalid(err, "linux.seccomp",
                       "SCMP_ACT_NOTIFY cannot be the default: the program could not be executed");
    }
    if (notifies(s) && !s->listener_path) {
        return invalid(err, "linux.seccomp", "SCMP_ACT_NOTIFY needs 'listenerPath'");
    }
    if (s->listener_metadata && !s->listener_path) {
        return invalid(err, "linux.seccomp", "'listenerMetadata' needs 'listenerPath'");
    }
    return 0;
}

int validate_seccomp(const struct spec_seccomp *s, struct error **err)
{
    static const char where[] = "linux.seccomp";
    int r = check_words(where, "action", spec_seccomp_actions, &s->default_action, 1, err);
    if (r >= 0) {
        r = check_words(where, "architecture", spec_seccomp_architectures, s->architectures,
                        s->architecture_count, err);
    }
    if (r >= 0) {
        r = check_words(where, "flag", spec_seccomp_flags, s->flags, s->flag_count, err);
    }
    if (r >= 0 && s->default_errno_ret.set && !takes_errno(s->default_action)) {
        r = invalid(err, where, "%s takes no defaultErrnoRet", s->default_action);
    }
    for (size_t i = 0; i < s->rule_count && r >= 0; i++) {
        r = validate_rule(&s->rules[i], err);
    }
    return r < 0 ? r : validate_listener(s, err);
}
