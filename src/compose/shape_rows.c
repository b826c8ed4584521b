// SPDX-License-Identifier: Apache-2.0
/* The keys of a Compose file, as rows; each table in the order of the specification's pages. */
#include "compose/shape.h"

static const struct shape any[] = {{"", SHAPE_ANY}, {0}};

static const struct shape rates[] = {
    {"", SHAPE_OBJECT, (const struct shape[]){{"path", SHAPE_STRING}, {"rate", SHAPE_BYTES}, {0}}},
    {0}};
static const struct shape blkio[] = {
    {"device_read_bps", SHAPE_LIST, rates},
    {"device_read_iops", SHAPE_LIST, rates},
    {"device_write_bps", SHAPE_LIST, rates},
    {"device_write_iops", SHAPE_LIST, rates},
    {"weight", SHAPE_INT},
    {"weight_device", SHAPE_LIST,
     (const struct shape[]){
         {"", SHAPE_OBJECT,
          (const struct shape[]){{"path", SHAPE_STRING}, {"weight", SHAPE_INT}, {0}}},
         {0}}},
    {0},
};

/* compose-spec 05-services.md "ulimits" */
static const struct shape ulimit[] = {
    {"", SHAPE_OBJECT, (const struct shape[]){{"soft", SHAPE_INT}, {"hard", SHAPE_INT}, {0}},
     expand_ulimit},
    {0}};

/* configs and secrets of services and builds */
static const struct shape mounted_file[] = {{"", SHAPE_OBJECT,
                                             (const struct shape[]){{"source", SHAPE_STRING},
                                                                    {"target", SHAPE_STRING},
                                                                    {"uid", SHAPE_STRING},
                                                                    {"gid", SHAPE_STRING},
                                                                    {"mode", SHAPE_STRING},
                                                                    {0}}},
                                            {0}};

static const struct shape build[] = {
    {"context", SHAPE_CONTEXT},
    {"dockerfile", SHAPE_STRING},
    {"dockerfile_inline", SHAPE_STRING},
    {"additional_contexts", SHAPE_PAIRS},
    {"args", SHAPE_PAIRS},
    {"cache_from", SHAPE_STRINGS, .identity = ""},
    {"cache_to", SHAPE_STRINGS, .identity = ""},
    {"entitlements", SHAPE_STRINGS, .standing = STANDING_REFUSED},
    {"extra_hosts", SHAPE_STRINGS, NULL, expand_hosts, .identity = ""},
    {"isolation", SHAPE_STRING, .standing = STANDING_REFUSED},
    {"labels", SHAPE_PAIRS},
    {"network", SHAPE_STRING},
    {"no_cache", SHAPE_BOOL},
    {"platforms", SHAPE_STRINGS, .identity = ""},
    {"privileged", SHAPE_BOOL, .standing = STANDING_REFUSED},
    {"pull", SHAPE_BOOL},
    {"secrets", SHAPE_LIST, mounted_file, expand_configs, .identity = "source"},
    {"shm_size", SHAPE_BYTES},
    {"ssh", SHAPE_PAIRS},
    {"tags", SHAPE_STRINGS, .identity = ""},
    {"target", SHAPE_STRING},
    {"ulimits", SHAPE_MAP, ulimit},
    {0},
};

/* compose-spec deploy.md */
static const struct shape device_requests[] = {{"", SHAPE_ANY, .standing = STANDING_REFUSED}, {0}};
static const struct shape limits[] = {
    {"cpus", SHAPE_NUMBER},
    {"memory", SHAPE_BYTES},
    {"pids", SHAPE_INT},
    {"devices", SHAPE_LIST, device_requests, .standing = STANDING_REFUSED},
    {"generic_resources", SHAPE_LIST, any, .standing = STANDING_CLUSTER},
    {0},
};
static const struct shape update_config[] = {
    {"parallelism", SHAPE_INT},
    {"delay", SHAPE_DURATION},
    {"failure_action", SHAPE_STRING, .words = "pause continue rollback"},
    {"monitor", SHAPE_DURATION},
    {"max_failure_ratio", SHAPE_NUMBER, .standing = STANDING_CLUSTER},
    {"order", SHAPE_STRING, .words = "start-first stop-first"},
    {0},
};
static const struct shape rollback_config[] = {
    {"parallelism", SHAPE_INT},
    {"delay", SHAPE_DURATION},
    {"failure_action", SHAPE_STRING, .words = "pause continue"},
    {"monitor", SHAPE_DURATION},
    {"max_failure_ratio", SHAPE_NUMBER, .standing = STANDING_CLUSTER},
    {"order", SHAPE_STRING, .words = "start-first stop-first"},
    {0},
};
static const struct shape deploy[] = {
    {"mode", SHAPE_STRING, .words = "replicated"},
    {"endpoint_mode", SHAPE_STRING, .standing = STANDING_CLUSTER},
    {"labels", SHAPE_PAIRS},
    {"placement", SHAPE_ANY, .standing = STANDING_CLUSTER},
    {"replicas", SHAPE_INT},
    {"resources", SHAPE_OBJECT,
     (const struct shape[]){
         {"limits", SHAPE_OBJECT, limits}, {"reservations", SHAPE_OBJECT, limits}, {0}}},
    {"restart_policy", SHAPE_OBJECT,
     (const struct shape[]){{"condition", SHAPE_STRING, .words = "none on-failure any"},
                            {"delay", SHAPE_DURATION, .standing = STANDING_CLUSTER},
                            {"max_attempts", SHAPE_INT},
                            {"window", SHAPE_DURATION, .standing = STANDING_CLUSTER},
                            {0}}},
    {"rollback_config", SHAPE_OBJECT, rollback_config},
    {"update_config", SHAPE_OBJECT, update_config},
    {0},
};

/* of post_start, pre_stop and sync+exec */
static const struct shape hook_fields[] = {
    {"command", SHAPE_COMMAND},    {"user", SHAPE_STRING},       {"privileged", SHAPE_BOOL},
    {"working_dir", SHAPE_STRING}, {"environment", SHAPE_PAIRS}, {0}};
static const struct shape hook[] = {{"", SHAPE_OBJECT, hook_fields}, {0}};

static const struct shape develop[] = {
    {"watch", SHAPE_LIST,
     (const struct shape[]){
         {"", SHAPE_OBJECT,
          (const struct shape[]){
              {"action", SHAPE_STRING, .words = "rebuild restart sync sync+restart sync+exec"},
              {"path", SHAPE_PATH},
              {"target", SHAPE_STRING},
              {"ignore", SHAPE_STRING_LIST, .identity = ""},
              {"include", SHAPE_STRING_LIST, .identity = ""},
              {"initial_sync", SHAPE_BOOL},
              {"exec", SHAPE_OBJECT, hook_fields},
              {0}}},
         {0}},
     .identity = "path,target,action"},
    {0},
};

static const struct shape dependency[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){
         {"condition", SHAPE_STRING,
          .words = "service_started service_healthy service_completed_successfully"},
         {"restart", SHAPE_BOOL},
         {"required", SHAPE_BOOL},
         {0}}},
    {0}};

static const struct shape device[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){
         {"source", SHAPE_STRING}, {"target", SHAPE_STRING}, {"permissions", SHAPE_STRING}, {0}}},
    {0}};

static const struct shape env_file[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){{"path", SHAPE_PATH},
                            {"required", SHAPE_BOOL},
                            {"format", SHAPE_STRING, .words = "raw"},
                            {0}}},
    {0}};

static const struct shape healthcheck[] = {
    {"disable", SHAPE_BOOL},          {"interval", SHAPE_DURATION},
    {"retries", SHAPE_INT},           {"start_interval", SHAPE_DURATION},
    {"start_period", SHAPE_DURATION}, {"test", SHAPE_STRINGS, NULL, expand_test, .replaced = true},
    {"timeout", SHAPE_DURATION},      {0},
};

static const struct shape service_network[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){{"aliases", SHAPE_STRINGS, .identity = ""},
                            {"ipv4_address", SHAPE_STRING},
                            {"ipv6_address", SHAPE_STRING},
                            {"link_local_ips", SHAPE_STRINGS, .standing = STANDING_REFUSED},
                            {"mac_address", SHAPE_STRING},
                            {"driver_opts", SHAPE_PAIRS, .standing = STANDING_REFUSED},
                            {"gw_priority", SHAPE_INT},
                            {"interface_name", SHAPE_STRING, .standing = STANDING_REFUSED},
                            {"priority", SHAPE_INT, .standing = STANDING_UNUSED},
                            {0}},
     .keeps_null = true},
    {0}};

static const struct shape port[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){{"name", SHAPE_STRING},
                            {"mode", SHAPE_STRING, .words = "ingress host"},
                            {"host_ip", SHAPE_STRING},
                            {"target", SHAPE_INT},
                            {"published", SHAPE_STRING},
                            {"protocol", SHAPE_STRING, .words = "tcp udp sctp"},
                            {"app_protocol", SHAPE_STRING},
                            {0}}},
    {0}};

static const struct shape service_volume[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){
         {"type", SHAPE_STRING, .words = "volume bind tmpfs image"},
         {"source", SHAPE_STRING},
         {"target", SHAPE_STRING},
         {"read_only", SHAPE_BOOL},
         {"bind", SHAPE_OBJECT,
          (const struct shape[]){{"propagation", SHAPE_STRING,
                                  .words = "private rprivate shared rshared slave rslave"},
                                 {"create_host_path", SHAPE_BOOL},
                                 {"recursive", SHAPE_STRING, .standing = STANDING_REFUSED},
                                 {"selinux", SHAPE_STRING, .words = "z Z"},
                                 {0}}},
         {"volume", SHAPE_OBJECT,
          (const struct shape[]){
              {"nocopy", SHAPE_BOOL}, {"subpath", SHAPE_STRING}, {"labels", SHAPE_PAIRS}, {0}}},
         {"tmpfs", SHAPE_OBJECT,
          (const struct shape[]){{"size", SHAPE_BYTES}, {"mode", SHAPE_INT}, {0}}},
         {"image", SHAPE_OBJECT, (const struct shape[]){{"subpath", SHAPE_STRING}, {0}}},
         {"consistency", SHAPE_STRING, .standing = STANDING_OBSOLETE},
         {0}}},
    {0}};

/* Our own: see docs/compose.md. */
static const struct shape ours[] = {
    {"wall", SHAPE_STRING, .words = "container vm"},
    {"network-rate", SHAPE_STRING},
    {"publish", SHAPE_STRING_LIST, .identity = ""},
    {"port", SHAPE_INT},
    {"balance", SHAPE_STRING, .words = "least_conn round_robin"},
    {"sticky", SHAPE_BOOL},
    {"health", SHAPE_STRING},
    {"tls", SHAPE_OBJECT,
     (const struct shape[]){{"certificate", SHAPE_PATH},
                            {"key", SHAPE_PATH},
                            {"acme", SHAPE_STRING},
                            {"email", SHAPE_STRING},
                            {"root", SHAPE_PATH},
                            {0}}},
    {0},
};

static const struct shape service[] = {
    {"annotations", SHAPE_PAIRS},
    {"attach", SHAPE_BOOL},
    {"build", SHAPE_OBJECT, build, expand_build},
    {"blkio_config", SHAPE_OBJECT, blkio},
    {"cap_add", SHAPE_STRINGS, .identity = ""},
    {"cap_drop", SHAPE_STRINGS, .identity = ""},
    {"cgroup", SHAPE_STRING, .words = "host private"},
    {"cgroup_parent", SHAPE_STRING},
    {"command", SHAPE_COMMAND, .replaced = true},
    {"configs", SHAPE_LIST, mounted_file, expand_configs, .identity = "source,target"},
    {"container_name", SHAPE_STRING},
    {"cpu_count", SHAPE_INT, .standing = STANDING_REFUSED},
    {"cpu_percent", SHAPE_INT, .standing = STANDING_REFUSED},
    {"cpu_period", SHAPE_INT},
    {"cpu_quota", SHAPE_INT},
    {"cpu_rt_period", SHAPE_INT},
    {"cpu_rt_runtime", SHAPE_INT},
    {"cpu_shares", SHAPE_INT},
    {"cpus", SHAPE_NUMBER},
    {"cpuset", SHAPE_STRING},
    {"credential_spec", SHAPE_ANY, .standing = STANDING_CLUSTER},
    {"depends_on", SHAPE_MAP, dependency, expand_depends_on},
    {"deploy", SHAPE_OBJECT, deploy},
    {"develop", SHAPE_OBJECT, develop},
    {"device_cgroup_rules", SHAPE_STRINGS, .identity = ""},
    {"devices", SHAPE_LIST, device, expand_devices, .identity = "target"},
    {"dns", SHAPE_STRING_LIST, .identity = ""},
    {"dns_opt", SHAPE_STRINGS, .identity = ""},
    {"dns_search", SHAPE_STRING_LIST, .identity = ""},
    {"domainname", SHAPE_STRING},
    {"entrypoint", SHAPE_COMMAND, .replaced = true},
    {"env_file", SHAPE_LIST, env_file, expand_env_file, .identity = "path"},
    {"environment", SHAPE_PAIRS},
    {"expose", SHAPE_STRINGS, .identity = ""},
    {"extends", SHAPE_OBJECT,
     (const struct shape[]){{"service", SHAPE_STRING}, {"file", SHAPE_PATH}, {0}}, expand_extends},
    {"external_links", SHAPE_STRINGS, .standing = STANDING_REFUSED},
    {"extra_hosts", SHAPE_STRINGS, NULL, expand_hosts, .identity = ""},
    {"gpus", SHAPE_ANY, .standing = STANDING_REFUSED},
    {"group_add", SHAPE_STRINGS, .identity = ""},
    {"healthcheck", SHAPE_OBJECT, healthcheck},
    {"hostname", SHAPE_STRING},
    {"image", SHAPE_STRING},
    {"init", SHAPE_BOOL},
    {"ipc", SHAPE_STRING},
    {"isolation", SHAPE_STRING, .standing = STANDING_REFUSED},
    {"labels", SHAPE_PAIRS},
    {"label_file", SHAPE_LIST, (const struct shape[]){{"", SHAPE_PATH}, {0}}, expand_to_list,
     .identity = ""},
    {"links", SHAPE_STRINGS, .identity = ""},
    {"logging", SHAPE_OBJECT,
     (const struct shape[]){{"driver", SHAPE_STRING}, {"options", SHAPE_PAIRS}, {0}}},
    {"mac_address", SHAPE_STRING},
    {"mem_limit", SHAPE_BYTES},
    {"mem_reservation", SHAPE_BYTES},
    {"mem_swappiness", SHAPE_INT},
    {"memswap_limit", SHAPE_BYTES},
    {"network_mode", SHAPE_STRING},
    {"networks", SHAPE_MAP, service_network, expand_names},
    {"oom_kill_disable", SHAPE_BOOL},
    {"oom_score_adj", SHAPE_INT},
    {"pid", SHAPE_STRING},
    {"pids_limit", SHAPE_INT},
    {"platform", SHAPE_STRING},
    {"ports", SHAPE_LIST, port, expand_ports, .identity = "host_ip,target,published,protocol"},
    {"post_start", SHAPE_LIST, hook},
    {"pre_stop", SHAPE_LIST, hook},
    {"privileged", SHAPE_BOOL},
    {"profiles", SHAPE_STRINGS, .identity = ""},
    {"pull_policy", SHAPE_STRING},
    {"read_only", SHAPE_BOOL},
    {"restart", SHAPE_STRING},
    {"runtime", SHAPE_STRING, .standing = STANDING_REFUSED},
    {"scale", SHAPE_INT},
    {"secrets", SHAPE_LIST, mounted_file, expand_configs, .identity = "source,target"},
    {"security_opt", SHAPE_STRINGS, .identity = ""},
    {"shm_size", SHAPE_BYTES},
    {"stdin_open", SHAPE_BOOL},
    {"stop_grace_period", SHAPE_DURATION},
    {"stop_signal", SHAPE_STRING},
    {"storage_opt", SHAPE_PAIRS},
    {"sysctls", SHAPE_PAIRS},
    {"tmpfs", SHAPE_STRING_LIST, .identity = ""},
    {"tty", SHAPE_BOOL},
    {"ulimits", SHAPE_MAP, ulimit},
    {"user", SHAPE_STRING},
    {"userns_mode", SHAPE_STRING},
    {"uts", SHAPE_STRING},
    {"volumes", SHAPE_LIST, service_volume, expand_volumes, .identity = "target"},
    {"volumes_from", SHAPE_STRINGS, .identity = ""},
    {"working_dir", SHAPE_STRING},
    {"x-cloison", SHAPE_OBJECT, ours},
    {0},
};
const struct shape shape_services[] = {{"", SHAPE_OBJECT, service}, {0}};

/* compose-spec 06-networks.md */
static const struct shape network[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){
         {"name", SHAPE_STRING},
         {"attachable", SHAPE_BOOL},
         {"driver", SHAPE_STRING},
         {"driver_opts", SHAPE_PAIRS},
         {"enable_ipv4", SHAPE_BOOL},
         {"enable_ipv6", SHAPE_BOOL},
         {"external", SHAPE_BOOL, NULL, expand_external},
         {"internal", SHAPE_BOOL},
         {"ipam", SHAPE_OBJECT,
          (const struct shape[]){
              {"driver", SHAPE_STRING, .standing = STANDING_UNUSED},
              {"config", SHAPE_LIST,
               (const struct shape[]){{"", SHAPE_OBJECT,
                                       (const struct shape[]){{"subnet", SHAPE_STRING},
                                                              {"ip_range", SHAPE_STRING},
                                                              {"gateway", SHAPE_STRING},
                                                              {"aux_addresses", SHAPE_PAIRS},
                                                              {0}}},
                                      {0}},
               .identity = "subnet"},
              {"options", SHAPE_PAIRS, .standing = STANDING_CLUSTER},
              {0}}},
         {"labels", SHAPE_PAIRS},
         {0}},
     .keeps_null = true},
    {0}};

/* compose-spec 07-volumes.md */
static const struct shape volume[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){{"name", SHAPE_STRING},
                            {"driver", SHAPE_STRING},
                            {"driver_opts", SHAPE_PAIRS},
                            {"external", SHAPE_BOOL, NULL, expand_external},
                            {"labels", SHAPE_PAIRS},
                            {0}},
     .keeps_null = true},
    {0}};

/* compose-spec 08-configs.md, 09-secrets.md */
static const struct shape held_file[] = {
    {"", SHAPE_OBJECT,
     (const struct shape[]){{"name", SHAPE_STRING},
                            {"file", SHAPE_PATH},
                            {"environment", SHAPE_STRING},
                            {"content", SHAPE_STRING},
                            {"external", SHAPE_BOOL, NULL, expand_external},
                            {"labels", SHAPE_PAIRS},
                            {"driver", SHAPE_STRING, .standing = STANDING_CLUSTER},
                            {"driver_opts", SHAPE_PAIRS, .standing = STANDING_CLUSTER},
                            {"template_driver", SHAPE_STRING, .standing = STANDING_CLUSTER},
                            {0}}},
    {0}};

const struct shape shape_root[] = {
    {"version", SHAPE_STRING, .standing = STANDING_OBSOLETE},
    {"name", SHAPE_STRING},
    {"include", SHAPE_LIST,
     (const struct shape[]){{"", SHAPE_OBJECT,
                             (const struct shape[]){{"path", SHAPE_STRING_LIST},
                                                    {"project_directory", SHAPE_STRING},
                                                    {"env_file", SHAPE_STRING_LIST},
                                                    {0}}},
                            {0}},
     expand_include},
    {"services", SHAPE_MAP, shape_services},
    {"networks", SHAPE_MAP, network},
    {"volumes", SHAPE_MAP, volume},
    {"configs", SHAPE_MAP, held_file},
    {"secrets", SHAPE_MAP, held_file},
    {"x-cloison", SHAPE_OBJECT,
     (const struct shape[]){
         {"balancer", SHAPE_OBJECT, (const struct shape[]){{"image", SHAPE_STRING}, {0}}}, {0}}},
    {0},
};
