// SPDX-License-Identifier: Apache-2.0
/* config-linux.md, but for resources and seccomp. */
#include <string.h>

#include "spec/codec.h"

static const char *const namespace_names[SPEC_NS_COUNT + 1] = {
    [SPEC_NS_MOUNT] = "mount",   [SPEC_NS_PID] = "pid",   [SPEC_NS_NETWORK] = "network",
    [SPEC_NS_IPC] = "ipc",       [SPEC_NS_UTS] = "uts",   [SPEC_NS_USER] = "user",
    [SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_TIME] = "time",
};

const char *spec_namespace_name(enum spec_namespace_type t)
{
    return t < SPEC_NS_COUNT ? namespace_names[t] : "unknown";
}

static const struct field namespace_fields[] = {
    {.key = "type",
     .type = FIELD_ENUM,
     .offset = offsetof(struct spec_namespace, type),
     .words = namespace_names,
     .required = true},
    FIELD(spec_namespace, "path", path),
};
static SHAPE(shape_namespace, spec_namespace, namespace_fields);

static const struct field id_map_fields[] = {
    FIELD(spec_id_map, "containerID", container_id, .required = true, .always = true),
    FIELD(spec_id_map, "hostID", host_id, .required = true, .always = true),
    FIELD(spec_id_map, "size", size, .required = true, .always = true),
};
SHAPE(shape_id_map, spec_id_map, id_map_fields);

static const struct field offset_fields[] = {
    FIELD(spec_time_offset, "secs", secs),
    FIELD(spec_time_offset, "nanosecs", nanosecs),
};
static SHAPE(shape_offset, spec_time_offset, offset_fields);

static const struct field offsets_fields[] = {
    FIELD_STRUCT(spec_linux, "monotonic", monotonic, &shape_offset,
                 .extra = offsetof(struct spec_linux, monotonic.set), .has_extra = true),
    FIELD_STRUCT(spec_linux, "boottime", boottime, &shape_offset,
                 .extra = offsetof(struct spec_linux, boottime.set), .has_extra = true),
};
static SHAPE(shape_offsets, spec_linux, offsets_fields);

static int read_device_type(struct arena *a, const json_t *v, const struct place *p, void *member,
                            struct error **err)
{
    const char *text = json_string_value(v);
    if (!text || !text[0] || !strchr("cbup", text[0]) || text[1]) {
        return place_error(p, err, "must be 'c', 'b', 'u' or 'p'");
    }
    *(char *)member = text[0];
    return 0;
}

static json_t *write_device_type(const void *member)
{
    return json_stringn(member, 1);
}

static const struct field device_fields[] = {
    {.key = "type",
     .type = FIELD_CUSTOM,
     .offset = offsetof(struct spec_device, type),
     .read = read_device_type,
     .write = write_device_type,
     .required = true},
    FIELD(spec_device, "path", path, .required = true),
    FIELD(spec_device, "major", major, .always = true),
    FIELD(spec_device, "minor", minor, .always = true),
    FIELD(spec_device, "fileMode", file_mode),
    FIELD(spec_device, "uid", uid),
    FIELD(spec_device, "gid", gid),
};
static SHAPE(shape_device, spec_device, device_fields);

static const struct field net_device_fields[] = {FIELD(spec_net_device, "name", new_name)};
static SHAPE(shape_net_device, spec_net_device, net_device_fields);

static const struct field personality_fields[] = {
    FIELD(spec_linux, "domain", personality_domain, .required = true),
};
static SHAPE(shape_personality, spec_linux, personality_fields);

static const struct field rdt_fields[] = {
    FIELD(spec_linux, "closID", rdt_clos_id),
    FIELD(spec_linux, "l3CacheSchema", rdt_l3),
    FIELD(spec_linux, "memBwSchema", rdt_mem_bw),
    FIELD(spec_linux, "enableCMT", rdt_monitoring),
    FIELD(spec_linux, "enableMBM", rdt_monitoring, .alias = true),
    FIELD(spec_linux, "enableMonitoring", rdt_monitoring, .alias = true), /* 1.3's name */
};
static SHAPE(shape_rdt, spec_linux, rdt_fields);

static const struct field linux_fields[] = {
    FIELD_ARRAY(spec_linux, "namespaces", FIELD_LIST, namespaces, namespace_count,
                .shape = &shape_namespace),
    FIELD_ARRAY(spec_linux, "uidMappings", FIELD_LIST, uid_mappings, uid_mapping_count,
                .shape = &shape_id_map),
    FIELD_ARRAY(spec_linux, "gidMappings", FIELD_LIST, gid_mappings, gid_mapping_count,
                .shape = &shape_id_map),
    FIELD_FLAT("timeOffsets", &shape_offsets),
    FIELD_ARRAY(spec_linux, "devices", FIELD_LIST, devices, device_count, .shape = &shape_device),
    FIELD_ARRAY(spec_linux, "netDevices", FIELD_MAP, net_devices, net_device_count,
                .shape = &shape_net_device),
    FIELD(spec_linux, "cgroupsPath", cgroups_path),
    FIELD_STRUCT(spec_linux, "resources", resources, &shape_resources,
                 .extra = offsetof(struct spec_linux, resources_set), .has_extra = true),
    FIELD(spec_linux, "rootfsPropagation", rootfs_propagation),
    {.key = "seccomp",
     .type = FIELD_POINTER,
     .offset = offsetof(struct spec_linux, seccomp),
     .shape = &shape_seccomp},
    FIELD_ARRAY(spec_linux, "sysctl", FIELD_PAIRS, sysctl, sysctl_count),
    FIELD_ARRAY(spec_linux, "maskedPaths", FIELD_STRINGS, masked_paths, masked_path_count),
    FIELD_ARRAY(spec_linux, "readonlyPaths", FIELD_STRINGS, readonly_paths, readonly_path_count),
    FIELD(spec_linux, "mountLabel", mount_label),
    FIELD_FLAT("personality", &shape_personality),
    FIELD_FLAT("intelRdt", &shape_rdt, .extra = offsetof(struct spec_linux, rdt_set),
               .has_extra = true),
};
SHAPE(shape_linux, spec_linux, linux_fields);
