// SPDX-License-Identifier: Apache-2.0
/* --security-opt, --cap-add, --cap-drop, --privileged: labels, capabilities, seccomp. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "spec/from_image.h"
#include "spec/seccomp_profile.h"

/* Docker's fourteen. */
static const char *const default_capabilities[] = {
    "CHOWN",  "DAC_OVERRIDE", "FSETID",  "FOWNER",           "MKNOD",      "NET_RAW", "SETGID",
    "SETUID", "SETFCAP",      "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE",
};

static uint64_t capability_bit(int number)
{
    return UINT64_C(1) << number;
}

static uint64_t every_capability(void)
{
    uint64_t set = 0;
    for (int n = 0; spec_capability_name(n); n++) {
        set |= capability_bit(n);
    }
    return set;
}

/* A list of names as a set; "ALL" is told apart in *ret_all. */
static int read_names(const char *flag, const struct strv *names, uint64_t *ret, bool *ret_all,
                      struct error **err)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcasecmp(names->items[i], "ALL") == 0 ||
            strcasecmp(names->items[i], "CAP_ALL") == 0) {
            *ret_all = true;
            continue;
        }
        int n = spec_capability_number(names->items[i]);
        if (n < 0) {
            return error_set(err, ERROR_USAGE, 0, "%s: unknown capability '%s'", flag,
                             names->items[i]);
        }
        *ret |= capability_bit(n);
    }
    return 0;
}

static int check_host_has(const struct building *b, uint64_t wanted, struct error **err)
{
    uint64_t missing = b->env->host_capabilities ? wanted & ~b->env->host_capabilities : 0;
    for (int n = 0; missing && spec_capability_name(n); n++) {
        if (missing & capability_bit(n)) {
            return error_set(err, ERROR_DENIED, 0,
                             "--cap-add: cannot give '%s', this process does not have it",
                             spec_capability_name(n));
        }
    }
    return 0;
}

/* Docker's rules: ALL added, less the drops; else ALL dropped, the additions alone; else the
 * default less the drops plus the additions, which win. */
static int choose_capabilities(const struct building *b, uint64_t *ret, struct error **err)
{
    uint64_t add = 0, drop = 0, set = 0;
    bool add_all = false, drop_all = false;
    for (size_t i = 0; i < ARRAY_SIZE(default_capabilities); i++) {
        set |= capability_bit(spec_capability_number(default_capabilities[i]));
    }
    int r = read_names("--cap-add", &b->request->cap_add, &add, &add_all, err);
    if (r >= 0) {
        r = read_names("--cap-drop", &b->request->cap_drop, &drop, &drop_all, err);
    }
    if (r >= 0 && !b->request->privileged) {
        r = check_host_has(b, add, err);
    }
    if (r < 0) {
        return r;
    }
    if (b->request->privileged) {
        set = every_capability();
    } else if (add_all) {
        set = every_capability() & ~drop;
    } else {
        set = drop_all ? add : (set & ~drop) | add;
    }
    *ret = b->env->host_capabilities ? set & b->env->host_capabilities : set;
    return 0;
}

/* Inheritable and ambient stay empty (CVE-2022-24769); another user than 0 has no capability once
 * its program is executed, so it gets none to start with. */
int build_capabilities(struct building *b, struct error **err)
{
    struct spec_capabilities *c = &b->spec->process.capabilities;
    uint64_t set = 0;
    int r = choose_capabilities(b, &set, err);
    if (r < 0) {
        return r;
    }
    c->set = true;
    c->bounding = set;
    c->permitted = c->effective = b->spec->process.uid == 0 ? set : 0;
    return 0;
}

static int parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"true", "1", "t", "TRUE", "True", "T", "", NULL};
    static const char *const no[] = {"false", "0", "f", "FALSE", "False", "F", NULL};
    *ret = str_in(text, yes);
    return *ret || str_in(text, no) ? 0 : -EINVAL;
}

/* The parts of an SELinux label: "type:container_t"; the rest is the usual container's. */
struct label {
    const char *user, *role, *type, *level;
    bool disabled, set;
};

static int read_label(struct arena *a, const char *value, struct label *l, struct error **err)
{
    const char *colon = strchr(value, ':'), *rest = colon ? colon + 1 : "";
    const char *key = colon ? arena_strndup(a, value, (size_t)(colon - value)) : value;
    if (str_equal(value, "disable")) {
        l->disabled = true;
    } else if (str_equal(key, "user")) {
        l->user = rest;
    } else if (str_equal(key, "role")) {
        l->role = rest;
    } else if (str_equal(key, "type")) {
        l->type = rest;
    } else if (str_equal(key, "level")) {
        l->level = rest;
    } else if (!str_equal(key, "filetype") && !str_equal(key, "nested")) {
        int r = error_set(err, ERROR_USAGE, 0, "invalid --security-opt 'label=%s'", value);
        return error_hint(err, r, "disable, user:, role:, type: or level:");
    }
    l->set = true;
    return 0;
}

static void set_labels(struct building *b, const struct label *l)
{
    if (!b->env->host_selinux || l->disabled || b->request->privileged) {
        return;
    }
    const char *level = str_or(l->level, "s0");
    b->spec->process.selinux_label =
        arena_format(b->arena, "%s:%s:%s:%s", str_or(l->user, "system_u"),
                     str_or(l->role, "system_r"), str_or(l->type, "container_t"), level);
    b->spec->linux_.mount_label =
        arena_format(b->arena, "system_u:object_r:container_file_t:%s", level);
}

static int check_lsm(bool present, const char *what, const char *value, struct error **err)
{
    if (present) {
        return 0;
    }
    return error_set(err, ERROR_UNSUPPORTED, 0, "--security-opt %s=%s: this host has no %s", what,
                     value, str_equal(what, "label") ? "SELinux" : "AppArmor");
}

static int apply_option(struct building *b, const char *option, struct label *label,
                        struct error **err)
{
    static const char *const known[] = {
        "no-new-privileges", "seccomp",          "apparmor", "label",
        "systempaths",       "writable-cgroups", NULL};
    bool with_equals = strchr(option, '=') != NULL;
    const char *split = with_equals ? strchr(option, '=') : strchr(option, ':');
    const char *key = split ? arena_strndup(b->arena, option, (size_t)(split - option)) : option;
    const char *value = split ? arena_strdup(b->arena, split + 1) : "";
    if (str_equal(key, "no-new-privileges") &&
        parse_bool(value, &b->spec->process.no_new_privileges) == 0) {
        return 0;
    }
    if (str_equal(key, "writable-cgroups") && parse_bool(value, &b->writable_cgroups) == 0) {
        return 0;
    }
    if (str_equal(key, "seccomp") && *value) {
        b->seccomp = value;
        return 0;
    }
    if (str_equal(key, "systempaths") && str_equal(value, "unconfined")) {
        b->bare_system_paths = true;
        return 0;
    }
    if (str_equal(key, "apparmor") && *value) {
        b->spec->process.apparmor_profile = b->env->host_apparmor ? value : NULL;
        return str_equal(value, "unconfined") ? 0
                                              : check_lsm(b->env->host_apparmor, key, value, err);
    }
    if (str_equal(key, "label") && *value) {
        int r = read_label(b->arena, value, label, err);
        return r < 0 || label->disabled ? r : check_lsm(b->env->host_selinux, key, value, err);
    }
    int r = error_set(err, ERROR_USAGE, 0, "invalid --security-opt '%s'", option);
    for (size_t i = 0; known[i]; i++) {
        if (str_distance(key, known[i]) <= 3) {
            return error_hint(err, r, "did you mean '%s'?", known[i]);
        }
    }
    return error_hint(err, r,
                      "no-new-privileges, seccomp=, apparmor=, label=, systempaths=unconfined or "
                      "writable-cgroups");
}

int build_security_options(struct building *b, struct error **err)
{
    struct label label = {0};
    int r = 0;
    for (size_t i = 0; i < b->request->security_opt.count && r >= 0; i++) {
        r = apply_option(b, b->request->security_opt.items[i], &label, err);
    }
    if (r >= 0) {
        set_labels(b, &label);
    }
    return r;
}

int build_seccomp(struct building *b, struct error **err)
{
    struct spec_linux *l = &b->spec->linux_;
    bool custom = b->seccomp && !str_equal(b->seccomp, "builtin");
    struct seccomp_host host = seccomp_host_read(b->spec->process.capabilities.bounding);
    if (str_equal(b->seccomp, "unconfined") || (!b->seccomp && b->request->privileged)) {
        return 0;
    }
    if (b->env->no_seccomp) {
        return !custom
                   ? 0
                   : error_set(err, ERROR_UNSUPPORTED, 0,
                               "--security-opt seccomp=%s: this kernel has no seccomp", b->seccomp);
    }
    if (custom) {
        CLEANUP(json) json_t *profile = NULL;
        if (!b->env->read_json) {
            return error_set(err, ERROR_UNSUPPORTED, 0, "seccomp profile '%s' cannot be read here",
                             b->seccomp);
        }
        int r = b->env->read_json(b->env->context, b->seccomp, &profile, err);
        return r < 0 ? error_wrap(err, r, "seccomp profile")
                     : seccomp_profile_resolve(b->arena, profile, &host, b->seccomp, &l->seccomp,
                                               err);
    }
    if (b->env->default_seccomp) {
        return seccomp_profile_resolve(b->arena, b->env->default_seccomp, &host,
                                       "default seccomp profile", &l->seccomp, err);
    }
    l->seccomp = seccomp_profile_default(b->arena, &host);
    return 0;
}
