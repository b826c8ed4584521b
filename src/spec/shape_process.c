// SPDX-License-Identifier: Apache-2.0
/* config.md#process and what is below it. */
#include <string.h>

#include "spec/codec.h"

/* A set of names as bits. Names this list does not know are left out: "Runtimes SHOULD NOT fail if
 * the container configuration requests capabilities that cannot be granted" (config.md). */
static int read_capability_set(struct arena *a, const json_t *v, const struct place *p,
                               uint64_t *set, struct spec_capabilities *all, struct error **err)
{
    size_t i;
    json_t *item;
    if (!json_is_array(v)) {
        return place_error(p, err, "must be an array of capability names");
    }
    json_array_foreach((json_t *)v, i, item)
    {
        if (!json_is_string(item)) {
            return place_error(p, err, "must be an array of capability names");
        }
        int n = spec_capability_number(json_string_value(item));
        if (n < 0) {
            spec_add_string(a, &all->unknown, &all->unknown_count, json_string_value(item));
        } else {
            *set |= UINT64_C(1) << n;
        }
    }
    return 0;
}

#define READ_SET(m)                                                                                \
    static int read_##m(struct arena *a, const json_t *v, const struct place *p, void *member,     \
                        struct error **err)                                                        \
    {                                                                                              \
        char *all = (char *)member - offsetof(struct spec_capabilities, m);                        \
        return read_capability_set(a, v, p, member, (struct spec_capabilities *)all, err);         \
    }
READ_SET(bounding)
READ_SET(effective)
READ_SET(inheritable)
READ_SET(permitted)
READ_SET(ambient)

static json_t *write_capability_set(const void *member)
{
    uint64_t set = *(const uint64_t *)member;
    json_t *array = json_array();
    for (int n = 0; n < 64; n++) {
        const char *name = spec_capability_name(n);
        if (name && set & (UINT64_C(1) << n)) {
            json_array_append_new(array, json_string(name));
        }
    }
    return array;
}

#define CAPABILITY_SET(k, m)                                                                       \
    {                                                                                              \
        .key = (k), .type = FIELD_CUSTOM, .offset = offsetof(struct spec_capabilities, m),         \
        .read = read_##m, .write = write_capability_set                                            \
    }
static const struct field capability_fields[] = {
    CAPABILITY_SET("bounding", bounding),       CAPABILITY_SET("effective", effective),
    CAPABILITY_SET("inheritable", inheritable), CAPABILITY_SET("permitted", permitted),
    CAPABILITY_SET("ambient", ambient),
};
static SHAPE(shape_capabilities, spec_capabilities, capability_fields);

static const struct field console_fields[] = {
    FIELD(spec_process, "height", console_height),
    FIELD(spec_process, "width", console_width),
};
static SHAPE(shape_console, spec_process, console_fields);

static const struct field user_fields[] = {
    FIELD(spec_process, "uid", uid, .always = true),
    FIELD(spec_process, "gid", gid, .always = true),
    FIELD(spec_process, "umask", umask),
    FIELD_ARRAY(spec_process, "additionalGids", FIELD_U32S, additional_gids, additional_gid_count),
};
static SHAPE(shape_user, spec_process, user_fields);

static const struct field rlimit_fields[] = {
    FIELD(spec_rlimit, "type", type, .required = true),
    FIELD(spec_rlimit, "hard", hard, .required = true, .always = true),
    FIELD(spec_rlimit, "soft", soft, .required = true, .always = true),
};
static SHAPE(shape_rlimit, spec_rlimit, rlimit_fields);

static const struct field scheduler_fields[] = {
    FIELD(spec_scheduler, "policy", policy, .required = true),
    FIELD(spec_scheduler, "nice", nice),
    FIELD(spec_scheduler, "priority", priority),
    FIELD_ARRAY(spec_scheduler, "flags", FIELD_STRINGS, flags, flag_count),
    FIELD(spec_scheduler, "runtime", runtime),
    FIELD(spec_scheduler, "deadline", deadline),
    FIELD(spec_scheduler, "period", period),
};
static SHAPE(shape_scheduler, spec_scheduler, scheduler_fields);

static const struct field io_priority_fields[] = {
    FIELD(spec_process, "class", io_priority_class, .required = true),
    FIELD(spec_process, "priority", io_priority),
};
static SHAPE(shape_io_priority, spec_process, io_priority_fields);

static const struct field affinity_fields[] = {
    FIELD(spec_process, "initial", cpu_affinity_initial),
    FIELD(spec_process, "final", cpu_affinity_final),
};
static SHAPE(shape_affinity, spec_process, affinity_fields);

static const struct field process_fields[] = {
    FIELD(spec_process, "terminal", terminal),
    FIELD_FLAT("consoleSize", &shape_console),
    FIELD_FLAT("user", &shape_user),
    FIELD_ARRAY(spec_process, "args", FIELD_STRINGS, args, arg_count),
    FIELD_ARRAY(spec_process, "env", FIELD_STRINGS, env, env_count),
    FIELD(spec_process, "cwd", cwd),
    FIELD_STRUCT(spec_process, "capabilities", capabilities, &shape_capabilities,
                 .extra = offsetof(struct spec_process, capabilities.set), .has_extra = true),
    FIELD_ARRAY(spec_process, "rlimits", FIELD_LIST, rlimits, rlimit_count, .shape = &shape_rlimit),
    FIELD(spec_process, "noNewPrivileges", no_new_privileges),
    FIELD(spec_process, "apparmorProfile", apparmor_profile),
    FIELD(spec_process, "oomScoreAdj", oom_score_adj),
    FIELD(spec_process, "selinuxLabel", selinux_label),
    FIELD_STRUCT(spec_process, "scheduler", scheduler, &shape_scheduler),
    FIELD_FLAT("ioPriority", &shape_io_priority),
    FIELD_FLAT("execCPUAffinity", &shape_affinity),
};
SHAPE(shape_process, spec_process, process_fields);
