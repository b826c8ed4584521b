// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp_enosys.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define X32_BIT 0x40000000u /* asm/unistd.h __X32_SYSCALL_BIT */
#define ARCHITECTURES_MAX 16

/* Linux 6.5 and later, scripts/syscall.tbl. */
static const struct {
    const char *name;
    int number;
} new_calls[] = {
    {"cachestat", 451},         {"fchmodat2", 452},        {"map_shadow_stack", 453},
    {"futex_wake", 454},        {"futex_wait", 455},       {"futex_requeue", 456},
    {"statmount", 457},         {"listmount", 458},        {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},       {"listxattrat", 465},
    {"removexattrat", 466},     {"open_tree_attr", 467},   {"file_getattr", 468},
    {"file_setattr", 469},
};

int seccomp_new_number(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(new_calls); i++) {
        if (str_equal(new_calls[i].name, name)) {
            return new_calls[i].number;
        }
    }
    return -1;
}

/* The largest number that the profile names on an architecture; 0: none. */
static uint32_t largest(const struct spec_seccomp *profile, uint32_t arch)
{
    int max = 0;
    for (size_t i = 0; i < profile->rule_count; i++) {
        for (size_t k = 0; k < profile->rules[i].name_count; k++) {
            int number = seccomp_syscall_resolve_name_arch(arch, profile->rules[i].names[k]);
            /* libseccomp numbers x32 with the bit, pseudo numbers are negative */
            number = number > 0 ? (int)((uint32_t)number & ~X32_BIT) : 0;
            max = number > max ? number : max;
        }
    }
    return (uint32_t)max;
}

/* What a filter sees as one architecture: x32 is x86_64 with a bit in the number. */
struct limit {
    uint32_t audit_arch;
    uint32_t max, x32_max; /* 0: nothing named */
};

static void add_limit(const struct spec_seccomp *profile, uint32_t arch, struct limit *limits,
                      size_t *count)
{
    uint32_t audit = arch == SCMP_ARCH_X32 ? (uint32_t)SCMP_ARCH_X86_64 : arch;
    size_t i = 0;
    while (i < *count && limits[i].audit_arch != audit) {
        i++;
    }
    if (i == ARCHITECTURES_MAX) {
        return;
    }
    if (i == *count) {
        limits[(*count)++] = (struct limit){.audit_arch = audit};
    }
    *(arch == SCMP_ARCH_X32 ? &limits[i].x32_max : &limits[i].max) = largest(profile, arch);
}

static size_t find_limits(const struct spec_seccomp *profile, struct limit *limits)
{
    size_t count = 0;
    add_limit(profile, seccomp_arch_native(), limits, &count);
    for (size_t i = 0; i < profile->architecture_count; i++) {
        const char *name = profile->architectures[i];
        char lower[32] = {0};
        /* "SCMP_ARCH_X86_64" is "x86_64" to libseccomp */
        for (size_t k = 10; str_starts(name, "SCMP_ARCH_") && name[k] && k < 40; k++) {
            lower[k - 10] = (char)(name[k] | (name[k] >= 'A' && name[k] <= 'Z' ? 0x20 : 0));
        }
        uint32_t arch = seccomp_arch_resolve_name(lower);
        if (arch && arch != seccomp_arch_native()) {
            add_limit(profile, arch, limits, &count);
        }
    }
    return count;
}

/* A program whose jumps to the two places known only later are marked, then patched. */
struct code {
    struct sock_filter *at;
    size_t count;
};
enum { TO_NEW = 0xfe, TO_END = 0xff };

static void emit(struct code *c, uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
    c->at[c->count++] = (struct sock_filter){op, jt, jf, k};
}

static void emit_limit(struct code *c, const struct limit *l)
{
    emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
    if (l->audit_arch == AUDIT_ARCH_X86_64) {
        emit(c, BPF_JMP | BPF_JGE | BPF_K, 0, 2, X32_BIT);
        emit(c, BPF_JMP | BPF_JGT | BPF_K, l->x32_max ? TO_NEW : TO_END, TO_END,
             X32_BIT | l->x32_max);
        emit(c, BPF_JMP | BPF_JA, 0, 0, 0); /* not reached; keeps the jump above plain */
    }
    emit(c, BPF_JMP | BPF_JGT | BPF_K, l->max ? TO_NEW : TO_END, TO_END, l->max);
}

static void patch(struct code *c, size_t from, size_t new_at, size_t end_at)
{
    for (size_t i = from; i < new_at; i++) {
        struct sock_filter *s = &c->at[i];
        if (BPF_CLASS(s->code) != BPF_JMP) {
            continue;
        }
        uint8_t *targets[] = {&s->jt, &s->jf};
        for (size_t t = 0; t < ARRAY_SIZE(targets); t++) {
            if (*targets[t] == TO_NEW) {
                *targets[t] = (uint8_t)(new_at - i - 1);
            } else if (*targets[t] == TO_END) {
                *targets[t] = (uint8_t)(end_at - i - 1);
            }
        }
        if (s->code == (BPF_JMP | BPF_JA)) {
            s->k = (uint32_t)(end_at - i - 1);
        }
    }
}

static bool is_needed(const struct spec_seccomp *p)
{
    static const char *const open_actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE",
                                               NULL};
    return !str_in(p->default_action, open_actions) &&
           !(p->default_errno_ret.set && p->default_errno_ret.value == ENOSYS);
}

void seccomp_enosys(const struct spec_seccomp *profile, const struct seccomp_new_call *calls,
                    size_t call_count, struct sock_filter code[SECCOMP_ENOSYS_MAX],
                    size_t *ret_count)
{
    struct limit limits[ARCHITECTURES_MAX];
    struct code c = {.at = code};
    *ret_count = 0;
    size_t count = is_needed(profile) ? find_limits(profile, limits) : 0;
    if (!count) {
        return;
    }
    emit(&c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    size_t choices = c.count;
    c.count += count + 1; /* one comparison an architecture, and a jump to the end */
    for (size_t i = 0; i < count; i++) {
        uint8_t skip = (uint8_t)(c.count - (choices + i) - 1);
        code[choices + i] =
            (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, skip, 0, limits[i].audit_arch};
        emit_limit(&c, &limits[i]);
    }
    code[choices + count] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, 0};
    size_t new_at = c.count;
    emit(&c, BPF_ALU | BPF_AND | BPF_K, 0, 0, ~X32_BIT);
    for (size_t i = 0; i < call_count && c.count < SECCOMP_ENOSYS_MAX - 3; i++) {
        emit(&c, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, calls[i].number);
        emit(&c, BPF_RET | BPF_K, 0, 0, calls[i].action);
    }
    emit(&c, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
    patch(&c, choices + count, new_at, c.count);
    *ret_count = c.count;
}
