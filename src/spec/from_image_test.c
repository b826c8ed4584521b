// SPDX-License-Identifier: Apache-2.0
/* Requests in, specs out: whole specs compared with stored ones (UPDATE=1 rewrites them), single
 * decisions by their text, each mistake by its message. No request here needs a machine. */
#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "spec/codec.h"
#include "spec/json_number.h"
#include "spec/request.h"

/* "flag=value" as the command line would fill it in; several by '\n'. */
#define ROW(flag, member)                                                                          \
    {                                                                                              \
        .key = (flag), .type = FIELD_TYPE_OF(((struct run_request *)0)->member),                   \
        .offset = offsetof(struct run_request, member)                                             \
    }
static const struct field flags[] = {
    ROW("command", command),
    ROW("rm", remove),
    ROW("init", init),
    ROW("tty", tty),
    ROW("privileged", privileged),
    ROW("read-only", read_only),
    ROW("oom-kill-disable", oom_kill_disable),
    ROW("entrypoint", entrypoint),
    ROW("user", user),
    ROW("workdir", workdir),
    ROW("hostname", hostname),
    ROW("domainname", domainname),
    ROW("env", env),
    ROW("annotation", annotations),
    ROW("volume", volumes),
    ROW("mount", mounts),
    ROW("tmpfs", tmpfs),
    ROW("device", devices),
    ROW("device-cgroup-rule", device_cgroup_rules),
    ROW("cap-add", cap_add),
    ROW("cap-drop", cap_drop),
    ROW("security-opt", security_opt),
    ROW("ulimit", ulimits),
    ROW("sysctl", sysctls),
    ROW("group-add", group_add),
    ROW("pid", pid_mode),
    ROW("ipc", ipc_mode),
    ROW("uts", uts_mode),
    ROW("userns", userns_mode),
    ROW("cgroupns", cgroupns_mode),
    ROW("cgroup-parent", cgroup_parent),
    ROW("network", networks),
    ROW("publish", publish),
    ROW("dns", dns),
    ROW("memory", memory),
    ROW("memory-swap", memory_swap),
    ROW("memory-reservation", memory_reservation),
    ROW("memory-swappiness", memory_swappiness),
    ROW("kernel-memory", kernel_memory),
    ROW("cpus", cpus_thousandths),
    ROW("cpu-shares", cpu_shares),
    ROW("cpu-quota", cpu_quota),
    ROW("cpu-period", cpu_period),
    ROW("cpuset-cpus", cpuset_cpus),
    ROW("cpuset-mems", cpuset_mems),
    ROW("pids-limit", pids_limit),
    ROW("blkio-weight", blkio_weight),
    ROW("oom-score-adj", oom_score_adj),
    ROW("shm-size", shm_size),
    ROW("blkio-weight-device", blkio_weight_device),
    ROW("device-read-bps", device_read_bps),
    ROW("device-write-iops", device_write_iops),
    ROW("restart", restart),
    ROW("stop-signal", stop_signal),
    ROW("time-offset", time_offset),
};

static void set_flag(struct run_request *r, const char *key, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        void *member = (char *)r + flags[i].offset;
        if (strcmp(flags[i].key, key) != 0) {
            continue;
        }
        if (flags[i].type == FIELD_STRV) {
            strv_add(member, value);
        } else if (flags[i].type == FIELD_STRING) {
            *(const char **)member = value;
        } else if (flags[i].type == FIELD_BOOL) {
            *(bool *)member = true;
        } else {
            struct option_integer *o = member;
            o->set = true;
            CHECK(str_to_i64(value, 10, &o->value) == 0);
        }
        return;
    }
    CHECK_STR(key, "a flag of the table");
}

struct fixture {
    struct run_request request;
    struct strv lines, volumes;
    struct image_config image;
    json_t *image_json;
    struct spec_environment env;
    struct spec *spec;
    struct error *err;
};

static const char image_text[] =
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
    "\"Env\":[\"PATH=/opt/bin:/bin\",\"NGINX_VERSION=1.27\"],"
    "\"Entrypoint\":[\"/docker-entrypoint.sh\"],\"Cmd\":[\"nginx\",\"-g\",\"daemon off;\"],"
    "\"ExposedPorts\":{\"80/tcp\":{}},\"StopSignal\":\"SIGQUIT\",\"User\":\"\"}}";
static const char passwd[] = "# users\nroot:x:0:0:root:/root:/bin/sh\n"
                             "www-data:x:33:33:web:/var/www:/usr/sbin/nologin\nbroken\n"
                             "alice:x:1000:1001::/home/alice:/bin/sh\n";
static const char group[] = "root:x:0:\nadm:x:4:alice,bob\nwww-data:x:33:\nstaff:x:50:alice\n"
                            "alice:x:1001:\n";

static int find_devices(void *context, const char *path, struct arena *a,
                        struct spec_device **items, size_t *count, struct error **err)
{
    if (str_equal(path, "/dev/missing")) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no such device: '%s'", path);
    }
    bool folder = str_equal(path, "/dev") || str_equal(path, "/dev/snd");
    for (int i = 0; i < (folder ? 2 : 1); i++) {
        *arena_push(a, *items, *count) = (struct spec_device){
            .type = str_equal(path, "/dev/sda") ? 'b' : 'c',
            .path = folder ? arena_format(a, "%s/d%d", path, i) : arena_strdup(a, path),
            .major = 8,
            .minor = i,
            .file_mode = {true, 0660},
            .uid = {true, 0},
            .gid = {true, 6},
        };
    }
    return 0;
}

static const char *find_container(void *context, const char *container,
                                  enum spec_namespace_type type, struct error **err)
{
    if (!str_equal(container, "web")) {
        error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", container);
        return NULL;
    }
    return type == SPEC_NS_PID ? "/proc/77/ns/pid"
                               : (type == SPEC_NS_IPC ? "/proc/77/ns/ipc" : "/proc/77/ns/net");
}

static int check_bind(void *context, const char *path, bool create, struct error **err)
{
    return create || !str_starts(path, "/missing")
               ? 0
               : error_set(err, ERROR_NOT_FOUND, 0, "bind source path does not exist: '%s'", path);
}

static int answer_image(void *context, struct spec_image_mount *m, struct error **err)
{
    if (str_equal(m->image, "absent")) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no such image: '%s'", m->image);
    }
    if (str_equal(m->image, "two")) {
        strv_add(&m->folders, "/store/b:2/diff");
    }
    strv_addf(&m->folders, "/store/a/diff%s%s", m->subpath ? "/" : "", str_or(m->subpath, ""));
    return 0;
}

static void fixture_init(struct fixture *f, const char *lines)
{
    *f = (struct fixture){.request = {.image = "nginx", .sig_proxy = true}};
    f->env = (struct spec_environment){
        .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .name = "web",
        .passwd = passwd,
        .group = group,
        .hosts_path = "/var/lib/cloison/c/hosts",
        .resolv_path = "/var/lib/cloison/c/resolv.conf",
        .hostname_path = "/var/lib/cloison/c/hostname",
        .volumes_dir = "/var/lib/cloison/volumes",
        .cwd = "/home/me",
        .host_hostname = "bighost",
        .host_cpu_count = 4,
        .host_cpus = "0-3",
        .host_mems = "0",
        .cgroup_v2 = true,
        .cgroup_namespace = true,
        .host_capabilities = UINT64_C(0x1fffeffffff), /* all but SYS_RESOURCE */
        .init_path = "/usr/libexec/docker-init",
        .container_namespace = find_container,
        .devices = find_devices,
        .bind_source = check_bind,
        .image_mount = answer_image,
        .no_seccomp = true,
    };
    CHECK_OK(json_parse(image_text, strlen(image_text), "image", &f->image_json, &f->err), f->err);
    CHECK_OK(image_config_parse(f->image_json, &f->image, &f->err), f->err);
    strv_split(&f->lines, lines, '\n');
    for (size_t i = 0; i < f->lines.count; i++) {
        char *line = f->lines.items[i], *equals = strchr(line, '=');
        if (equals) {
            *equals = '\0';
        }
        if (*line) {
            set_flag(&f->request, line, equals ? equals + 1 : "");
        }
    }
}

static void fixture_done(struct fixture *f)
{
    run_request_done(&f->request);
    image_config_done(&f->image);
    json_decref(f->image_json);
    spec_free(f->spec);
    strv_done(&f->lines);
    strv_done(&f->volumes);
    error_free(f->err);
}
static void fixture_cleanup(struct fixture *f)
{
    fixture_done(f);
}

static int build(struct fixture *f)
{
    return spec_from_image(&f->request, &f->image, &f->env, &f->spec, &f->volumes, &f->err);
}

static char *spec_text(const struct spec *s, size_t json_flags)
{
    CLEANUP(json) json_t *json = spec_to_json(s);
    return json_number_dump(json, json_flags);
}

static void check_stored(const char *name, const char *lines)
{
    CLEANUP(fixture) struct fixture f = {0};
    fixture_init(&f, lines);
    CHECK_OK(build(&f), f.err);
    CLEANUP(free) char *text = spec_text(f.spec, JSON_INDENT(2));
    CLEANUP(free) char *actual = str_format("%s\n", text);
    CLEANUP(free)
    char *path = str_format("%s/src/spec/testdata/%s", str_or(getenv("SOURCE_ROOT"), "."), name);
    if (getenv("UPDATE")) {
        CHECK_OK(
            file_write_atomic(AT_FDCWD, path, actual, strlen(actual), 0644, FILE_NO_SYNC, &f.err),
            f.err);
    }
    CLEANUP(free) char *expected = NULL;
    CHECK_OK(file_read(AT_FDCWD, path, 1 << 20, &expected, NULL, &f.err), f.err);
    CHECK_STR(actual, expected);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(spec) struct spec *again = NULL;
    CHECK_OK(json_number_parse(text, strlen(text), "config.json", &json, &f.err), f.err);
    CHECK_OK(spec_parse(json, "config.json", &again, &f.err), f.err);
    CLEANUP(free) char *text_again = spec_text(again, JSON_INDENT(2));
    CHECK_STR(text_again, text);
}

static void test_from_image_default(void)
{
    check_stored("run-nginx.json", "");
}

static void test_from_image_privileged(void)
{
    check_stored("run-privileged.json", "privileged\ndevice=/dev/sda:/dev/disk");
}

static void test_from_image_user(void)
{
    check_stored("run-user.json",
                 "user=alice\ngroup-add=www-data\ngroup-add=77\nworkdir=/srv/../w");
}

static void test_from_image_everything(void)
{
    check_stored("run-everything.json",
                 "command=sh\ncommand=-c\ncommand=true\ninit\ntty\nread-only\n"
                 "oom-kill-disable\nentrypoint=/bin/env\nuser=33:staff\nworkdir=/srv\n"
                 "hostname=h1\ndomainname=example.org\nenv=A=1\nenv=NGINX_VERSION=2\n"
                 "annotation=a.b=c\nvolume=/host:/mnt:ro,Z\nvolume=data:/data:nocopy\n"
                 "volume=/anonymous/deep\nmount=type=bind,src=/etc/x,dst=/x,readonly,"
                 "bind-propagation=rslave\nmount=type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700\n"
                 "tmpfs=/run:exec,size=64k,mode=755\ndevice=/dev/snd:/dev/sound:rw\n"
                 "device-cgroup-rule=c 10:* rm\ncap-add=net_admin\ncap-drop=CAP_CHOWN\n"
                 "security-opt=no-new-privileges\nsecurity-opt=writable-cgroups=true\n"
                 "ulimit=nofile=1024:2048\nulimit=core=-1\nulimit=nofile=10\n"
                 "sysctl=net.core.somaxconn=9\nsysctl=net.ipv4.ip_unprivileged_port_start=1\n"
                 "ipc=shareable\ncgroupns=host\ncgroup-parent=/jobs\nmemory=67108864\n"
                 "memory-reservation=33554432\nmemory-swappiness=10\ncpus=1500\ncpu-shares=512\n"
                 "cpuset-cpus=0,2-3\ncpuset-mems=0\npids-limit=100\nblkio-weight=300\n"
                 "oom-score-adj=-5\nshm-size=1048576\nblkio-weight-device=/dev/sda:200\n"
                 "device-read-bps=/dev/sda:1mb\ndevice-write-iops=/dev/sda:50\n"
                 "time-offset=monotonic=+1h,boottime=-90s");
}

/* One decision each: the flags, and what must stand in the compact spec (or must not: '!'). */
static const struct {
    const char *flags, *text;
} decisions[] = {
    {"command=ls", "\"args\":[\"/docker-entrypoint.sh\",\"ls\"]"},
    {"entrypoint=/bin/sh", "\"args\":[\"/bin/sh\"]"},
    {"entrypoint=\ncommand=ls\ncommand=-l", "\"args\":[\"ls\",\"-l\"]"},
    {"init", "\"args\":[\"/sbin/docker-init\",\"--\",\"/docker-entrypoint.sh\",\"nginx\""},
    {"init\npid=host", "\"args\":[\"/docker-entrypoint.sh\""},
    {"env=PATH=/x", "\"env\":[\"PATH=/x\",\"HOSTNAME="},
    {"env=PATH", "\"env\":[\"HOSTNAME=0123456789ab\",\"NGINX_VERSION=1.27\",\"HOME=/root\"]"},
    {"env=HOME=/h", "\"HOME=/h\""},
    {"tty", "\"TERM=xterm\""},
    {"", "!TERM"},
    {"user=1234", "\"uid\":1234,\"gid\":0,\"additionalGids\":[0]"},
    {"user=1000", "\"uid\":1000,\"gid\":1001,\"additionalGids\":[1001,4,50]"},
    {"user=alice:", "\"uid\":1000,\"gid\":1001,\"additionalGids\":[1001,4,50]"},
    {"user=alice:adm", "\"uid\":1000,\"gid\":4,\"additionalGids\":[4]"},
    {"user=:adm", "\"uid\":0,\"gid\":4,"},
    {"user=1234", "\"HOME=/\""},
    {"user=www-data", "\"HOME=/var/www\""},
    {"user=alice", "\"effective\":[],\"inheritable\":[],\"permitted\":[],\"ambient\":[]"},
    {"cap-drop=all", "\"bounding\":[],\"effective\":[]"},
    {"cap-drop=ALL\ncap-add=CHOWN", "\"bounding\":[\"CAP_CHOWN\"],"},
    {"cap-add=ALL\ncap-drop=CAP_CHOWN", "\"bounding\":[\"CAP_DAC_OVERRIDE\","},
    {"cap-add=ALL", "!CAP_SYS_RESOURCE"},
    {"privileged", "!CAP_SYS_RESOURCE"},
    {"network=host", "\"hostname\":\"bighost\""},
    {"network=host", "!\"network\""},
    {"network=host", "!sysctl"},
    {"network=none", "{\"type\":\"network\"}"},
    {"network=container:web", "{\"type\":\"network\",\"path\":\"/proc/77/ns/net\"}"},
    {"pid=host", "!{\"type\":\"pid\"}"},
    {"pid=container:web", "{\"type\":\"pid\",\"path\":\"/proc/77/ns/pid\"}"},
    {"uts=host", "!\"hostname\":"},
    {"uts=host", "\"HOSTNAME=bighost\""},
    {"ipc=none", "!/dev/shm"},
    {"ipc=host", "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/dev/shm\""},
    {"ipc=container:web", "\"source\":\"/proc/77/root/dev/shm\""},
    {"time-offset=-1500ms", "\"timeOffsets\":{\"monotonic\":{\"secs\":-2,\"nanosecs\":500000000}"},
    {"time-offset=boottime=10", "\"timeOffsets\":{\"boottime\":{\"secs\":10}}"},
    {"memory=67108864", "\"memory\":{\"limit\":67108864,\"swap\":134217728}"},
    {"memory=67108864\nmemory-swap=-1", "\"swap\":-1}"},
    {"memory=67108864\nmemory-swap=67108864", "\"swap\":67108864}"},
    {"pids-limit=-1", "\"pids\":{\"limit\":-1}"},
    {"pids-limit=0", "!\"pids\":"},
    {"cpu-quota=5000\ncpu-period=10000", "\"cpu\":{\"quota\":5000,\"period\":10000}"},
    {"security-opt=systempaths=unconfined", "!maskedPaths"},
    {"security-opt=no-new-privileges:false", "!noNewPrivileges"},
    {"security-opt=label=disable\nsecurity-opt=apparmor=unconfined", "!selinux"},
    {"volume=./a:/b", "\"source\":\"/home/me/a\""},
    {"volume=/a/../b//c/:/d/./e/",
     "{\"destination\":\"/d/e\",\"type\":\"bind\",\"source\":\"/b/c\""},
    {"volume=/a:/b:rshared", "\"rootfsPropagation\":\"shared\""},
    {"volume=/a:/etc/hosts", "!cloison/c/hosts"},
    {"volume=/a:/dev", "!\"/dev/pts\""},
    {"tmpfs=/dev/shm:size=1g",
     "\"options\":[\"noexec\",\"nosuid\",\"nodev\",\"rprivate\",\"size=1g\"]"},
    {"tmpfs=/t:exec,dev,suid,shared", "\"options\":[\"exec\",\"dev\",\"suid\",\"shared\"]"},
    {"mount=type=bind,src=/a,dst=/b,ro,bind-recursive=writable", "[\"rbind\",\"ro\",\"rprivate\"]"},
    {"mount=type=bind,src=/a,dst=/b,bind-recursive=disabled", "[\"bind\",\"rprivate\"]"},
    {"mount=type=bind,src=/missing,dst=/b,bind-create-src", "\"source\":\"/missing\""},
    {"mount=\"type=bind\",\"src=/a,b\",dst=/b", "\"source\":\"/a,b\""},
    {"mount=type=image,src=one,dst=/i,image-subpath=usr/share",
     "{\"destination\":\"/i\",\"type\":\"bind\",\"source\":\"/store/a/diff/usr/share\","
     "\"options\":[\"ro\",\"rprivate\",\"bind\"]}"},
    {"mount=type=image,src=two,dst=/i,readonly",
     "{\"destination\":\"/i\",\"type\":\"overlay\",\"source\":\"overlay\",\"options\":[\"ro\","
     "\"rprivate\",\"lowerdir=/store/b\\\\:2/diff:/store/a/diff\"]}"},
    {"device=/dev/sda",
     "{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":0,\"access\":\"rwm\"}"},
    {"device=/dev/sda:r", "{\"type\":\"b\",\"path\":\"/dev/sda\","},
    {"cgroup-parent=a/", "\"cgroupsPath\":\"a/0123"},
};

static void test_from_image_decisions(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
        CLEANUP(fixture) struct fixture f = {0};
        fixture_init(&f, decisions[i].flags);
        CHECK_OK(build(&f), f.err);
        CLEANUP(free) char *text = spec_text(f.spec, JSON_COMPACT);
        bool absent = decisions[i].text[0] == '!';
        if (!strstr(text, decisions[i].text + absent) != absent) {
            printf("# '%s' gives %s\n", decisions[i].flags, text);
            CHECK_STR(decisions[i].text, "what the spec says");
        }
    }
}

static const struct {
    const char *flags, *message;
} mistakes[] = {
    {"entrypoint=", "no command specified: 'nginx' has none of its own"},
    {"user=nobody", "unable to find user 'nobody': no matching entries in the image's /etc/passwd"},
    {"user=alice:nogroup",
     "unable to find group 'nogroup': no matching entries in the image's /etc/group"},
    {"user=-1", "user '-1' is outside 0 to 2147483647"},
    {"user=4294967295", "user '4294967295' is outside 0 to 2147483647"},
    {"group-add=nope", "--group-add: unable to find group 'nope': no matching entries in the "
                       "image's /etc/group"},
    {"workdir=srv", "the working directory 'srv' is invalid"},
    {"env==x", "invalid environment variable: '=x'"},
    {"cap-add=NET_ADMN", "--cap-add: unknown capability 'NET_ADMN'"},
    {"cap-drop=X", "--cap-drop: unknown capability 'X'"},
    {"cap-add=SYS_RESOURCE",
     "--cap-add: cannot give 'CAP_SYS_RESOURCE', this process does not have it"},
    {"volume=/a:/b:/c:d", "invalid volume specification: '/a:/b:/c:d'"},
    {"volume=", "invalid volume specification: ''"},
    {"volume=:/b", "invalid volume specification: ':/b'"},
    {"volume=/a:ro", "invalid volume specification: '/a:ro'"},
    {"volume=/a:b", "invalid volume specification: '/a:b': mount path 'b' must be absolute"},
    {"volume=/a:/", "invalid volume specification: '/a:/': a mount's destination cannot be '/'"},
    {"volume=/a:/b:rx", "volume '/a:/b:rx': invalid mode 'rx'"},
    {"volume=/a:/b:ro,rw", "volume '/a:/b:ro,rw': invalid mode 'ro,rw'"},
    {"volume=a/b:/c", "invalid volume specification: 'a/b:/c': 'a/b' is not a volume name"},
    {"volume=/a:/b\nvolume=/c:/b/", "duplicate mount point: '/b'"},
    {"volume=/a:/b\ntmpfs=/b", "duplicate mount point: '/b'"},
    {"mount=type=bind,src=/a,dst=/b\nvolume=/b", "duplicate mount point: '/b'"},
    {"mount=type=bind,src=/missing,dst=/b", "bind source path does not exist: '/missing'"},
    {"mount=type=bind,src=/a", "--mount 'type=bind,src=/a' has no destination"},
    {"mount=type=bind,dst=/a", "--mount 'type=bind,dst=/a': a bind needs src=ABSOLUTE-PATH"},
    {"mount=type=tmpfs,src=/a,dst=/a", "--mount 'type=tmpfs,src=/a,dst=/a': a tmpfs has no source"},
    {"mount=type=image,dst=/a", "--mount 'type=image,dst=/a': an image mount needs src=IMAGE"},
    {"mount=type=image,src=one,dst=/a,ro=false",
     "--mount 'type=image,src=one,dst=/a,ro=false': an image is mounted read-only alone"},
    {"mount=type=image,src=absent,dst=/a", "image 'absent' on '/a': no such image: 'absent'"},
    {"mount=src=one,dst=/a,image-subpath=x",
     "--mount 'src=one,dst=/a,image-subpath=x': 'image-subpath' is for type=image"},
    {"mount=type=nfs,dst=/a", "--mount 'type=nfs,dst=/a': unknown type 'nfs'"},
    {"mount=dst=/a,redonly", "--mount 'dst=/a,redonly': unknown option 'redonly'"},
    {"mount=dst=/a,src", "--mount 'dst=/a,src': 'src' needs a value"},
    {"mount=dst=/a,tmpfs-size=1m",
     "--mount 'dst=/a,tmpfs-size=1m': 'tmpfs-size' is for type=tmpfs"},
    {"mount=type=tmpfs,dst=/a,tmpfs-size=x",
     "--mount 'type=tmpfs,dst=/a,tmpfs-size=x': invalid value for 'tmpfs-size': 'x'"},
    {"mount=\"dst=/a", "--mount '\"dst=/a' is not key=value,…"},
    {"tmpfs=tmp", "invalid --tmpfs 'tmp': mount path 'tmp' must be absolute"},
    {"tmpfs=/t:bogus", "--tmpfs '/t:bogus': invalid option 'bogus'"},
    {"device=sda", "invalid device specification: 'sda'"},
    {"device=/dev/sda:/x:rwx", "--device '/dev/sda:/x:rwx': invalid mode 'rwx'"},
    {"device=/dev/missing", "--device: no such device: '/dev/missing'"},
    {"device-cgroup-rule=c 1 r", "invalid device cgroup rule: 'c 1 r'"},
    {"security-opt=secomp=x", "invalid --security-opt 'secomp=x'"},
    {"security-opt=no-new-privileges=x", "invalid --security-opt 'no-new-privileges=x'"},
    {"security-opt=apparmor=x", "--security-opt apparmor=x: this host has no AppArmor"},
    {"security-opt=label=type:x_t", "--security-opt label=type:x_t: this host has no SELinux"},
    {"ulimit=nofiles=1", "invalid --ulimit 'nofiles=1': no such type"},
    {"ulimit=nofile=2:1", "invalid --ulimit 'nofile=2:1': the soft limit is above the hard limit"},
    {"ulimit=nofile=x", "invalid --ulimit 'nofile=x': not a number"},
    {"ulimit=nofile=1:2:3", "invalid --ulimit 'nofile=1:2:3': not a number"},
    {"sysctl=a", "--sysctl 'a' is not NAME=VALUE"},
    {"sysctl=kernel.panic=1",
     "--sysctl 'kernel.panic' is the whole host's, no namespace has its own"},
    {"network=host\nsysctl=net.core.somaxconn=1",
     "--sysctl 'net.core.somaxconn' needs a network namespace"},
    {"network=host\nnetwork=x", "conflicting options: --network host and another network"},
    {"network=container:web\npublish=80:80",
     "conflicting options: --publish and --network container:web"},
    {"network=container:web\nhostname=a",
     "conflicting options: --hostname and --network container:web"},
    {"network=container:other", "no such container: other"},
    {"network=container:", "'container:' names no container"},
    {"pid=hots", "--pid: invalid mode 'hots'"},
    {"ipc=x", "--ipc: invalid mode 'x'"},
    {"uts=container:web", "--uts: invalid mode 'container:web'"},
    {"cgroupns=x", "--cgroupns: invalid mode 'x'"},
    {"userns=x", "--userns: invalid mode 'x'"},
    {"userns=auto", "--userns auto: no range of ids is set aside for containers"},
    {"uts=host\nhostname=a", "conflicting options: --hostname and --uts host"},
    {"hostname=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "hostname 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is too "
     "long (maximum 64 bytes)"},
    {"time-offset=later", "--time-offset: cannot read 'later'"},
    {"time-offset=realtime=1", "--time-offset: no clock 'realtime'"},
    {"cgroup-parent=../x", "--cgroup-parent '../x' must not contain '..'"},
    {"memory=1048576", "--memory: the minimum memory limit is 6m"},
    {"memory=67108864\nmemory-swap=1000000", "--memory-swap is below --memory"},
    {"memory-swap=67108864", "--memory-swap needs --memory"},
    {"memory=67108864\nmemory-reservation=99999999", "--memory-reservation is above --memory"},
    {"memory-swappiness=101", "--memory-swappiness is outside 0 to 100"},
    {"kernel-memory=67108864", "--kernel-memory: Linux no longer has this limit"},
    {"cpus=5000", "--cpus is outside 0.01 to 4.00: there are 4 CPUs here"},
    {"cpus=1000\ncpu-quota=5000", "conflicting options: --cpus and --cpu-quota"},
    {"cpus=1000\ncpu-period=5000", "conflicting options: --cpus and --cpu-period"},
    {"cpu-quota=10", "--cpu-quota is below 1000 microseconds"},
    {"cpu-period=10", "--cpu-period is outside 1000 to 1000000 microseconds"},
    {"cpu-shares=1", "--cpu-shares is outside 2 to 262144"},
    {"cpuset-cpus=0-x", "--cpuset-cpus: invalid list '0-x'"},
    {"cpuset-cpus=3-4", "--cpuset-cpus 3-4: such CPUs are not there (this host has 0-3)"},
    {"cpuset-mems=1", "--cpuset-mems 1: such memory nodes are not there (this host has 0)"},
    {"blkio-weight=5", "--blkio-weight is outside 10 to 1000"},
    {"blkio-weight-device=/dev/sda:5",
     "--blkio-weight-device '/dev/sda:5': the weight is outside 10 to 1000"},
    {"device-read-bps=/dev/sda", "--device-read-bps '/dev/sda' is not DEVICE-PATH:NUMBER"},
    {"device-read-bps=/dev/sda:fast", "--device-read-bps '/dev/sda:fast': invalid rate 'fast'"},
    {"device-read-bps=/dev/tty1:1", "--device-read-bps: '/dev/tty1' is not a block device"},
    {"device-write-iops=/dev/missing:1", "--device-write-iops: no such device: '/dev/missing'"},
    {"oom-score-adj=2000", "--oom-score-adj 2000 is outside -1000 to 1000"},
    {"shm-size=0", "--shm-size must be greater than 0"},
    {"restart=sometimes", "invalid restart policy: 'sometimes'"},
    {"restart=always:3", "restart policy 'always:3': only on-failure has a maximum"},
    {"restart=on-failure:x", "restart policy 'on-failure:x': 'x' is not a count"},
    {"restart=always\nrm", "conflicting options: --restart and --rm"},
    {"stop-signal=TREM", "stop signal: invalid signal: 'TREM'"},
};

static void test_from_image_mistakes(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        CLEANUP(fixture) struct fixture f = {0};
        fixture_init(&f, mistakes[i].flags);
        int r = build(&f);
        CHECK_STR(f.err ? f.err->message : mistakes[i].flags, mistakes[i].message);
        CHECK(r < 0 && !f.spec);
        CHECK_INT(r, -f.err->code);
    }
}

static void test_from_image_volumes(void)
{
    CLEANUP(fixture) struct fixture f = {0};
    fixture_init(&f, "volume=data:/data\nmount=src=more,dst=/more,volume-nocopy\nvolume=/anon\n"
                     "volume=/host:/host");
    strv_add(&f.image.volumes, "/data");
    strv_add(&f.image.volumes, "/var/cache");
    CHECK_OK(build(&f), f.err);
    CHECK_INT(f.volumes.count, 4);
    CHECK_STR(f.volumes.items[0], "data:/data");
    CHECK(str_ends(f.volumes.items[1], ":/anon"));
    CHECK_INT(strlen(f.volumes.items[1]), 64 + strlen(":/anon"));
    CHECK_STR(f.volumes.items[2], "more:/more:nocopy");
    CHECK(str_ends(f.volumes.items[3], ":/var/cache"));
    CHECK(strncmp(f.volumes.items[1], f.volumes.items[3], 64) != 0);
}

static void test_from_image_userns(void)
{
    struct spec_id_map map = {0, 100000, 65536};
    CLEANUP(fixture) struct fixture f = {0};
    fixture_init(&f, "");
    f.env.userns_map = &map;
    f.env.userns_map_count = 1;
    CHECK_OK(build(&f), f.err);
    CHECK(spec_namespace_get(f.spec, SPEC_NS_USER));
    CHECK_INT(f.spec->linux_.gid_mappings[0].host_id, 100000);
    CHECK_INT(f.spec->linux_.sysctl_count, 1);
    spec_free(take_ptr(f.spec));
    f.request.userns_mode = "host";
    CHECK_OK(build(&f), f.err);
    CHECK(!spec_namespace_get(f.spec, SPEC_NS_USER));
    spec_free(take_ptr(f.spec));
    f.request.userns_mode = NULL;
    f.request.privileged = true;
    CHECK(build(&f) < 0);
    CHECK_STR(f.err->message, "conflicting options: --privileged and a user namespace");
}

static void test_from_image_seccomp(void)
{
    CLEANUP(fixture) struct fixture f = {0};
    fixture_init(&f, "");
    f.env.no_seccomp = false;
    CHECK_OK(build(&f), f.err);
    CHECK(f.spec->linux_.seccomp);
    CHECK_STR(f.spec->linux_.seccomp->default_action, "SCMP_ACT_ERRNO");
    spec_free(take_ptr(f.spec));
    strv_add(&f.request.security_opt, "seccomp=unconfined");
    CHECK_OK(build(&f), f.err);
    CHECK(!f.spec->linux_.seccomp);
}

static const struct test tests[] = {
    TEST(test_from_image_default),   TEST(test_from_image_privileged),
    TEST(test_from_image_user),      TEST(test_from_image_everything),
    TEST(test_from_image_decisions), TEST(test_from_image_mistakes),
    TEST(test_from_image_volumes),   TEST(test_from_image_userns),
    TEST(test_from_image_seccomp),
};
TEST_MAIN(tests)
