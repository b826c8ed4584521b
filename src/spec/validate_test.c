// SPDX-License-Identifier: Apache-2.0
/* Each demand of the specification that spec_validate() holds, broken once. */
#include "base/json.h"
#include "base/test.h"
#include "spec/spec.h"

/* What is not given of process and linux is as in a small good spec. */
#define ROOT "\"root\":{\"path\":\"rootfs\"}"
#define SPEC(rest) "{\"ociVersion\":\"1.2.1\"," ROOT "," rest "}"
#define PROCESS(rest) SPEC("\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"" rest "}")
#define NS(type) "{\"type\":\"" type "\"}"
#define LINUX(rest)                                                                                \
    SPEC("\"linux\":{\"namespaces\":[" NS("mount") "," NS("uts") "," NS("time") "]" rest "}")
#define LINUX_OF(namespaces, rest) SPEC("\"linux\":{\"namespaces\":[" namespaces "]" rest "}")
#define MAP "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]"
#define SECCOMP(rest) LINUX(",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"" rest "}")
#define RULE(rest) SECCOMP(",\"syscalls\":[{\"names\":[\"read\"]," rest "}]")

static const struct {
    const char *text;
    const char *message; /* behind "config.json: "; NULL: it is good */
} cases[] = {
    {SPEC("\"hooks\":{}"), NULL},
    {"{\"ociVersion\":\"1.0.2-dev\"," ROOT "}", NULL},
    {"{\"ociVersion\":\"2.0.0\"," ROOT "}", "ociVersion: '2.0.0' is not a version 1.x.y"},
    {"{\"ociVersion\":\"1.2\"," ROOT "}", "ociVersion: '1.2' is not a version 1.x.y"},
    {"{\"ociVersion\":\"1.02.1\"," ROOT "}", "ociVersion: '1.02.1' is not a version 1.x.y"},
    {"{\"ociVersion\":\"1.2.1\"}", "root: 'path' is missing"},
    {SPEC("\"hostname\":\"a\""), "hostname: needs a uts namespace"},
    {SPEC("\"domainname\":\"a\""), "domainname: needs a uts namespace"},
    {SPEC("\"annotations\":{\"\":\"a\"}"), "annotations: a key is empty"},

    {PROCESS(""), NULL},
    {SPEC("\"process\":{\"args\":[],\"cwd\":\"/\"}"), "process: 'args' is empty"},
    {SPEC("\"process\":{\"args\":[\"a\"]}"), "process.cwd: '' is not an absolute path"},
    {SPEC("\"process\":{\"args\":[\"a\"],\"cwd\":\"b\"}"),
     "process.cwd: 'b' is not an absolute path"},
    {PROCESS(",\"user\":{\"umask\":512}"), "process.user: umask 1000 is above 777"},
    {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]"),
     "process.rlimits: 'RLIMIT_X' is not known"},
    {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"hard\":1,\"soft\":2}]"),
     "process.rlimits: 'RLIMIT_AS': soft is above hard"},
    {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"hard\":1,\"soft\":1},"
             "{\"type\":\"RLIMIT_AS\",\"hard\":2,\"soft\":2}]"),
     "process.rlimits: 'RLIMIT_AS' stands twice"},
    {PROCESS(",\"oomScoreAdj\":1001"), "process.oomScoreAdj: 1001 is outside -1000 to 1000"},
    {PROCESS(",\"ioPriority\":{\"class\":\"X\"}"),
     "process.ioPriority: the class 'X' is not known"},
    {PROCESS(",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
     "process.ioPriority: 8 is outside 0 to 7"},
    {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_X\"}"),
     "process.scheduler: the policy 'SCHED_X' is not known"},
    {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":20}"),
     "process.scheduler: nice 20 is outside -20 to 19"},
    {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":1}"),
     "process.scheduler: 'priority' is for SCHED_FIFO and SCHED_RR"},
    {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"runtime\":1}"),
     "process.scheduler: 'runtime', 'deadline' and 'period' are for SCHED_DEADLINE"},
    {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"flags\":[\"X\"]}"),
     "process.scheduler: the flag 'X' is not known"},
    {PROCESS(",\"execCPUAffinity\":{\"initial\":\"1-\"}"),
     "process.execCPUAffinity: '1-' is not a list of CPUs"},

    {LINUX(",\"x\":1"), NULL},
    {LINUX_OF(NS("pid") "," NS("pid"), ""), "linux.namespaces: 'pid' stands twice"},
    {LINUX_OF("{\"type\":\"pid\",\"path\":\"x\"}", ""),
     "linux.namespaces: the path 'x' is not absolute"},
    {LINUX_OF(NS("user"), ""),
     "linux.namespaces: a new user namespace needs uidMappings and gidMappings"},
    {LINUX_OF(NS("user"), ",\"uidMappings\":" MAP ",\"gidMappings\":" MAP), NULL},
    {LINUX_OF(NS("pid"), ",\"gidMappings\":" MAP), "linux.gidMappings: need a user namespace"},
    {LINUX_OF(NS("user"), ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}],"
                          "\"gidMappings\":" MAP),
     "linux.uidMappings: a range of size 0"},
    {LINUX_OF(NS("user"), ",\"gidMappings\":[{\"containerID\":0,\"hostID\":4294967295,"
                          "\"size\":2}],\"uidMappings\":" MAP),
     "linux.gidMappings: a range goes past the last id"},
    {SPEC("\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":10}},\"linux\":"
          "{\"namespaces\":[" NS("user") "],\"uidMappings\":" MAP ",\"gidMappings\":" MAP "}"),
     "process.user: uid 10 is not in linux.uidMappings"},
    {SPEC("\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"additionalGids\":[9,11]}},"
          "\"linux\":{\"namespaces\":[" NS("user") "],\"uidMappings\":" MAP ",\"gidMappings\":" MAP
                                                   "}"),
     "process.user: gid 11 is not in linux.gidMappings"},
    {LINUX(",\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"), NULL},
    {LINUX_OF(NS("pid"), ",\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"),
     "linux.timeOffsets: need a new time namespace"},
    {LINUX(",\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
     "linux.timeOffsets: 'nanosecs' is not below a second"},
    {LINUX(",\"cgroupsPath\":\"/a/../b\""), "linux.cgroupsPath: '/a/../b' contains '..'"},
    {LINUX(",\"cgroupsPath\":\"/a/..b\""), NULL},
    {LINUX(",\"rootfsPropagation\":\"x\""), "linux.rootfsPropagation: 'x' is not known"},
    {LINUX(",\"personality\":{\"domain\":\"BSD\"}"),
     "linux.personality: the domain 'BSD' is not known"},
    {LINUX(",\"intelRdt\":{\"memBwSchema\":\"L3:0=1\"}"),
     "linux.intelRdt: 'memBwSchema' must start with 'MB:', in one line"},
    {LINUX(",\"intelRdt\":{\"closID\":\"../a\"}"), "linux.intelRdt: '../a' cannot be a closID"},
    {LINUX(",\"maskedPaths\":[\"a\"]"), "linux.maskedPaths: 'a' is not absolute"},
    {LINUX_OF(NS("pid"), ",\"readonlyPaths\":[\"/a\"]"), NULL},
    {LINUX(",\"devices\":[{\"type\":\"c\",\"path\":\"dev/x\"}]"),
     "linux.devices: the path 'dev/x' is not absolute"},
    {LINUX(",\"netDevices\":{\"eth0\":{}}"), "linux.netDevices: need a network namespace"},
    {LINUX_OF(NS("network"), ",\"netDevices\":{\"eth0\":{\"name\":\"sixteenletters16\"}}"),
     "linux.netDevices: 'sixteenletters16' cannot be an interface's name"},
    {LINUX(",\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}"),
     "linux.resources.devices: 'rx' is not made of 'rwm'"},
    {LINUX(",\"resources\":{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}}"),
     "linux.resources.blockIO.weightDevice: 8:0 has neither 'weight' nor 'leafWeight'"},
    {LINUX(",\"resources\":{\"rdma\":{\"mlx\":{}}}"),
     "linux.resources.rdma: 'mlx' has neither 'hcaHandles' nor 'hcaObjects'"},
    {LINUX(",\"resources\":{\"unified\":{\"../memory.max\":\"1\"}}"),
     "linux.resources.unified: '../memory.max' is not a cgroup file"},

    {LINUX(",\"sysctl\":{\"kernel.domainname\":\"a\"}"), NULL},
    {LINUX_OF(NS("network"), ",\"sysctl\":{\"net/ipv4/conf/eth0.1/mtu\":\"1\"}"), NULL},
    {LINUX_OF(NS("ipc"), ",\"sysctl\":{\"kernel.sem\":\"1\",\"fs/mqueue/msg_max\":\"1\"}"), NULL},
    {LINUX(",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
     "linux.sysctl: 'net.ipv4.ip_forward' needs a network namespace"},
    {LINUX(",\"sysctl\":{\"kernel.shmmax\":\"1\"}"),
     "linux.sysctl: 'kernel.shmmax' needs an ipc namespace"},
    {LINUX(",\"sysctl\":{\"kernel.hostname\":\"a\"}"),
     "linux.sysctl: 'kernel.hostname' is what 'hostname' is for"},
    {LINUX(",\"sysctl\":{\"vm.swappiness\":\"1\"}"),
     "linux.sysctl: 'vm.swappiness' is the whole host's, no namespace has its own"},
    {LINUX_OF(NS("network"), ",\"sysctl\":{\"net/../kernel/core_pattern\":\"1\"}"),
     "linux.sysctl: 'net/../kernel/core_pattern' is not a parameter's name"},
    {LINUX_OF(NS("network"), ",\"sysctl\":{\"net...kernel\":\"1\"}"),
     "linux.sysctl: 'net...kernel' is not a parameter's name"},

    {LINUX_OF(NS("pid"), "},\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\"}],"
                         "\"x\":{\"y\":1"),
     NULL},
    {LINUX("},\"mounts\":[{\"destination\":\"\"}],\"x\":{\"y\":1"),
     "mounts[0]: 'destination' is empty"},
    {LINUX("},\"mounts\":[{\"destination\":\"rel\",\"type\":\"tmpfs\"}],\"x\":{\"y\":1"), NULL},
    {LINUX("},\"mounts\":[{\"destination\":\"/a\",\"options\":[\"rbind\"]}],\"x\":{\"y\":1"),
     "mounts[0]: the bind mount on '/a' has no source"},
    {LINUX("},\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":" MAP "}],\"x\":{\"y\":1"),
     "mounts[0]: 'uidMappings' and 'gidMappings' go together"},
    {LINUX("},\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\","
           "\"idmap\"]}],\"x\":{\"y\":1"),
     "mounts[0]: '/a' has no id mappings to apply"},
    {SPEC("\"hooks\":{\"poststop\":[{\"path\":\"a\"}]}"),
     "hooks.poststop: the path 'a' is not absolute"},
    {SPEC("\"hooks\":{\"prestart\":[{\"path\":\"/a\",\"timeout\":0}]}"),
     "hooks.prestart: the timeout of '/a' is not above 0"},

    {SECCOMP(""), NULL},
    {LINUX(",\"seccomp\":{\"defaultAction\":\"ALLOW\"}"),
     "linux.seccomp: the action 'ALLOW' is not known"},
    {SECCOMP(",\"architectures\":[\"SCMP_ARCH_VAX\"]"),
     "linux.seccomp: the architecture 'SCMP_ARCH_VAX' is not known"},
    {SECCOMP(",\"flags\":[\"X\"]"), "linux.seccomp: the flag 'X' is not known"},
    {SECCOMP(",\"defaultErrnoRet\":1"), "linux.seccomp: SCMP_ACT_ALLOW takes no defaultErrnoRet"},
    {SECCOMP(",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]"),
     "linux.seccomp.syscalls: a rule without names"},
    {RULE("\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1"), NULL},
    {RULE("\"action\":\"SCMP_ACT_LOG\",\"errnoRet\":1"),
     "linux.seccomp.syscalls: 'read': SCMP_ACT_LOG takes no errnoRet"},
    {RULE("\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,"
          "\"op\":\"SCMP_CMP_EQ\"}]"),
     "linux.seccomp.syscalls: 'read': the argument 6 is outside 0 to 5"},
    {RULE("\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"EQ\"}]"),
     "linux.seccomp.syscalls: the operator 'EQ' is not known"},
    {RULE("\"action\":\"SCMP_ACT_NOTIFY\""), "linux.seccomp: SCMP_ACT_NOTIFY needs 'listenerPath'"},
    {SECCOMP(",\"listenerMetadata\":\"a\""),
     "linux.seccomp: 'listenerMetadata' needs 'listenerPath'"},
};

static void test_validate_demands(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(json) json_t *json = NULL;
        CLEANUP(spec) struct spec *s = NULL;
        CHECK_OK(json_parse(cases[i].text, strlen(cases[i].text), cases[i].text, &json, &err), err);
        CHECK_OK(spec_parse(json, "config.json", &s, &err), err);
        int r = spec_validate(s, &err);
        if (!cases[i].message) {
            CHECK_OK(r, err);
            continue;
        }
        CLEANUP(free) char *expected = str_format("config.json: %s", cases[i].message);
        CHECK_STR(err ? err->message : cases[i].text, expected);
        CHECK(r < 0);
    }
}

static const struct test tests[] = {TEST(test_validate_demands)};
TEST_MAIN(tests)
