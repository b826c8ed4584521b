// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci spec`: writes a config.json to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "oci/oci.h"

struct spec_values {
    const char *bundle;
    bool rootless;
};

#define CAPABILITIES "[\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"

/* A shell at a terminal in all namespaces but the user's, with what of /proc and /sys must not be
 * seen hidden: what runc and crun write. */
static const char template[] =
    "{\"ociVersion\": \"" OCI_SPEC_VERSION "\","
    "\"process\": {\"terminal\": true, \"user\": {\"uid\": 0, \"gid\": 0}, \"args\": [\"sh\"],"
    "\"env\": [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
    " \"TERM=xterm\"], \"cwd\": \"/\","
    "\"capabilities\": {\"bounding\": " CAPABILITIES ", \"effective\": " CAPABILITIES ","
    " \"permitted\": " CAPABILITIES "},"
    "\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}],"
    "\"noNewPrivileges\": true},"
    "\"root\": {\"path\": \"rootfs\", \"readonly\": true},"
    "\"hostname\": \"cloison\","
    "\"mounts\": ["
    "{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
    "{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
    " \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},"
    "{\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
    " \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\","
    " \"gid=5\"]},"
    "{\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\","
    " \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]},"
    "{\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\","
    " \"options\": [\"nosuid\", \"noexec\", \"nodev\"]},"
    "{\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\","
    " \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]},"
    "{\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\","
    " \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]}],"
    "\"linux\": {\"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},"
    "\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, {\"type\": \"ipc\"},"
    " {\"type\": \"uts\"}, {\"type\": \"mount\"}, {\"type\": \"cgroup\"}],"
    "\"maskedPaths\": [\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\","
    " \"/proc/latency_stats\", \"/proc/timer_list\", \"/proc/timer_stats\","
    " \"/proc/sched_debug\", \"/sys/firmware\", \"/proc/scsi\"],"
    "\"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\","
    " \"/proc/sysrq-trigger\"]}}";

static void remove_named(json_t *list, const char *key, const char *value)
{
    for (size_t i = json_array_size(list); i > 0; i--) {
        if (str_equal(json_string_value(json_object_get(json_array_get(list, i - 1), key)),
                      value)) {
            (void)json_array_remove(list, i - 1); /* it is there */
        }
    }
}

static json_t *own_map(uint32_t id)
{
    return json_pack("[{s:i,s:I,s:i}]", "containerID", 0, "hostID", (json_int_t)id, "size", 1);
}

/* For who is not root: a user namespace with oneself in it, the host's network, and no more than
 * such a user may mount. */
static void make_rootless(json_t *o)
{
    json_t *l = json_object_get(o, "linux"), *mounts = json_object_get(o, "mounts");
    json_t *namespaces = json_object_get(l, "namespaces");
    remove_named(namespaces, "type", "network");
    (void)json_array_append_new(namespaces,
                                json_pack("{s:s}", "type", "user")); /* memory: aborts */
    (void)json_object_set_new(l, "uidMappings", own_map(geteuid()));
    (void)json_object_set_new(l, "gidMappings", own_map(getegid()));
    (void)json_object_del(l, "resources");
    remove_named(mounts, "destination", "/sys/fs/cgroup");
    remove_named(mounts, "destination", "/sys");
    (void)json_array_append_new(
        mounts, json_pack("{s:s,s:s,s:s,s:[s,s,s,s,s]}", "destination", "/sys", "type", "none",
                          "source", "/sys", "options", "rbind", "nosuid", "noexec", "nodev", "ro"));
    json_t *pts = json_object_get(json_array_get(mounts, 2), "options");
    (void)json_array_remove(pts, json_array_size(pts) - 1); /* gid=5 is not mapped */
}

static int write_config(const char *bundle, json_t *o, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/config.json", bundle);
    CLEANUP(free) char *text = json_dumps(o, JSON_INDENT(4));
    CLEANUP(fd) int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST) {
        return error_set(err, ERROR_EXISTS, 0, "file config.json exists: remove it first");
    }
    if (fd < 0 || write_all(fd, text, strlen(text)) < 0 || write_all(fd, "\n", 1) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", path);
    }
    return 0;
}

static int spec_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    const struct spec_values *v = values;
    CLEANUP(json) json_t *o = NULL;
    int r = json_parse(template, strlen(template), "template", &o, err);
    if (r < 0) {
        return r;
    }
    if (v->rootless) {
        make_rootless(o);
    }
    return write_config(str_or(v->bundle, "."), o, err);
}

static const struct option spec_options[] = {
    {'b', "bundle", OPTION_STRING, offsetof(struct spec_values, bundle), "FOLDER",
     "Write it into this folder (default: this one)", COMPLETE_FOLDER},
    {0, "rootless", OPTION_FLAG, offsetof(struct spec_values, rootless), NULL,
     "For a user who is not root"},
    {0},
};

const struct command oci_spec = {
    .name = "spec",
    .group = "Commands",
    .summary = "Write a new config.json",
    .arguments = "[OPTIONS]",
    .options = spec_options,
    .values_size = sizeof(struct spec_values),
    .run = spec_run,
};
