// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp_enosys.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "base/str.h"

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

uint32_t seccomp_arch_number(const char *name)
{
    static const char prefix[] = "SCMP_ARCH_";
    char lower[32] = {0}; /* libseccomp calls it "x86_64" */
    if (!name || !str_starts(name, prefix) || strlen(name) >= sizeof(lower)) {
        return 0;
    }
    const char *from = name + strlen(prefix);
    for (size_t i = 0; from[i]; i++) {
        lower[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] + 'a' - 'A' : from[i]);
    }
    return seccomp_arch_resolve_name(lower);
}

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
    uint32_t max = 0;
    for (size_t i = 0; i < profile->rule_count; i++) {
        for (size_t k = 0; k < profile->rules[i].name_count; k++) {
            int number = seccomp_syscall_resolve_name_arch(arch, profile->rules[i].names[k]);
            /* x32's have the bit; negative ones are other architectures' or unknown */
            uint32_t plain = number > 0 ? (uint32_t)number & ~SECCOMP_X32_BIT : 0;
            max = plain > max ? plain : max;
        }
    }
    return max;
}

static void add_limit(const struct spec_seccomp *profile, uint32_t arch, struct seccomp_limits *l)
{
    uint32_t audit = arch == SCMP_ARCH_X32 ? (uint32_t)SCMP_ARCH_X86_64 : arch;
    size_t i = 0;
    while (i < l->count && l->items[i].audit_arch != audit) {
        i++;
    }
    if (i == SECCOMP_LIMITS_MAX) {
        return;
    }
    if (i == l->count) {
        l->items[l->count++] = (struct seccomp_limit){.audit_arch = audit};
    }
    if (arch == SCMP_ARCH_X32) {
        l->items[i].x32 = true;
        l->items[i].x32_max = largest(profile, arch);
    } else {
        l->items[i].max = largest(profile, arch);
    }
}

void seccomp_limits_find(const struct spec_seccomp *profile, struct seccomp_limits *ret)
{
    static const char *const open_actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE",
                                               NULL};
    ret->enosys = !str_in(profile->default_action, open_actions) &&
                  !(profile->default_errno_ret.set && profile->default_errno_ret.value == ENOSYS);
    ret->count = 0;
    add_limit(profile, seccomp_arch_native(), ret);
    for (size_t i = 0; i < profile->architecture_count; i++) {
        uint32_t arch = seccomp_arch_number(profile->architectures[i]);
        if (arch && arch != seccomp_arch_native()) {
            add_limit(profile, arch, ret);
        }
    }
}

bool seccomp_limits_decide(const struct seccomp_limits *l, const struct seccomp_limit *arch,
                           uint32_t number, uint32_t *ret_action)
{
    bool x32 = arch->audit_arch == (uint32_t)SCMP_ARCH_X86_64 && number & SECCOMP_X32_BIT;
    uint32_t plain = x32 ? number & ~SECCOMP_X32_BIT : number;
    uint32_t max = x32 ? arch->x32_max : arch->max;
    if (!l->enosys || !max || plain <= max) {
        return false;
    }
    *ret_action = SECCOMP_RET_ERRNO | ENOSYS;
    for (size_t i = 0; i < l->call_count; i++) {
        if (l->calls[i].number == plain) {
            *ret_action = l->calls[i].action;
        }
    }
    return true;
}
