// SPDX-License-Identifier: Apache-2.0
/* config-linux.md#seccomp. */
#include "spec/codec.h"

static const struct field arg_fields[] = {
    FIELD(spec_seccomp_arg, "index", index, .required = true, .always = true),
    FIELD(spec_seccomp_arg, "value", value, .required = true, .always = true),
    FIELD(spec_seccomp_arg, "valueTwo", value_two),
    FIELD(spec_seccomp_arg, "op", op, .required = true),
};
static SHAPE(shape_arg, spec_seccomp_arg, arg_fields);

static const struct field rule_fields[] = {
    FIELD_ARRAY(spec_seccomp_rule, "names", FIELD_STRINGS, names, name_count, .required = true),
    FIELD(spec_seccomp_rule, "action", action, .required = true),
    FIELD(spec_seccomp_rule, "errnoRet", errno_ret),
    FIELD_ARRAY(spec_seccomp_rule, "args", FIELD_LIST, args, arg_count, .shape = &shape_arg),
};
static SHAPE(shape_rule, spec_seccomp_rule, rule_fields);

static const struct field seccomp_fields[] = {
    FIELD(spec_seccomp, "defaultAction", default_action, .required = true),
    FIELD(spec_seccomp, "defaultErrnoRet", default_errno_ret),
    FIELD_ARRAY(spec_seccomp, "architectures", FIELD_STRINGS, architectures, architecture_count),
    FIELD_ARRAY(spec_seccomp, "flags", FIELD_STRINGS, flags, flag_count, .keep_empty = true),
    FIELD(spec_seccomp, "listenerPath", listener_path),
    FIELD(spec_seccomp, "listenerMetadata", listener_metadata),
    FIELD_ARRAY(spec_seccomp, "syscalls", FIELD_LIST, rules, rule_count, .shape = &shape_rule),
};
SHAPE(shape_seccomp, spec_seccomp, seccomp_fields);
