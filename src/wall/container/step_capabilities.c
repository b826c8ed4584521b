// SPDX-License-Identifier: Apache-2.0
/* The five capability sets and no_new_privs. man 7 capabilities. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wall/container/step.h"

#define CAPABILITIES_MAX 64

static uint64_t bit(int number)
{
    return (uint64_t)1 << number;
}

static void describe_set(struct description *d, const char *name, uint64_t set)
{
    const char *names[CAPABILITIES_MAX];
    char unknown[CAPABILITIES_MAX][16];
    size_t count = 0;
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if (set & bit(i)) {
            snprintf(unknown[i], sizeof(unknown[i]), "CAP_%d", i);
            names[count++] = str_or(spec_capability_name(i), unknown[i]);
        }
    }
    describe_strv(d, name, names, count);
}

static void describe_names(struct description *d, uint64_t set)
{
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if (set & bit(i)) {
            describe_text(d, " %s", str_or(spec_capability_name(i), "unknown"));
        }
    }
}

STEP_DESCRIBE(bounding)
{
    uint64_t set = s->capabilities.bounding;
    describe_text(d, "every capability%s", set ? " but" : "");
    describe_names(d, set);
    describe_set(d, "bounding", set);
}

STEP_CHILD(bounding)
{
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if (s->capabilities.bounding & bit(i)) {
            continue;
        }
        int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        if (has < 0) {
            return 0; /* past the last one this kernel knows */
        }
        if (has && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            return -errno;
        }
    }
    return 0;
}

STEP_DESCRIBE(capabilities)
{
    const struct step_capabilities *x = &s->capabilities;
    describe_text(d, x->effective ? "capabilities" : "no capability");
    describe_names(d, x->effective);
    if (x->permitted != x->effective) {
        describe_extra(d, "permitted differs");
    }
    describe_extra(d, x->inheritable ? "some inheritable" : "none inheritable");
    describe_extra(d, x->ambient ? "some ambient" : "none ambient");
    describe_set(d, "effective", x->effective);
    describe_set(d, "permitted", x->permitted);
    describe_set(d, "inheritable", x->inheritable);
    describe_set(d, "ambient", x->ambient);
}

static int set_ambient(uint64_t ambient)
{
    /* The change of user has cleared it, but not for a root that stays root. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
        return -errno;
    }
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if (ambient & bit(i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0) {
            return -errno;
        }
    }
    return 0;
}

STEP_CHILD(capabilities)
{
    const struct step_capabilities *x = &s->capabilities;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    uint64_t ours = data[0].permitted | (uint64_t)data[1].permitted << 32;
    uint64_t missing = x->permitted & ~ours;
    if (missing) {
        return step_fail(a, -EPERM, DETAIL_NOT_OURS, __builtin_ctzll(missing));
    }
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(x->effective >> (32 * i));
        data[i].permitted = (uint32_t)(x->permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(x->inheritable >> (32 * i));
    }
    if (syscall(SYS_capset, &header, data) < 0) {
        return -errno;
    }
    return set_ambient(x->ambient);
}

STEP_DESCRIBE(no_new_privileges)
{
    describe_text(d, "no set-user-id program gives more rights");
}

STEP_CHILD(no_new_privileges)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
