// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci features`: what this runtime knows, whatever the host has: OCI runtime 1.2,
 * features.md. */
#include "base/json.h"
#include "oci/oci.h"

static json_t *words(const char *const *items)
{
    json_t *list = json_array();
    for (; *items; items++) {
        (void)json_array_append_new(list, json_string(*items)); /* memory: aborts */
    }
    return list;
}

static json_t *namespaces(void)
{
    json_t *list = json_array();
    for (int t = 0; t < SPEC_NS_COUNT; t++) {
        (void)json_array_append_new(list, json_string(spec_namespace_name(t))); /* memory: aborts */
    }
    return list;
}

static json_t *capabilities(void)
{
    json_t *list = json_array();
    for (int n = 0; spec_capability_name(n); n++) {
        (void)json_array_append_new(list, json_string(spec_capability_name(n))); /* likewise */
    }
    return list;
}

static json_t *linux_features(void)
{
    return json_pack("{s:o, s:o, s:{s:b,s:b,s:b,s:b,s:b}, s:{s:b,s:o,s:o,s:o,s:o,s:o},"
                     " s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}",
                     "namespaces", namespaces(), "capabilities", capabilities(), "cgroup", "v1", 1,
                     "v2", 1, "systemd", 1, "systemdUser", 0, "rdma", 1, "seccomp", "enabled", 1,
                     "actions", words(spec_seccomp_actions), "operators",
                     words(spec_seccomp_operators), "archs", words(spec_seccomp_architectures),
                     "knownFlags", words(spec_seccomp_flags), "supportedFlags",
                     words(spec_seccomp_flags), "apparmor", "enabled", 1, "selinux", "enabled", 1,
                     "intelRdt", "enabled", 1, "mountExtensions", "idmap", "enabled", 1);
}

static int features_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    CLEANUP(strv) struct strv options = {0};
    oci_of(context)->wall->mount_options(&options);
    CLEANUP(json)
    json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:o}", "ociVersionMin", "1.0.0", "ociVersionMax",
                          OCI_SPEC_VERSION, "hooks", words(spec_hook_names), "mountOptions",
                          json_from_strv(&options), "linux", linux_features());
    CLEANUP(free) char *text = json_dumps(o, JSON_INDENT(4));
    if (!text) {
        return error_set(err, ERROR_INTERNAL, 0, "the features are not valid UTF-8");
    }
    printf("%s\n", text);
    return 0;
}

const struct command oci_features = {
    .name = "features",
    .group = "Commands",
    .summary = "Print what this runtime knows, as JSON",
    .arguments = "",
    .run = features_run,
};
