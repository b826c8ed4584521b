// SPDX-License-Identifier: Apache-2.0
/* A run_request as JSON, and its end; both walk one table of its members. */
#include "spec/request.h"

#include "spec/codec.h"

#define R(key, member) FIELD(run_request, key, member)
static const struct field request_fields[] = {
    R("image", image),
    R("command", command),
    R("wall", wall),
    R("kernel", kernel),
    R("vmm", vmm),
    R("display", display),
    R("name", name),
    R("cidfile", cidfile),
    R("platform", platform),
    R("pull", pull),
    R("detach", detach),
    R("interactive", interactive),
    R("tty", tty),
    R("remove", remove),
    R("init", init),
    R("privileged", privileged),
    R("readOnly", read_only),
    R("quiet", quiet),
    R("publishAll", publish_all),
    R("noHealthcheck", no_healthcheck),
    R("oomKillDisable", oom_kill_disable),
    R("timing", timing),
    R("sigProxy", sig_proxy),
    R("attach", attach),
    R("detachKeys", detach_keys),
    R("entrypoint", entrypoint),
    R("user", user),
    R("workdir", workdir),
    R("hostname", hostname),
    R("domainname", domainname),
    R("runtimeAnnotation", runtime_annotation),
    R("env", env),
    R("envFiles", env_files),
    R("labels", labels),
    R("labelFiles", label_files),
    R("annotations", annotations),
    R("volumes", volumes),
    R("mounts", mounts),
    R("tmpfs", tmpfs),
    R("volumesFrom", volumes_from),
    R("devices", devices),
    R("deviceCgroupRules", device_cgroup_rules),
    R("capAdd", cap_add),
    R("capDrop", cap_drop),
    R("securityOpt", security_opt),
    R("ulimits", ulimits),
    R("sysctls", sysctls),
    R("groupAdd", group_add),
    R("pid", pid_mode),
    R("ipc", ipc_mode),
    R("uts", uts_mode),
    R("userns", userns_mode),
    R("cgroupns", cgroupns_mode),
    R("cgroupParent", cgroup_parent),
    R("networks", networks),
    R("networkAliases", network_aliases),
    R("links", links),
    R("linkLocalIps", link_local_ips),
    R("publish", publish),
    R("expose", expose),
    R("dns", dns),
    R("dnsSearch", dns_search),
    R("dnsOptions", dns_options),
    R("addHosts", add_hosts),
    R("ip", ip),
    R("ip6", ip6),
    R("macAddress", mac_address),
    R("networkRate", network_rate),
    R("memory", memory),
    R("memorySwap", memory_swap),
    R("memoryReservation", memory_reservation),
    R("memorySwappiness", memory_swappiness),
    R("kernelMemory", kernel_memory),
    R("cpusThousandths", cpus_thousandths),
    R("cpuShares", cpu_shares),
    R("cpuQuota", cpu_quota),
    R("cpuPeriod", cpu_period),
    R("cpuRealtimeRuntime", cpu_rt_runtime),
    R("cpuRealtimePeriod", cpu_rt_period),
    R("cpusetCpus", cpuset_cpus),
    R("cpusetMems", cpuset_mems),
    R("pidsLimit", pids_limit),
    R("blkioWeight", blkio_weight),
    R("oomScoreAdj", oom_score_adj),
    R("shmSize", shm_size),
    R("blkioWeightDevice", blkio_weight_device),
    R("deviceReadBps", device_read_bps),
    R("deviceWriteBps", device_write_bps),
    R("deviceReadIops", device_read_iops),
    R("deviceWriteIops", device_write_iops),
    R("storageOpt", storage_opt),
    R("logOpt", log_opt),
    R("logDriver", log_driver),
    R("restart", restart),
    R("stopSignal", stop_signal),
    R("stopTimeout", stop_timeout),
    R("timeOffset", time_offset),
    R("healthCmd", health_cmd),
    R("healthTest", health_test),
    R("healthIntervalMs", health_interval_ms),
    R("healthTimeoutMs", health_timeout_ms),
    R("healthStartPeriodMs", health_start_period_ms),
    R("healthRetries", health_retries),
};
static SHAPE(shape_request, run_request, request_fields);

json_t *run_request_to_json(const struct run_request *r)
{
    return shape_write(&shape_request, r);
}

void run_request_done(struct run_request *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(request_fields); i++) {
        if (request_fields[i].type == FIELD_STRV) {
            strv_done((struct strv *)((char *)r + request_fields[i].offset));
        }
    }
    *r = (struct run_request){0};
}
