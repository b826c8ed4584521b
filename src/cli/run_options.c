// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"

#include "base/option_rows.h"
#include "engine/networks.h"

#define AT(member) offsetof(struct run_values, request.member)

/* The order is Docker's, the alphabet; --help sorts anyway. */
#define PROCESS_ROWS                                                                               \
    TEXT(0, "entrypoint", entrypoint, "COMMAND", "Run this instead of the image's entrypoint"),    \
        LIST('e', "env", env, "KEY=VALUE", "Set an environment variable"),                         \
        LIST(0, "env-file", env_files, "FILE", "Read environment variables from a file",           \
             COMPLETE_FILE),                                                                       \
        LIST(0, "group-add", group_add, "GROUP", "Add a supplementary group"),                     \
        FLAG(0, "init", init, "Run a small init that reaps and forwards signals"),                 \
        FLAG('i', "interactive", interactive, "Keep standard input open"),                         \
        FLAG('t', "tty", tty, "Give it a terminal"),                                               \
        LIST(0, "ulimit", ulimits, "NAME=SOFT[:HARD]", "Set a resource limit"),                    \
        TEXT('u', "user", user, "USER[:GROUP]", "Run as this user, by name or number"),            \
        TEXT('w', "workdir", workdir, "FOLDER", "Start in this folder")

#define IDENTITY_ROWS                                                                              \
    LIST(0, "annotation", annotations, "KEY=VALUE", "Add an annotation to the OCI spec"),          \
        TEXT(0, "cidfile", cidfile, "FILE", "Write the container's ID to a new file",              \
             COMPLETE_FILE),                                                                       \
        TEXT(0, "display", display, "vnc=PATH", "A screen of its machine, on this socket",         \
             COMPLETE_NONE, NULL, FROM_CLOISON),                                                   \
        TEXT(0, "domainname", domainname, "NAME", "Set the NIS domain name"),                      \
        TEXT('h', "hostname", hostname, "NAME", "Set the host name"),                              \
        TEXT(0, "kernel", kernel, "KERNEL", "The kernel of its machine: a file or one kept",       \
             COMPLETE_KERNEL, NULL, FROM_CLOISON),                                                 \
        LIST('l', "label", labels, "KEY=VALUE", "Add a label"),                                    \
        LIST(0, "label-file", label_files, "FILE", "Read labels from a file", COMPLETE_FILE),      \
        TEXT(0, "name", name, "NAME", "Give it a name; one is made up otherwise"),                 \
        TEXT(0, "platform", platform, "OS/ARCH", "Use the image made for this platform"),          \
        TEXT(0, "pull", pull, "WHEN", "Fetch the image: missing, always or never", COMPLETE_WORDS, \
             "missing always never"),                                                              \
        FLAG('q', "quiet", quiet, "Print no progress while fetching the image"),                   \
        TEXT(0, "runtime", runtime_annotation, "NAME", "Taken for Docker's sake: there is one",    \
             .hidden = true),                                                                      \
        TEXT(0, "vmm", vmm, "WHICH", "What runs its machine: kvm or qemu", COMPLETE_WORDS,         \
             "kvm qemu", FROM_CLOISON),                                                            \
        TEXT(0, "wall", wall, "WALL", "What isolates it: container or vm", COMPLETE_WORDS,         \
             "container vm", FROM_CLOISON)

#define FILE_ROWS                                                                                  \
    LIST(0, "device", devices, "HOST[:PATH[:rwm]]", "Give it a device of the host",                \
         COMPLETE_FILE),                                                                           \
        LIST(0, "mount", mounts, "KEY=VALUE,...", "Mount a folder, volume, tmpfs or image"),       \
        FLAG(0, "read-only", read_only, "Make the root file system read-only"),                    \
        LIST(0, "storage-opt", storage_opt, "size=BYTES", "Limit what it may write to its root"),  \
        LIST(0, "tmpfs", tmpfs, "PATH[:OPTIONS]", "Mount a tmpfs"),                                \
        LIST('v', "volume", volumes, "SOURCE:PATH[:OPTIONS]", "Mount a folder or a volume",        \
             COMPLETE_VOLUME),                                                                     \
        LIST(0, "volumes-from", volumes_from, "CONTAINER[:ro]", "Mount another one's volumes",     \
             COMPLETE_CONTAINER)

#define SECURITY_ROWS                                                                              \
    LIST(0, "cap-add", cap_add, "CAPABILITY", "Add a capability, or ALL", COMPLETE_CAPABILITY),    \
        LIST(0, "cap-drop", cap_drop, "CAPABILITY", "Drop a capability, or ALL",                   \
             COMPLETE_CAPABILITY),                                                                 \
        LIST(0, "device-cgroup-rule", device_cgroup_rules, "RULE",                                 \
             "Allow devices by number: 'c 10:200 rwm'"),                                           \
        FLAG(0, "privileged", privileged, "Give it all capabilities and devices"),                 \
        LIST(0, "security-opt", security_opt, "OPTION",                                            \
             "seccomp=FILE, apparmor=PROFILE, no-new-privileges, ..."),                            \
        LIST(0, "sysctl", sysctls, "KEY=VALUE", "Set a sysctl of its own namespaces")

#define NAMESPACE_ROWS                                                                             \
    TEXT(0, "cgroup-parent", cgroup_parent, "GROUP", "Make its cgroup below this one"),            \
        TEXT(0, "cgroupns", cgroupns_mode, "MODE", "Cgroup namespace: private or host",            \
             COMPLETE_WORDS, "private host"),                                                      \
        TEXT(0, "ipc", ipc_mode, "MODE", "IPC: private, shareable, host, container:NAME",          \
             COMPLETE_WORDS, "private shareable host none container:"),                            \
        TEXT(0, "pid", pid_mode, "MODE", "PID namespace: host or container:NAME", COMPLETE_WORDS,  \
             "host container:"),                                                                   \
        TEXT(0, "time-offset", time_offset, "OFFSET",                                              \
             "Shift its clocks: +1h, or boottime=+1h,monotonic=-5m", .origin = FROM_CLOISON),      \
        TEXT(0, "userns", userns_mode, "MODE", "User namespace: host, or remap", COMPLETE_WORDS,   \
             "host remap"),                                                                        \
        TEXT(0, "uts", uts_mode, "MODE", "UTS namespace: host", COMPLETE_WORDS, "host")

#define NETWORK_ROWS                                                                               \
    LIST(0, "add-host", add_hosts, "NAME:ADDRESS", "Add a line to /etc/hosts"),                    \
        LIST(0, "dns", dns, "ADDRESS", "Use this name server"),                                    \
        LIST(0, "dns-option", dns_options, "OPTION", "Add an option to resolv.conf"),              \
        {0, "dns-opt", OPTION_LIST, AT(dns_options), "OPTION", "As --dns-option", .hidden = true}, \
        LIST(0, "dns-search", dns_search, "DOMAIN", "Search names in this domain"),                \
        LIST(0, "expose", expose, "PORT", "Note a port that it listens on"),                       \
        TEXT(0, "ip", ip, "ADDRESS", "Give it this IPv4 address"),                                 \
        TEXT(0, "ip6", ip6, "ADDRESS", "Give it this IPv6 address"),                               \
        LIST(0, "link", links, "CONTAINER[:NAME]", "Call another container so",                    \
             COMPLETE_CONTAINER),                                                                  \
        LIST(0, "link-local-ip", link_local_ips, "ADDRESS", "Refused: it may not send from it"),   \
        TEXT(0, "mac-address", mac_address, "ADDRESS", "Give it this MAC address"),                \
        LIST(0, "network", networks, "NETWORK", "A network's name; none, host, container:NAME",    \
             COMPLETE_NETWORK),                                                                    \
        {0, "net", OPTION_LIST, AT(networks), "NETWORK", "As --network", .hidden = true},          \
        LIST(0, "network-alias", network_aliases, "NAME", "Add a name in its network"),            \
        {0,      "net-alias",          OPTION_LIST,   AT(network_aliases),                         \
         "NAME", "As --network-alias", .hidden = true},                                            \
        LIST('p', "publish", publish, "[[ADDR:]HOST:]PORT", "Publish a port on the host"),         \
        FLAG('P', "publish-all", publish_all, "Publish all exposed ports on free ones")

/* Those that `update` changes too. */
#define CHANGEABLE_ROWS                                                                            \
    NUMBER(0, "blkio-weight", OPTION_INTEGER, blkio_weight, "WEIGHT",                              \
           "Share of disk time, 10 to 1000"),                                                      \
        NUMBER(0, "cpu-period", OPTION_INTEGER, cpu_period, "MICROSECONDS",                        \
               "Period of --cpu-quota"),                                                           \
        NUMBER(0, "cpu-quota", OPTION_INTEGER, cpu_quota, "MICROSECONDS",                          \
               "CPU time in each period"),                                                         \
        NUMBER(0, "cpu-rt-period", OPTION_INTEGER, cpu_rt_period, "MICROSECONDS",                  \
               "Period of --cpu-rt-runtime"),                                                      \
        NUMBER(0, "cpu-rt-runtime", OPTION_INTEGER, cpu_rt_runtime, "MICROSECONDS",                \
               "Real-time CPU time in each period"),                                               \
        NUMBER('c', "cpu-shares", OPTION_INTEGER, cpu_shares, "SHARES",                            \
               "Share of CPU time under contention"),                                              \
        NUMBER(0, "cpus", OPTION_DECIMAL, cpus_thousandths, "CPUS", "At most so many CPUs"),       \
        TEXT(0, "cpuset-cpus", cpuset_cpus, "CPUS", "Run on these CPUs: 0-2,4"),                   \
        TEXT(0, "cpuset-mems", cpuset_mems, "NODES", "Use memory of these NUMA nodes"),            \
        NUMBER('m', "memory", OPTION_BYTES, memory, "SIZE", "At most so much memory"),             \
        NUMBER(0, "memory-reservation", OPTION_BYTES, memory_reservation, "SIZE",                  \
               "Memory it keeps under pressure"),                                                  \
        NUMBER(0, "memory-swap", OPTION_BYTES, memory_swap, "SIZE",                                \
               "Memory and swap together; -1: no limit of swap"),                                  \
        NUMBER(0, "pids-limit", OPTION_INTEGER, pids_limit, "COUNT",                               \
               "At most so many processes; -1: no limit"),                                         \
        LIST(0, "device-read-bps", device_read_bps, "DEVICE:RATE", "Bytes a second read at most"), \
        LIST(0, "device-read-iops", device_read_iops, "DEVICE:RATE", "Reads a second at most"),    \
        LIST(0, "device-write-bps", device_write_bps, "DEVICE:RATE",                               \
             "Bytes a second written at most"),                                                    \
        LIST(0, "device-write-iops", device_write_iops, "DEVICE:RATE", "Writes a second at most"), \
        TEXT(0, "network-rate", network_rate, "RATE",                                              \
             "Bits a second at most: in=50mbit,out=10mbit", .origin = FROM_CLOISON),               \
        TEXT(0, "restart", restart, "POLICY", "no, always, unless-stopped or on-failure[:COUNT]",  \
             COMPLETE_WORDS, "no always unless-stopped on-failure")

#define LIMIT_ROWS                                                                                 \
    CHANGEABLE_ROWS,                                                                               \
        LIST(0, "blkio-weight-device", blkio_weight_device, "DEVICE:WEIGHT",                       \
             "Share of one disk's time"),                                                          \
        NUMBER(0, "kernel-memory", OPTION_BYTES, kernel_memory, "SIZE",                            \
               "At most so much kernel memory (cgroup v1)"),                                       \
        NUMBER(0, "memory-swappiness", OPTION_INTEGER, memory_swappiness, "PERCENT",               \
               "How readily it swaps, 0 to 100"),                                                  \
        FLAG(0, "oom-kill-disable", oom_kill_disable,                                              \
             "Let it wait instead of being killed (cgroup v1)"),                                   \
        NUMBER(0, "oom-score-adj", OPTION_INTEGER, oom_score_adj, "NUMBER",                        \
               "Its share of blame when memory runs out"),                                         \
        NUMBER(0, "shm-size", OPTION_BYTES, shm_size, "SIZE", "Size of /dev/shm")

#define LIFE_ROWS                                                                                  \
    TEXT(0, "health-cmd", health_cmd, "COMMAND", "Check its health with this command"),            \
        NUMBER(0, "health-interval", OPTION_DURATION, health_interval_ms, "DURATION",              \
               "Time between two checks"),                                                         \
        NUMBER(0, "health-retries", OPTION_INTEGER, health_retries, "COUNT",                       \
               "Failures in a row that make it unhealthy"),                                        \
        NUMBER(0, "health-start-interval", OPTION_DURATION, health_start_interval_ms, "DURATION",  \
               "Interval during the start period (default 5s)"),                                   \
        NUMBER(0, "health-start-period", OPTION_DURATION, health_start_period_ms, "DURATION",      \
               "Time in which failures do not count"),                                             \
        NUMBER(0, "health-timeout", OPTION_DURATION, health_timeout_ms, "DURATION",                \
               "Time that one check may take"),                                                    \
        TEXT(0, "log-driver", log_driver, "DRIVER", "json-file or none", COMPLETE_WORDS,           \
             "json-file none"),                                                                    \
        LIST(0, "log-opt", log_opt, "KEY=VALUE", "max-size=SIZE (10m), max-file=COUNT (3)"),       \
        FLAG(0, "no-healthcheck", no_healthcheck, "Ignore the image's health check"),              \
        FLAG(0, "rm", remove, "Remove it, and its anonymous volumes, at its end"),                 \
        TEXT(0, "stop-signal", stop_signal, "SIGNAL", "Signal that asks it to stop",               \
             COMPLETE_SIGNAL),                                                                     \
        NUMBER(0, "stop-timeout", OPTION_INTEGER, stop_timeout, "SECONDS",                         \
               "Time between that signal and SIGKILL")

#define ATTACH_ROWS                                                                                \
    LIST('a', "attach", attach, "STREAM", "Attach stdin, stdout or stderr alone", COMPLETE_WORDS,  \
         "stdin stdout stderr")

#define RUN_ROWS                                                                                   \
    FLAG('d', "detach", detach, "Run in the background; print the ID"),                            \
        TEXT(0, "detach-keys", detach_keys, "KEYS", "Keys that detach (ctrl-p,ctrl-q)"),           \
        FLAG(0, "sig-proxy", sig_proxy, "Forward signals to it (true)"),                           \
    {                                                                                              \
        0, "timing", OPTION_FLAG, AT(timing), NULL, "Print where the start's time went",           \
            .origin = FROM_CLOISON                                                                 \
    }

#define ALL_ROWS                                                                                   \
    PROCESS_ROWS, IDENTITY_ROWS, FILE_ROWS, SECURITY_ROWS, NAMESPACE_ROWS, NETWORK_ROWS,           \
        LIMIT_ROWS, LIFE_ROWS, ATTACH_ROWS

const struct option run_options[] = {ALL_ROWS, RUN_ROWS, {0}};
const struct option create_options[] = {ALL_ROWS, {0}};
const struct option update_options[] = {CHANGEABLE_ROWS, {0}};
const struct option explain_options[] = {ALL_ROWS, RUN_ROWS, EXPLAIN_ROWS, {0}};

void run_values_defaults(void *values)
{
    struct run_values *v = values;
    v->request.sig_proxy = true;
    v->request.wall = "container";
    v->request.pull = "missing";
}

void run_values_arguments(struct run_values *v, int argc, char **argv)
{
    v->request.image = argv[0];
    for (int i = 1; i < argc; i++) {
        strv_add(&v->request.command, argv[i]);
    }
}

void run_values_warn(const struct run_values *v, const struct engine *e)
{
    const struct run_request *r = &v->request;
    if (!r->networks.count || !(r->publish.count || r->publish_all)) {
        return;
    }
    CLEANUP(free) char *network = network_without_ports(e, r);
    if (str_equal(network, "host")) {
        fputs("WARNING: Published ports are discarded when using host network mode\n", stderr);
    } else if (network) {
        fprintf(stderr,
                "WARNING: Published ports are discarded: network '%s' is no bridge that "
                "leads out\n",
                network);
    }
}
