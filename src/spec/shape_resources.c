// SPDX-License-Identifier: Apache-2.0
/* config-linux.md#control-groups. Each controller is a JSON object of its own and a part of the one
 * struct spec_resources. */
#include <string.h>

#include "spec/codec.h"

/* "a" is every device, as is an absent type; see device rules in
 * config-linux.md#allowed-device-list
 */
static int read_rule_type(struct arena *a, const json_t *v, const struct place *p, void *member,
                          struct error **err)
{
    const char *text = json_string_value(v);
    if (!text || !(text[0] == '\0' || (strchr("acb", text[0]) && !text[1]))) {
        return place_error(p, err, "must be 'a', 'c' or 'b'");
    }
    *(char *)member = text[0] ? text[0] : 'a';
    return 0;
}

static json_t *write_rule_type(const void *member)
{
    char type = *(const char *)member;
    return type == 'a' || type == '\0' ? NULL : json_stringn(&type, 1);
}

static const struct field device_fields[] = {
    {.key = "allow",
     .type = FIELD_BOOL,
     .offset = offsetof(struct spec_device_rule, allow),
     .always = true,
     .required = true},
    {.key = "type",
     .type = FIELD_CUSTOM,
     .offset = offsetof(struct spec_device_rule, type),
     .read = read_rule_type,
     .write = write_rule_type},
    FIELD(spec_device_rule, "major", major),
    FIELD(spec_device_rule, "minor", minor),
    FIELD(spec_device_rule, "access", access),
};
static SHAPE(shape_device_rule, spec_device_rule, device_fields);

static const struct field memory_fields[] = {
    FIELD(spec_resources, "limit", memory_limit),
    FIELD(spec_resources, "reservation", memory_reservation),
    FIELD(spec_resources, "swap", memory_swap),
    FIELD(spec_resources, "kernel", memory_kernel),
    FIELD(spec_resources, "kernelTCP", memory_kernel_tcp),
    FIELD(spec_resources, "swappiness", memory_swappiness),
    FIELD(spec_resources, "disableOOMKiller", memory_disable_oom_killer),
    FIELD(spec_resources, "useHierarchy", memory_use_hierarchy),
    FIELD(spec_resources, "checkBeforeUpdate", memory_check_before_update),
};
static SHAPE(shape_memory, spec_resources, memory_fields);

static const struct field cpu_fields[] = {
    FIELD(spec_resources, "shares", cpu_shares),
    FIELD(spec_resources, "quota", cpu_quota_us),
    FIELD(spec_resources, "burst", cpu_burst_us),
    FIELD(spec_resources, "period", cpu_period_us),
    FIELD(spec_resources, "realtimeRuntime", cpu_realtime_runtime_us),
    FIELD(spec_resources, "realtimePeriod", cpu_realtime_period_us),
    FIELD(spec_resources, "cpus", cpus),
    FIELD(spec_resources, "mems", mems),
    FIELD(spec_resources, "idle", cpu_idle),
};
static SHAPE(shape_cpu, spec_resources, cpu_fields);

static const struct field pids_fields[] = {FIELD(spec_resources, "limit", pids_limit)};
static SHAPE(shape_pids, spec_resources, pids_fields);

static const struct field weight_device_fields[] = {
    FIELD(spec_weight_device, "major", major, .required = true, .always = true),
    FIELD(spec_weight_device, "minor", minor, .required = true, .always = true),
    FIELD(spec_weight_device, "weight", weight),
    FIELD(spec_weight_device, "leafWeight", leaf_weight),
};
static SHAPE(shape_weight_device, spec_weight_device, weight_device_fields);

static const struct field throttle_fields[] = {
    FIELD(spec_throttle, "major", major, .required = true, .always = true),
    FIELD(spec_throttle, "minor", minor, .required = true, .always = true),
    FIELD(spec_throttle, "rate", rate, .required = true, .always = true),
};
static SHAPE(shape_throttle, spec_throttle, throttle_fields);

#define THROTTLES(key, member)                                                                     \
    FIELD_ARRAY(spec_resources, key, FIELD_LIST, member.items, member.count,                       \
                .shape = &shape_throttle)
static const struct field block_fields[] = {
    FIELD(spec_resources, "weight", blkio_weight),
    FIELD(spec_resources, "leafWeight", blkio_leaf_weight),
    FIELD_ARRAY(spec_resources, "weightDevice", FIELD_LIST, weight_devices, weight_device_count,
                .shape = &shape_weight_device),
    THROTTLES("throttleReadBpsDevice", read_bps),
    THROTTLES("throttleWriteBpsDevice", write_bps),
    THROTTLES("throttleReadIOPSDevice", read_iops),
    THROTTLES("throttleWriteIOPSDevice", write_iops),
};
static SHAPE(shape_block, spec_resources, block_fields);

static const struct field hugepage_fields[] = {
    FIELD(spec_hugepage, "pageSize", page_size, .required = true),
    FIELD(spec_hugepage, "limit", limit_bytes, .required = true, .always = true),
};
static SHAPE(shape_hugepage, spec_hugepage, hugepage_fields);

static const struct field net_priority_fields[] = {
    FIELD(spec_net_priority, "name", name, .required = true),
    FIELD(spec_net_priority, "priority", priority, .required = true, .always = true),
};
static SHAPE(shape_net_priority, spec_net_priority, net_priority_fields);

static const struct field network_fields[] = {
    FIELD(spec_resources, "classID", net_class_id),
    FIELD_ARRAY(spec_resources, "priorities", FIELD_LIST, net_priorities, net_priority_count,
                .shape = &shape_net_priority),
};
static SHAPE(shape_network, spec_resources, network_fields);

static const struct field rdma_fields[] = {
    FIELD(spec_rdma, "hcaHandles", hca_handles),
    FIELD(spec_rdma, "hcaObjects", hca_objects),
};
static SHAPE(shape_rdma, spec_rdma, rdma_fields);

static const struct field resource_fields[] = {
    FIELD_ARRAY(spec_resources, "devices", FIELD_LIST, devices, device_count,
                .shape = &shape_device_rule),
    FIELD_FLAT("memory", &shape_memory),
    FIELD_FLAT("cpu", &shape_cpu),
    FIELD_FLAT("pids", &shape_pids),
    FIELD_FLAT("blockIO", &shape_block),
    FIELD_ARRAY(spec_resources, "hugepageLimits", FIELD_LIST, hugepages, hugepage_count,
                .shape = &shape_hugepage),
    FIELD_FLAT("network", &shape_network),
    FIELD_ARRAY(spec_resources, "rdma", FIELD_MAP, rdma, rdma_count, .shape = &shape_rdma),
    FIELD_ARRAY(spec_resources, "unified", FIELD_PAIRS, unified, unified_count),
};
SHAPE(shape_resources, spec_resources, resource_fields);
